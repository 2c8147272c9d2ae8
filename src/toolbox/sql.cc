// See sql.h. A connection of SQLite on ":memory:"; what keeps a query in bounds is in
// confinement.cc (what it may do, steps, time) and query_memory.cc.
#include "toolbox/sql.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>

#include "toolbox/confinement_impl.h"
#include "toolbox/query_memory_impl.h"
#include "toolbox/statement_impl.h"
#include "toolbox/text_functions_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

SqlValue column_value(sqlite3_stmt* s, int i) {
  switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
      return static_cast<int64_t>(sqlite3_column_int64(s, i));
    case SQLITE_FLOAT:
      return sqlite3_column_double(s, i);
    case SQLITE_TEXT:
      return made_valid(column_text(s, i));
    case SQLITE_BLOB:
      return column_hexadecimal(s, i);
    default:
      return std::monostate();
  }
}

int64_t bytes_of(const SqlValue& v) {
  const auto* text = std::get_if<std::string>(&v);
  return static_cast<int64_t>(sizeof v + (text == nullptr ? 0 : text->size()));
}

// One run of one statement under its limits.
class Run {
 public:
  Run(sqlite3* db, const QueryLimits& limits, std::function<bool(std::string_view)> may_read)
      : db_(db),
        limits_(limits),
        confinement_(db, limits, std::move(may_read)),
        memory_(limits.max_memory_bytes) {}

  Result<QueryResult> query(std::string_view sql) {
    if (static_cast<int64_t>(sql.size()) > limits_.max_sql_bytes)
      return Status::error(
          fmt::format("SQL: at most {} bytes wanted, {} found", limits_.max_sql_bytes, sql.size()));
    if (sql.find('\0') != sql.npos) return Status::error("SQL: text wanted, a NUL byte found");
    FATHOM_ASSIGN_OR_RETURN(Statement statement, compile(sql));
    if (statement == nullptr) return Status::error("SQL: a SELECT wanted, nothing found");
    if (sqlite3_stmt_readonly(statement.get()) == 0 ||
        sqlite3_stmt_isexplain(statement.get()) != 0 || sqlite3_column_count(statement.get()) == 0)
      return Status::error("SQL: only a SELECT may run here");
    return rows(statement.get());
  }

 private:
  // The one statement of `sql`; null where there is none. Behind it only comments may follow.
  Result<Statement> compile(std::string_view sql) {
    Statement first;
    while (!sql.empty()) {
      sqlite3_stmt* raw = nullptr;
      const char* tail = nullptr;
      const int code =
          sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()), &raw, &tail);
      Statement statement(raw);
      if (first != nullptr && (raw != nullptr || code != SQLITE_OK))
        return Status::error("SQL: one statement wanted, more found");
      if (code != SQLITE_OK) return failure(code);
      if (raw != nullptr) first = std::move(statement);
      sql.remove_prefix(static_cast<size_t>(tail - sql.data()));
    }
    return first;
  }

  Result<QueryResult> rows(sqlite3_stmt* s) {
    QueryResult result;
    const int n_columns = sqlite3_column_count(s);
    for (int i = 0; i < n_columns; ++i) {
      const char* name = sqlite3_column_name(s, i);
      result.columns.push_back(made_valid(name == nullptr ? "" : name));
    }
    int64_t bytes = 0;
    int code;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
      if (static_cast<int64_t>(result.rows.size()) >= limits_.max_rows ||
          bytes > limits_.max_result_bytes) {
        result.truncated = true;
        code = SQLITE_DONE;
        break;
      }
      std::vector<SqlValue>& row = result.rows.emplace_back();
      row.reserve(static_cast<size_t>(n_columns));
      for (int i = 0; i < n_columns; ++i) bytes += bytes_of(row.emplace_back(column_value(s, i)));
    }
    // A value that could not be turned into text for want of memory reads as an empty one.
    if (code != SQLITE_DONE || memory_.refused()) return failure(code);
    result.steps = sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 0);
    result.seconds = confinement_.seconds();
    return result;
  }

  Status failure(int code) {
    if (!confinement_.refused().empty())
      return Status::error(fmt::format("SQL: only a SELECT over the tables may run here, not {}",
                                       one_line(confinement_.refused(), 100)));
    if (!confinement_.reached().empty())
      return Status::error(fmt::format("{}{}", kQueryStopped, confinement_.reached()));
    if (memory_.refused())
      return Status::error(
          fmt::format("SQL: needs more than {} MB of memory", limits_.max_memory_bytes >> 20));
    if (code == SQLITE_TOOBIG && limits_.max_value_bytes < (1 << 30))
      return Status::error(
          fmt::format("SQL: a text of more than {} bytes", limits_.max_value_bytes));
    return Status::error("SQL: " + one_line(sqlite3_errmsg(db_), 500));
  }

  sqlite3* db_;
  const QueryLimits& limits_;
  Confinement confinement_;
  QueryMemory memory_;
};

}  // namespace

Result<std::unique_ptr<Database>> Database::create(const DatabaseLimits& limits) {
  install_query_memory();
  std::unique_ptr<Database> database(new Database());
  database->max_bytes_ = limits.max_bytes;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(":memory:", &database->db_, flags, nullptr) != SQLITE_OK)
    return Status::error("SQLite: cannot open a database in memory");
  harden(database->db_);
  add_text_functions(database->db_);
  // What a query sorts stays in memory and in its limit; SQLite would write it to a file.
  FATHOM_RETURN_IF_ERROR(database->execute(
      fmt::format("PRAGMA temp_store = MEMORY; PRAGMA page_size = 4096; PRAGMA max_page_count = {}",
                  std::max<int64_t>(limits.max_bytes / 4096, 2))));
  return database;
}

Database::~Database() {
  FATHOM_CHECK(!writing_);
  sqlite3_close(db_);
}

Status Database::execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return Status::error(fmt::format("SQLite: {}", one_line(sqlite3_errmsg(db_), 500)));
}

Result<QueryResult> Database::query(std::string_view sql, const QueryLimits& limits) {
  FATHOM_CHECK(!writing_);
  Run run(db_, limits, [this](std::string_view name) { return table(name) != nullptr; });
  return run.query(sql);
}

const SqlTable* Database::table(std::string_view name) const {
  const std::string wanted = ascii_lower(name);
  for (const SqlTable& t : tables_)
    if (ascii_lower(t.name) == wanted) return &t;
  return nullptr;
}

std::string_view column_type_name(ColumnType type) {
  static constexpr std::string_view kNames[] = {"integer",  "real", "boolean", "date",
                                                "datetime", "text", "any"};
  return kNames[static_cast<size_t>(type)];
}

std::string sql_identifier(std::string_view name) {
  bool plain = !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
               sqlite3_keyword_check(name.data(), static_cast<int>(name.size())) == 0;
  for (const char c : name)
    plain &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  if (plain) return std::string(name);
  return in_quotes(name, '"');
}

std::string sql_literal(const SqlValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return "NULL";
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return value_text(value);
  return in_quotes(*text, '\'');
}

std::string value_text(const SqlValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return std::to_string(*integer);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const auto* real = std::get_if<double>(&value);
  if (real == nullptr) return "";
  if (std::isinf(*real)) return *real > 0 ? "9e999" : "-9e999";  // as SQL reads it back
  std::string out = fmt::format("{:.15g}", *real);
  if (out.find_first_not_of("-0123456789") == out.npos) out += ".0";  // a real stays one
  return out;
}

}  // namespace fathom
