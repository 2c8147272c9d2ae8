// Supervised tuning's batches: conversations of a JSONL file, each line {"messages": [...]} with
// the assistant's message last, tokenized once into shards. Learnt from is the last message, and
// each earlier one of the assistant with "weight": 1, thought and all. A micro-batch takes samples
// in the epoch's order until the next one would pass micro_batch_size * seq_len predicted
// positions; each stands for itself from position 0, nothing is padded. The loss is the mean over
// the answers' tokens of the step. Source of the recipe: DeepSeek-R1 §2.3.3.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "rl/chat_format.h"
#include "train/batch_source.h"

namespace fathom {

/// An answer that is learnt from.
struct SftTurn {
  std::vector<ChatMessage> before;  // the messages since the answer of the turn before
  std::string answer;               // with its <think>…</think>
};
/// What a line of the data says. where: "file:line". Errors: no such object, a role or text that is
/// not there, a weight but 0 and 1, a last message that is not the assistant's.
Result<std::vector<SftTurn>> parse_sft_sample(std::string_view line, const std::string& where);

struct SftTokens {
  std::vector<int32_t> prompt, answer;  // answer: all from the first turn's answer on
  std::vector<uint8_t> learnt;          // of the answer's tokens: 0 where it is a later prompt
};
/// Error: the template's; an answer without <think> where the template opens the thought.
Result<SftTokens> encode_sft_sample(const std::vector<SftTurn>& turns, const ChatFormat& format,
                                    const std::string& where);

std::unique_ptr<BatchSource> make_sft_source();

}  // namespace fathom
