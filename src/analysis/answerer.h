// Answerer: what writes the next message of a conversation. The engine is one; a test plays
// another, so that the loop around it can be looked at without a trained model.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/think_splitter.h"
#include "tokenizer/chat_template.h"

namespace fathom {

struct Completion {
  /// kLength: the limit of tokens or the context ended it; kStopped: on_piece did.
  enum class End { kDone, kLength, kStopped };
  std::string text;  // as the model wrote it, after the prompt's "<think>" where that has one
  std::vector<TextPiece> pieces;  // the same as it streamed
  End end = End::kDone;
  int64_t n_prompt = 0, n_reused = 0;  // tokens; reused: those that were in the cache
  int64_t n_generated = 0;
  int64_t n_computed = 0;  // tokens that went through the model, of prompt and answer
  double prefill_s = 0, decode_s = 0;
  int64_t n_decoded = 0;  // tokens of decode_s
};

class Answerer {
 public:
  virtual ~Answerer() = default;
  /// Gets the text as it streams; false ends the completion.
  using OnPiece = std::function<bool(const TextPiece&)>;
  /// `messages` end with the user's. Error: the prompt does not fit, or the model failed.
  virtual Result<Completion> complete(std::span<const ChatMessage> messages,
                                      const OnPiece& on_piece) = 0;
  /// n completions. on_piece gets no text: false ends them. The engine's first is complete()'s, the
  /// others are drawn from the model's own distribution (temperature 1), all side by side, and the
  /// figures of all stand in the first; here, complete() n times. Error: as complete().
  virtual Result<std::vector<Completion>> complete_several(std::span<const ChatMessage> messages,
                                                           int n, const OnPiece& on_piece) {
    std::vector<Completion> all;
    for (int i = 0; i < n; ++i) {
      FATHOM_ASSIGN_OR_RETURN(Completion c,
                              complete(messages, [&](const TextPiece&) { return on_piece({}); }));
      all.push_back(std::move(c));
    }
    return all;
  }
  /// Whether a prompt of these messages leaves room for an answer.
  virtual Result<bool> fits(std::span<const ChatMessage> messages) = 0;
};

}  // namespace fathom
