// How tables enter a model's prompt: names, types, a few rows, and those values of text columns
// that the question names. And how a result goes back to the model. Deterministic, and bounded
// whatever the tables hold. Everything that comes out of a table stands on one line, cut and
// without control characters; that it is data and no instruction, the chat format must say.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "toolbox/sql.h"
#include "toolbox/table_labels.h"

namespace fathom {

enum class SchemaLayout {
  kRows,     // columns first, then whole rows
  kColumns,  // each column in words with its first values and a label, in few tokens
};

struct SchemaTextOptions {
  SchemaLayout layout = SchemaLayout::kRows;
  size_t max_bytes = 6000;   // of the whole; what did not fit is counted: "3 more columns"
  size_t max_columns = 60;   // of a table
  size_t n_sample_rows = 3;  // the first of each table
  size_t max_cell_bytes = 32;
  size_t max_values = 12;  // that the question names
};

/// For each table:
///   table sales: 1204 rows
///     region text
///     "unit price" real, in $
///     sold_on date
///   first rows:
///     North | 12.5 | 2024-01-05
/// and at the end
///   values in the question:
///     sales.region = 'North'
/// In SchemaLayout::kColumns names stand in words, their labels (table_labels.h) behind them. A
/// text column shows its first two distinct values, another one the first. What the question names
/// stands in TableLabels::question:
///   table sales = T
///    region = A text: North | South
///    unit price = B real $: 12.5
///    sold on = C date: 2024-01-05
/// Else identifiers and values stand as SQL needs them. Error: a table cannot be read.
Result<std::string> schema_text(Database& database, std::string_view question,
                                const SchemaTextOptions& options = {});

/// The text of SchemaLayout::kColumns, whatever options.layout says, with these labels.
Result<std::string> labelled_schema_text(Database& database, const TableLabels& labels,
                                         const SchemaTextOptions& options);

struct NamedValue {
  const SqlTable* table;
  const SqlColumn* column;
  std::string value;  // as the column has it
};
/// Values of text columns that `question` names: its words, up to eight in a row, letter case,
/// punctuation and the plural aside. Longer ones first, then in the order of tables, columns and
/// first appearance. A value that is a frequent word of English (a, in, no, …) counts only as the
/// column writes it and not in lower case. Values that sql.h leaves out of SqlColumn.values are not
/// found.
std::vector<NamedValue> values_in_question(const Database& database, std::string_view question,
                                           size_t max_values);

struct ResultTextOptions {
  size_t max_rows = 20;
  size_t max_cell_bytes = 60;
  size_t max_bytes = 4000;
};
/// "region | total", a line a row, and the number of rows at the end. NULL stands as NULL.
std::string result_text(const QueryResult& result, const ResultTextOptions& options = {});

}  // namespace fathom
