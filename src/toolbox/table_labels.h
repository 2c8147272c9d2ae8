// Labels: one short name for each table, each column, and each value and number of a question. The
// short prompt shows them, a model's plan and SQL are written in them, and they are replaced by
// what they stand for before anything runs or is shown. A small model then points at what it means
// by one token, where it otherwise would have to copy names letter by letter.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "toolbox/sql.h"

namespace fathom {

/// Of columns.
inline constexpr std::string_view kColumnLabels = "ABCDEFGHIJKLMNOPQRS";

/// A function of the tables' names and columns, their values and the question. Columns are A to S,
/// then A2 to S2, …; tables T to W; values and numbers p to z. Each kind begins at a letter of its
/// own for other tables or another question, so that a model which learns them meets all of them
/// equally often.
class TableLabels {
 public:
  TableLabels() = default;  // of no table: text stays as it is
  /// Valid as long as the database has these tables.
  TableLabels(const Database& database, std::string_view question, size_t max_values);

  struct Literal {
    std::string label;
    std::string sql;                        // 'North', 58.5, '2024-03-05', '2024-03'
    std::string bare;                       // the number, date or month without quotes; or empty
    std::vector<std::string> columns = {};  // labels of those that have the value
  };
  const std::vector<Literal>& literals() const { return literals_; }
  /// Requires: one of the database's.
  const std::string& table(const SqlTable& table) const;
  const std::string& column(const SqlColumn& column) const;

  /// SQL, with names in place of labels; columns with their tables where there are several. What
  /// is no label stays, and what stands in quotes.
  std::string sql(std::string_view labelled) const;
  /// The same for a plan (table_plan.h): the words in its `columns` line stay.
  std::string plan(std::string_view labelled) const;
  /// The other way about: values and numbers of a plan's line by their labels.
  std::string with_literals(std::string_view text) const;

 private:
  struct Name {
    const void* what;
    std::string label, name, qualified;
  };
  const Name* find(std::string_view label) const;
  std::vector<Name> tables_, columns_;
  std::vector<Literal> literals_;
};

}  // namespace fathom
