// Invented tables: which columns, how they are called and written, and rows at will. Rows are drawn
// so that the conditions of a question hold for many of them, fail for many, and are met at their
// border.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rl/draw_impl.h"
#include "rl/tables_words_impl.h"
#include "toolbox/sql.h"

namespace fathom {

/// A word that no language has, in lower case.
std::string invented_word(Draw& draw);

struct SchemaColumn {
  const Concept* about = nullptr;  // null: a key
  std::string name = {};           // in the database
  std::string words = {};          // its name as words: "order date"
  ColumnType type = ColumnType::kText;
  std::string unit = {};
  std::vector<std::string> pool = {};  // of a text column
  double low = 0, high = 0;            // of a number
  bool nullable = false;
  bool is_id = false;       // 1, 2, 3, …
  bool is_foreign = false;  // names a row of the second table
};

struct SchemaTable {
  std::string name = {};
  Noun noun = {};
  std::vector<SchemaColumn> columns = {};
};

struct TableSchema {
  const Domain* domain = nullptr;
  std::vector<SchemaTable> tables = {};  // two: the first names rows of the second
  std::vector<std::shared_ptr<Concept>> invented = {};
  int first_year = 2022, last_year = 2024;  // of the dates
  bool labelled = false;  // names are labels (toolbox/table_labels.h): none repeats in a table
};

enum class FilterOp {
  kEqual,
  kNotEqual,
  kIn,
  kContains,
  kIsNull,
  kNotNull,  // text
  kGreater,
  kAtLeast,
  kLess,
  kAtMost,
  kBetween,
  kNumberEqual,  // numbers
  kAboveAverage,
  kBelowAverage,
  kTrue,
  kFalse,
  kYear,
  kMonth,
  kMonthOfYear,
  kSinceYear,
  kAfterYear,
  kBeforeYear,
  kYearRange,
  kQuarter,
  kAfterDate,
  kBeforeDate,
  kOnDate,
};

struct TableFilter {
  size_t table = 0, column = 0;
  FilterOp op = FilterOp::kEqual;
  SqlValue a = {}, b = {};  // months as "2024-03" and "03"
};

struct SchemaWish {
  bool held_out_domain = false;
  bool two_tables = false;
};
TableSchema sample_schema(Draw& draw, const SchemaWish& wish);

/// Adds, as the last column of the first table, one that the table shall not have: of the same
/// domain, and meant by no word for another column. Its place, or none where no such is left.
std::optional<size_t> add_phantom(Draw& draw, TableSchema& schema);

/// A day of the schema's years, YYYY-MM-DD.
std::string random_date(Draw& draw, const TableSchema& schema);
double random_number(Draw& draw, const SchemaColumn& column);

/// The schema's tables with rows of `draw`, each text column with a part of its values only, so
/// that no two databases have the same set; `wanted` are values that must stay.
struct RowWish {
  int64_t n_rows = 40;
  const std::vector<TableFilter>* filters = nullptr;
  bool all_values = false;
};
std::unique_ptr<Database> make_database(Draw& draw, const TableSchema& schema, const RowWish& wish);

}  // namespace fathom
