// What a question names: columns of the tables, values that occur in them, numbers and dates, each
// with its place in the text. This is found by comparing words, so that a model need not copy or
// convert what a program can.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "toolbox/sql.h"

namespace fathom {

/// A number, date or quoted text as SQL writes it, and without its quotes: 250 and 250,
/// '2024-03' and 2024-03, '05' and 05 (of the month of May).
struct MarkedLiteral {
  enum class Kind { kNumber, kDate, kMonthOfYear, kText };
  Kind kind;
  std::string sql, bare;
};

struct QuestionMark {
  enum class Kind {
    kColumn,   // all words of a column's name
    kPart,     // some of its words, one after the other; of at most kMaxPartColumns columns
    kAkin,     // words for the same (thesaurus_impl.h), of as many
    kValue,    // a value of these columns
    kLiteral,  // a number, a date; two for a quarter: its first and last day
  };
  Kind kind;
  bool is_certain() const { return kind != Kind::kPart && kind != Kind::kAkin; }
  size_t begin, end;                           // bytes of the question
  std::vector<const SqlColumn*> columns = {};  // in the tables' order
  std::vector<MarkedLiteral> literals = {};    // of a value, its text
};

inline constexpr size_t kMaxPartColumns = 2;

/// In the order of the question; no two overlap, but words that name a column may be a value too.
/// More words win over fewer, then all of a name over a part, what is written over what means the
/// same. Words are compared as columns write and shorten them: letter case, plural, left-out vowels
/// ("qty" is quantity, "impct" impact). A word that is a frequent one of English is no part, no
/// column, and a value only as the column writes it. Numbers: 1,250.50, 5k, 3 million, two to
/// twelve; not 0 and 1, which also stand for no and yes. Dates: 2024-03-05, 2024-03, 5 March 2024,
/// March 5, 2024, Mar 2024, in May, Q2 2024, the second quarter of 2024.
std::vector<QuestionMark> question_marks(const Database& database, std::string_view question);

/// The words of a text as they are compared here, but for left-out vowels: "Unit Prices" is "unit
/// price".
std::string word_stems(std::string_view text);

}  // namespace fathom
