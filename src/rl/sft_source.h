// Supervised tuning's batches: conversations of a JSONL file, each line {"messages": [...]} with
// the assistant's message last, tokenized once into shards. A micro-batch takes samples in the
// epoch's order until the next one would pass micro_batch_size * seq_len predicted positions; each
// stands for itself from position 0, nothing is padded. The loss is the mean over the answers'
// tokens of the step. Source of the recipe: DeepSeek-R1 §2.3.3.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "rl/chat_format.h"
#include "train/batch_source.h"

namespace fathom {

/// What a line of the data says.
struct SftSample {
  std::vector<ChatMessage> before;  // all messages but the last
  std::string answer;               // the last, with its <think>…</think>
};
/// where: "file:line". Errors: no such object, a role or text that is not there, a last message
/// that is not the assistant's.
Result<SftSample> parse_sft_sample(std::string_view line, const std::string& where);

struct SftTokens {
  std::vector<int32_t> prompt, answer;  // the eos is the answer's last
};
/// Error: the template's; an answer without <think> where the template opens the thought.
Result<SftTokens> encode_sft_sample(const SftSample& sample, const ChatFormat& format,
                                    const std::string& where);

std::unique_ptr<BatchSource> make_sft_source();

}  // namespace fathom
