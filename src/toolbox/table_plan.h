// The plan in which a model says how it will answer a question about tables, before it writes SQL.
// It is the shipped model's thought: a few short lines of fixed grammar, so that a small model can
// learn it and a program can compare it with the SQL that follows. A plan stands for one SQL text
// (plan_sql); the agreement of plan and SQL is measured by the difference of the two.
//
//   columns: region = region, sold = amount, in 2024 = sold_on
//   filter: year of sold_on = 2024
//   compute: sum amount
//   group: region
//   order: figure desc
//   limit: 1
//   check: 1 row
//
// stands for SELECT region, SUM(amount) FROM sales WHERE strftime('%Y', sold_on) = '2024'
// GROUP BY region ORDER BY 2 DESC LIMIT 1.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace fathom {

/// A column, as SQL writes its name (with its table where two are joined), and the words of the
/// question that it answers to. An empty name: no column answers to these words ("supplier =
/// none"). The words come first: a model says what it looks for before it says what it has found.
struct PlannedColumn {
  std::string name, why;
};

/// Lines that are empty are left out of the text. Columns, values and conditions stand as in SQL,
/// but for dates: `year of sold_on`, `month of sold_on` (2024-03) and `month number of sold_on`
/// (03) are expressions, compared with a bare 2024, 2024-03, 03.
struct TablePlan {
  std::string table = {};  // told where there is more than one
  std::string join = {};   // "customers on orders.customer_id = customers.id"
  std::vector<PlannedColumn> columns = {};
  std::vector<std::string> filters = {};  // conditions, all of which must hold
  /// Figures: "count rows", "count distinct X", "sum|avg|min|max X"; "F where C minus F where D";
  /// "change % of F from C to D"; "share % of F" (of each group), "share % of F where C".
  /// Or rows: "list X, Y", "distinct X".
  std::vector<std::string> compute = {};
  std::vector<std::string> group = {};  // columns or date expressions
  std::string having = {};              // "sum amount > 100"
  std::string order = {};               // "figure desc", "X", "X desc"
  std::string limit = {};               // a number
  std::string check = {};               // see plan_check
};

/// Words of a question as they can stand in the `columns` line: without marks that part its list.
std::string plan_words(std::string_view words);
std::string plan_text(const TablePlan& plan);  // ends in a newline
/// Error: the line that is not of the grammar.
Result<TablePlan> read_plan(std::string_view thought);

/// The SQL that the plan stands for, from `table` where the plan tells none. Error: what of it
/// cannot be written as SQL.
Result<std::string> plan_sql(const TablePlan& plan, std::string_view table);

/// The shape of the result that follows from the plan: "1 number", "1 row", "5 rows",
/// "a row per region", "rows", or "cannot" where a column is missing.
std::string plan_check(const TablePlan& plan);

/// One sentence for each thing that the plan says and the SQL does not do, or the other way about;
/// empty where they agree. `sql` empty: the answer was that the tables cannot tell.
/// SQL is compared clause by clause, whatever the order of conditions and the letter case; equal
/// but differently written conditions count as different.
std::vector<std::string> plan_disagreements(const TablePlan& plan, std::string_view sql);

/// The names of columns in `sql`, in lower case and without their tables, each once: all
/// identifiers but functions, tables and aliases.
std::vector<std::string> sql_column_names(std::string_view sql);

}  // namespace fathom
