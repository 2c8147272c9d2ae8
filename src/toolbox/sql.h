// SQL over tables in memory, as a model may use it: one SELECT at a time, read-only, within limits
// of steps, time, rows and memory, so that no query can write, reach a file, or hang the program.
// The engine is SQLite. Tables come from table_file.h, or row by row through TableWriter. How a
// table enters a prompt is schema_text.h; whether two results are the same, result_compare.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace fathom {

/// A cell: NULL, integer, real or UTF-8 text. SqlCell points at text that its maker keeps.
using SqlValue = std::variant<std::monostate, int64_t, double, std::string>;
using SqlCell = std::variant<std::monostate, int64_t, double, std::string_view>;

enum class ColumnType {
  kInteger,
  kReal,
  kBoolean,   // 0 or 1
  kDate,      // text, YYYY-MM-DD
  kDatetime,  // text, YYYY-MM-DD HH:MM:SS
  kText,
  kAny,  // numbers and text as they came
};
/// "integer", "real", "boolean", "date", "datetime", "text", "any".
std::string_view column_type_name(ColumnType type);

struct SqlColumn {
  std::string name = {};
  ColumnType type = ColumnType::kText;
  std::string unit = {};  // "%", or a currency as written ("$", "EUR"); empty where there is none
  /// Of a text column, filled by TableWriter: its distinct values in the order of their first
  /// appearance. Left out: values longer than kMaxIndexedBytes; all of a column that has more than
  /// kMaxIndexedValues.
  std::vector<std::string> values = {};
};
inline constexpr size_t kMaxIndexedBytes = 100;
inline constexpr size_t kMaxIndexedValues = 50'000;
inline constexpr size_t kMaxNameBytes = 200;  // of a table or a column

struct SqlTable {
  std::string name = {};
  std::vector<SqlColumn> columns = {};
  int64_t n_rows = 0;
};

/// What one query may use. The step limit stops a query at the same place on every machine; the
/// time limit is looked at every few hundred steps.
struct QueryLimits {
  int64_t max_steps = 500'000'000;  // instructions of SQLite's machine; a row costs about 10 to 50
  double max_seconds = 10;
  int64_t max_rows = 10'000;               // more are cut off: QueryResult.truncated
  int64_t max_result_bytes = 64 << 20;     // of the result's values in memory; likewise cut off
  int64_t max_value_bytes = 1 << 20;       // of one text, also in between
  int64_t max_memory_bytes = 512ll << 20;  // allocated by the query at any time
  int64_t max_sql_bytes = 100'000;
};

/// How the error of a query begins that reached max_steps or max_seconds.
inline constexpr std::string_view kQueryStopped = "SQL: stopped after ";

struct QueryResult {
  std::vector<std::string> columns = {};  // as the query names them; may repeat
  std::vector<std::vector<SqlValue>> rows = {};
  bool truncated = false;
  int64_t steps = 0;
  double seconds = 0;
};

struct DatabaseLimits {
  int64_t max_bytes = 8ll << 30;  // of all tables together
};

class TableWriter;

/// Tables in memory, and queries over them. Not thread-safe: one thread at a time; any number of
/// databases beside each other.
class Database {
 public:
  static Result<std::unique_ptr<Database>> create(const DatabaseLimits& limits = {});
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs one SELECT (or WITH … SELECT, VALUES). Anything else is refused: writing, PRAGMA, ATTACH,
  /// EXPLAIN, tables that are not in tables(), functions with an effect or at random. "x" is a
  /// column and never text.
  /// Error: what was refused, the limit that was reached, or SQLite's own words ("no such column:
  /// regio"). Text in the result is valid UTF-8; a blob stands as hexadecimal digits.
  Result<QueryResult> query(std::string_view sql, const QueryLimits& limits = {});

  const std::vector<SqlTable>& tables() const { return tables_; }
  /// The table of that name, letter case aside, or null.
  const SqlTable* table(std::string_view name) const;

  /// Begins a table; it exists once its writer has finished. Error: the name is in use, there is no
  /// column or more than 2000, a column's name repeats (letter case aside), or a name is empty, not
  /// on one line (is_one_line of text_impl.h) or longer than kMaxNameBytes. Requires: no other
  /// writer is open, and this outlives the writer.
  Result<std::unique_ptr<TableWriter>> new_table(std::string name, std::vector<SqlColumn> columns);

  /// Requires: tables() has it, and no writer is open.
  Status drop_table(std::string_view name);

 private:
  friend class TableWriter;
  Database() = default;
  Status execute(const std::string& sql);

  sqlite3* db_ = nullptr;
  int64_t max_bytes_ = 0;
  bool writing_ = false;
  std::vector<SqlTable> tables_;
};

/// Fills one table in one transaction. Destroyed without finish(), nothing of the table stays.
class TableWriter {
 public:
  ~TableWriter();
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;
  /// Requires: a cell for each column, of the column's type or NULL. Error: the database is full.
  Status append(std::span<const SqlCell> row);
  Status finish();

 private:
  friend class Database;
  struct Indexes;
  TableWriter(Database& database, SqlTable table);
  Status prepare();
  Status failed();

  Database& database_;
  SqlTable table_;
  sqlite3_stmt* insert_ = nullptr;
  std::unique_ptr<Indexes> indexes_;
};

/// `name` as SQL needs it: quoted only where it must be ("unit price", "order"), quotes doubled.
std::string sql_identifier(std::string_view name);
/// 'North', 12.5, NULL: the value as SQL text.
std::string sql_literal(const SqlValue& value);
/// The value as a person reads it: up to 15 digits, NULL as "".
std::string value_text(const SqlValue& value);

}  // namespace fathom
