// ThinkSplitter: tells a reasoning model's thoughts from its answer while the text streams.
// Thoughts stand between <think> and </think>; where the prompt opened them already, the answer
// begins inside. Source: DeepSeek-R1 §2.2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fathom {

enum class TextKind { kAnswer, kThought, kTag };

struct TextPiece {
  TextKind kind = TextKind::kAnswer;
  std::string text;
  bool operator==(const TextPiece&) const = default;
};

/// Not thread-safe.
class ThinkSplitter {
 public:
  explicit ThinkSplitter(bool inside) : inside_(inside) {}
  /// The pieces that `text` completes; what may be the beginning of a tag waits for the next call.
  std::vector<TextPiece> push(std::string_view text);
  /// What still waits.
  std::vector<TextPiece> finish();
  bool inside() const { return inside_; }

 private:
  bool inside_;
  std::string held_;
};

/// A prompt's end opens a thought: "<think>", then nothing but white space.
bool opens_thought(std::string_view prompt);

}  // namespace fathom
