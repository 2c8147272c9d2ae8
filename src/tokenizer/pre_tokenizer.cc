// The splits; see pre_tokenizer.h. Behaviour after the published tokenizer.json files and what
// their encoder does with them.
#include "tokenizer/pre_tokenizer.h"

#include <optional>

#include "tokenizer/byte_letters.h"
#include "tokenizer/utf8.h"

namespace fathom {
namespace {

/// Joins matches and the text between them, in order, into pieces, as the behaviour says.
class Joiner {
 public:
  Joiner(SplitBehavior behavior, std::string_view text, const PieceSink& sink)
      : behavior_(behavior), text_(text), sink_(sink) {}

  void add(RegexMatch part, bool is_match) {
    switch (behavior_) {
      case SplitBehavior::kIsolated:
        emit(part);
        break;
      case SplitBehavior::kRemoved:
        if (!is_match) emit(part);
        break;
      case SplitBehavior::kContiguous:
        hold(part, held_ && is_match == held_is_match_);
        break;
      case SplitBehavior::kMergedWithPrevious:
        hold(part, held_ && is_match && !held_is_match_);
        break;
      case SplitBehavior::kMergedWithNext:
        hold(part, held_ && !is_match && held_is_match_);
        break;
    }
    held_is_match_ = is_match;
  }
  void finish() {
    if (held_) emit(*held_);
  }

 private:
  void hold(RegexMatch part, bool joins) {
    if (joins) {
      held_->end = part.end;
      return;
    }
    if (held_) emit(*held_);
    held_ = part;
  }
  void emit(RegexMatch part) const {
    if (part.end > part.begin) sink_(text_.substr(part.begin, part.end - part.begin));
  }

  SplitBehavior behavior_;
  std::string_view text_;
  const PieceSink& sink_;
  std::optional<RegexMatch> held_;
  bool held_is_match_ = false;  // of the last part
};

/// All matches from left to right. An empty one right after the match before it does not count.
void split_once(const SplitStep& step, std::string_view text, RegexScratch& scratch,
                const PieceSink& sink) {
  Joiner joiner(step.behavior, text, sink);
  size_t from = 0, done = 0;
  bool any = false;
  while (from <= text.size()) {
    const std::optional<RegexMatch> match = step.regex.find(text, from, scratch);
    if (!match) break;
    if (match->begin == match->end && any && match->end == done) {
      from = done + (done < text.size() ? first_utf8_char(text.substr(done)).n_bytes : 1);
      continue;
    }
    if (match->begin > done) joiner.add({done, match->begin}, step.invert);
    joiner.add(*match, !step.invert);
    from = done = match->end;
    any = true;
  }
  if (done < text.size()) joiner.add({done, text.size()}, step.invert);
  joiner.finish();
}

}  // namespace

void split_text(const std::vector<SplitStep>& steps, size_t first, std::string_view text,
                RegexScratch& scratch, const PieceSink& sink) {
  if (text.empty()) return;
  if (first == steps.size()) {
    sink(text);
    return;
  }
  if (first + 1 == steps.size()) {
    split_once(steps[first], text, scratch, sink);
    return;
  }
  split_once(steps[first], text, scratch,
             [&](std::string_view piece) { split_text(steps, first + 1, piece, scratch, sink); });
}

void PreTokenizer::split(std::string_view text, PreTokenizerScratch& scratch,
                         const PieceSink& sink) const {
  const PieceSink letters = [&](std::string_view piece) {
    scratch.letters = bytes_to_letters(piece);
    split_text(after, 0, scratch.letters, scratch.regex,
               [&](std::string_view part) { sink(*letters_to_bytes(part)); });
  };
  const PieceSink& mapped = after.empty() ? sink : letters;
  const PieceSink byte_level = [&](std::string_view piece) {
    if (add_prefix_space && !piece.starts_with(' ')) {
      scratch.prefixed.assign(1, ' ');
      scratch.prefixed += piece;
      piece = scratch.prefixed;
    }
    split_text(within, 0, piece, scratch.regex, mapped);
  };
  const bool maps_only = !add_prefix_space && within.empty();
  split_text(before, 0, text, scratch.regex, maps_only ? mapped : byte_level);
}

}  // namespace fathom
