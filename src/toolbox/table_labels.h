// Labels: one short name for each table, each column, and each value and number of a question. The
// short prompt shows them, a model's plan and SQL are written in them, and they are replaced by
// what they stand for before anything runs or is shown. A small model then points at what it means
// by one token, where it otherwise would have to copy names letter by letter.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "toolbox/question_marks.h"
#include "toolbox/sql.h"

namespace fathom {

/// Of columns.
inline constexpr std::string_view kColumnLabels = "ABCDEFGHIJKLMNOPQRS";

/// A function of the tables' names and columns, their values and the question. Columns are A to S,
/// then A2 to S2, …; tables T to W; values and numbers p to z; words that nothing answers to b to
/// o. All but tables begin at another letter for other tables or another question, so that a model
/// which learns them meets all of them equally often; the first table is always T, as most
/// questions have no other.
class TableLabels {
 public:
  TableLabels() = default;  // of no table: text stays as it is
  /// Valid as long as the database has these tables.
  TableLabels(const Database& database, std::string_view question, size_t max_values);

  struct Literal {
    std::string label;
    std::string sql;   // 'North', 58.5, '2024-03-05', '2024-03'
    std::string bare;  // without quotes
    MarkedLiteral::Kind kind;
  };
  const std::vector<Literal>& literals() const { return literals_; }
  /// The question on one line, with labels behind what it names (question_marks.h): columns
  /// "unit price = B", where only some words of their names stand "price ~ B", values with the
  /// columns that have them "North = A p", numbers and dates "above 250 q". A run of words that
  /// neither name such a thing nor ask, count or join (asking_words.h) has a label too, "units
  /// sold? d": a column that is called otherwise, a kind of row, or what no column has.
  const std::string& question() const { return question_; }
  /// The question's words behind which the column's label stands first; empty where it does not.
  std::string_view words_for(const SqlColumn& column) const;
  /// The label that stands behind these words of the question, or else behind one of them: of words
  /// that nothing answers to, before others. Empty where there is none.
  std::string_view label_of(std::string_view words) const;
  /// Requires: one of the database's.
  const std::string& table(const SqlTable& table) const;
  const std::string& column(const SqlColumn& column) const;

  /// SQL, with names in place of labels; columns with their tables where there are several. What
  /// is no label stays, and what stands in quotes.
  std::string sql(std::string_view labelled) const;
  /// The same for a plan (table_plan.h): in its `columns` line the question's words stand in place
  /// of a label that stands for them, "d = B" is "units sold = qty", and before a label that stands
  /// there alone: "B" is "unit price = price_usd". Other words stay.
  std::string plan(std::string_view labelled) const;
  /// What an answer says is missing, with the question's words in place of a label: "no column for
  /// d" is "no column for units sold".
  std::string missing(std::string_view labelled) const;
  /// The other way about: values and numbers of a plan's line by their labels.
  std::string with_literals(std::string_view text) const;
  /// What the question names for certain and a query in labels leaves out: values and numbers as
  /// SQL writes them (a value also where it is compared with a column that does not have it),
  /// columns by their names. Where words may stand for several things, one of them is enough.
  struct Unused {
    std::vector<std::string> literals, columns;
  };
  Unused unused(std::string_view labelled_sql) const;
  /// The question names a column by these words, for certain.
  bool names_column(std::string_view words) const;

 private:
  struct Named {
    size_t begin, end;                         // bytes of the question
    std::vector<std::string> labels;           // any of these, anywhere, is its use
    std::vector<std::string> values, columns;  // or one of the values, compared with such a column
    std::string text;                          // by which unused() tells it
    std::string stems;                         // of its words in the question
    bool is_literal;
  };
  struct Name {
    const void* what;
    std::string label, name, qualified;
  };
  struct Pointer {
    size_t begin, end;  // bytes of the question
    std::string label, words;
    bool unknown;
  };
  std::string_view words_of(std::string_view label) const;
  std::string_view label_in(size_t begin, size_t end) const;
  bool is_used(const Named& named, std::string_view sql) const;
  const Name* find(std::string_view label) const;
  const std::string& literal(const MarkedLiteral& literal, uint64_t begin);
  void mark(const std::vector<QuestionMark>& marks,
            const std::vector<std::pair<size_t, size_t>>& unknown, uint64_t begin,
            size_t max_values);
  void remember(const QuestionMark& mark, std::string_view question, uint64_t begin);
  std::vector<Name> tables_, columns_;
  std::vector<Literal> literals_;
  std::string asked_, question_;
  std::vector<Named> named_;
  std::vector<std::pair<const SqlColumn*, std::string>> words_;
  std::vector<Pointer> pointers_;
};

}  // namespace fathom
