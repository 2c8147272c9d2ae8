// Cutting text into the pieces inside which BPE works: the splits of a Hugging Face pre-tokenizer,
// one after another, each on the pieces of the one before. Exactly one member maps bytes to letters
// (ByteLevel); members after it see letters, those before it text.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/regex.h"

namespace fathom {

/// What becomes of the matches of a split, in Hugging Face's words.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

struct SplitStep {
  Regex regex;
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  // what does not match counts as the match
};

struct PreTokenizerScratch {
  RegexScratch regex;
  std::string prefixed, letters;
};

using PieceSink = std::function<void(std::string_view piece)>;

/// Calls `sink` for each piece of `text` that `steps`, from `first` on, leave; none is empty.
/// Requires: text is valid UTF-8.
void split_text(const std::vector<SplitStep>& steps, size_t first, std::string_view text,
                RegexScratch& scratch, const PieceSink& sink);

/// Thread-safe after construction: reads only; the scratch belongs to one call at a time.
struct PreTokenizer {
  std::vector<SplitStep> before;  // on text
  bool add_prefix_space =
      false;  // ByteLevel puts a space before each piece that does not begin with one ...
  std::vector<SplitStep>
      within;  // ... and then splits by its own regex, where use_regex asks for it
  std::vector<SplitStep> after;  // on letters

  /// Calls `sink` with the bytes of each piece. Requires: text is valid UTF-8.
  void split(std::string_view text, PreTokenizerScratch& scratch, const PieceSink& sink) const;
};

}  // namespace fathom
