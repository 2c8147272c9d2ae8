// The words of a question, made comparable, and the numbers and dates among them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "toolbox/question_marks.h"

namespace fathom {

/// A longer question is cut there before it is read.
inline constexpr size_t kMaxQuestionBytes = 2000;

struct QuestionWord {
  size_t begin, end;      // bytes of the question
  std::string key, stem;  // match_key's; that without its plural
};
std::vector<QuestionWord> question_words(std::string_view question);

/// Their stems, joined by spaces.
std::string stems_of(std::span<const QuestionWord> words);

/// Of English: a, in, no, … in lower case.
bool is_frequent_word(std::string_view key);

/// Whether a column's word is the question's: the same but for the plural, British spelling, or
/// vowels that are left out. "qty" is "quantity".
bool is_same_word(const QuestionWord& column, const QuestionWord& question);

/// The runs of up to eight words of a question, to find values among them.
class QuestionPhrases {
 public:
  explicit QuestionPhrases(const std::vector<QuestionWord>& words);
  struct Place {
    size_t first, n;  // words
  };
  /// Where the question has the value: letter case, punctuation and the plural aside; where it has
  /// it in the singular or plural of the table, only there. A frequent word of English counts only
  /// as it is written, not in lower case, and not as the question's first word; the m of "I'm"
  /// never.
  std::vector<Place> find(std::string_view question, std::string_view value) const;

 private:
  const std::vector<QuestionWord>& words_;
  std::unordered_map<std::string, std::vector<Place>> phrases_, singular_;
};

/// Numbers, dates and quoted words, as marks of kind kLiteral in the question's order.
std::vector<QuestionMark> question_literals(std::string_view question,
                                            const std::vector<QuestionWord>& words);

}  // namespace fathom
