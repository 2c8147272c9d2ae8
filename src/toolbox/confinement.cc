// See confinement_impl.h. The authorizer (sqlite3_set_authorizer) is asked while a statement is
// compiled, once for each thing that it would do, so what is refused here never begins to run.
#include "toolbox/confinement_impl.h"

#include <fmt/format.h>

#include <algorithm>

#include "toolbox/text_impl.h"

namespace fathom {
namespace {

constexpr int kStepsBetweenLooks = 256;

// All without effect. Left out on purpose: random, randomblob, zeroblob, load_extension,
// fts3_tokenizer, sqlite_*, changes, last_insert_rowid: what has an effect, is different at each
// call, or says something else than a table's values.
constexpr std::string_view kFunctions[] = {"->",
                                           "->>",
                                           "abs",
                                           "acos",
                                           "acosh",
                                           "asin",
                                           "asinh",
                                           "atan",
                                           "atan2",
                                           "atanh",
                                           "avg",
                                           "ceil",
                                           "ceiling",
                                           "char",
                                           "coalesce",
                                           "cos",
                                           "cosh",
                                           "count",
                                           "cume_dist",
                                           "current_date",
                                           "current_time",
                                           "current_timestamp",
                                           "date",
                                           "datetime",
                                           "degrees",
                                           "dense_rank",
                                           "exp",
                                           "first_value",
                                           "floor",
                                           "format",
                                           "glob",
                                           "group_concat",
                                           "hex",
                                           "ifnull",
                                           "iif",
                                           "instr",
                                           "json_array_length",
                                           "json_extract",
                                           "json_type",
                                           "json_valid",
                                           "julianday",
                                           "lag",
                                           "last_value",
                                           "lead",
                                           "length",
                                           "like",
                                           "likelihood",
                                           "likely",
                                           "ln",
                                           "log",
                                           "log10",
                                           "log2",
                                           "lower",
                                           "ltrim",
                                           "max",
                                           "min",
                                           "mod",
                                           "nth_value",
                                           "ntile",
                                           "nullif",
                                           "percent_rank",
                                           "pi",
                                           "pow",
                                           "power",
                                           "printf",
                                           "quote",
                                           "radians",
                                           "rank",
                                           "replace",
                                           "round",
                                           "row_number",
                                           "rtrim",
                                           "sign",
                                           "sin",
                                           "sinh",
                                           "sqrt",
                                           "strftime",
                                           "substr",
                                           "substring",
                                           "sum",
                                           "tan",
                                           "tanh",
                                           "time",
                                           "total",
                                           "trim",
                                           "trunc",
                                           "typeof",
                                           "unicode",
                                           "unixepoch",
                                           "unlikely",
                                           "upper"};

bool is_allowed_function(std::string_view name) {
  return std::find(std::begin(kFunctions), std::end(kFunctions), name) != std::end(kFunctions);
}

std::string_view action_name(int action) {
  static constexpr std::pair<int, std::string_view> kNames[] = {
      {SQLITE_INSERT, "INSERT"},
      {SQLITE_UPDATE, "UPDATE"},
      {SQLITE_DELETE, "DELETE"},
      {SQLITE_PRAGMA, "PRAGMA"},
      {SQLITE_ATTACH, "ATTACH"},
      {SQLITE_DETACH, "DETACH"},
      {SQLITE_TRANSACTION, "a transaction"},
      {SQLITE_SAVEPOINT, "SAVEPOINT"},
      {SQLITE_ALTER_TABLE, "ALTER TABLE"},
      {SQLITE_REINDEX, "REINDEX"},
      {SQLITE_ANALYZE, "ANALYZE"},
      {SQLITE_CREATE_VTABLE, "CREATE VIRTUAL TABLE"},
      {SQLITE_DROP_TABLE, "DROP TABLE"},
      {SQLITE_CREATE_TABLE, "CREATE TABLE"},
      {SQLITE_CREATE_TEMP_TABLE, "CREATE TABLE"},
      {SQLITE_CREATE_INDEX, "CREATE INDEX"},
      {SQLITE_CREATE_VIEW, "CREATE VIEW"},
      {SQLITE_CREATE_TEMP_VIEW, "CREATE VIEW"},
      {SQLITE_CREATE_TRIGGER, "CREATE TRIGGER"},
      {SQLITE_CREATE_TEMP_TRIGGER, "CREATE TRIGGER"},
  };
  for (const auto& [code, name] : kNames)
    if (code == action) return name;
  return "a change of the database";
}

// A read of no column, as in "WITH t AS (…) SELECT count(*) FROM t": the one case in which SQLite
// asks for the name of a subquery as well, and does not say that it is one.
bool counts_rows(std::string_view table, const char* column) {
  const std::string name = ascii_lower(table);
  return (column == nullptr || *column == 0) && !name.starts_with("sqlite_") &&
         !name.starts_with("pragma_");
}

}  // namespace

Confinement::Confinement(sqlite3* db, const QueryLimits& limits,
                         std::function<bool(std::string_view)> may_read)
    : db_(db),
      limits_(limits),
      may_read_(std::move(may_read)),
      start_(std::chrono::steady_clock::now()) {
  const auto clamp = [](int64_t n) { return static_cast<int>(std::clamp<int64_t>(n, 0, 1 << 30)); };
  const std::pair<int, int> wanted[] = {
      {SQLITE_LIMIT_LENGTH, clamp(limits.max_value_bytes)},
      {SQLITE_LIMIT_SQL_LENGTH, clamp(limits.max_sql_bytes)},
      {SQLITE_LIMIT_EXPR_DEPTH, 200},  // its parser and code generator recurse
      {SQLITE_LIMIT_COMPOUND_SELECT, 100},
      {SQLITE_LIMIT_FUNCTION_ARG, 100},
      {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256},  // matching is exponential in its wildcards
      {SQLITE_LIMIT_VDBE_OP, 1'000'000},
      {SQLITE_LIMIT_ATTACHED, 0},
      {SQLITE_LIMIT_TRIGGER_DEPTH, 0},
      {SQLITE_LIMIT_WORKER_THREADS, 0},
  };
  for (const auto& [id, value] : wanted) old_limits_.emplace_back(id, sqlite3_limit(db, id, value));
  sqlite3_set_authorizer(db, authorize, this);
  sqlite3_progress_handler(db, kStepsBetweenLooks, progress, this);
}

Confinement::~Confinement() {
  sqlite3_progress_handler(db_, 0, nullptr, nullptr);
  sqlite3_set_authorizer(db_, nullptr, nullptr);
  for (const auto& [id, value] : old_limits_) sqlite3_limit(db_, id, value);
}

double Confinement::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

int Confinement::authorize(void* self, int action, const char* a, const char* b, const char*,
                           const char*) {
  return static_cast<Confinement*>(self)->allows(action, a, b) ? SQLITE_OK : SQLITE_DENY;
}

bool Confinement::allows(int action, const char* a, const char* b) {
  std::string what;
  if (action == SQLITE_SELECT || action == SQLITE_RECURSIVE) return true;
  if (action == SQLITE_READ) {
    const std::string_view table = a == nullptr ? "" : a;
    if (may_read_(table) || counts_rows(table, b)) return true;
    what = fmt::format("reading {}", table);
  } else if (action == SQLITE_FUNCTION) {
    if (b != nullptr && is_allowed_function(ascii_lower(b))) return true;
    what = fmt::format("function {}", b == nullptr ? "" : b);
  } else {
    what = action_name(action);
  }
  if (refused_.empty()) refused_ = what;
  return false;
}

int Confinement::progress(void* self) {
  auto& c = *static_cast<Confinement*>(self);
  c.steps_ += kStepsBetweenLooks;
  if (c.steps_ > c.limits_.max_steps)
    c.reached_ = fmt::format("{} steps", c.limits_.max_steps);
  else if (c.seconds() > c.limits_.max_seconds)
    c.reached_ = fmt::format("{:g} s", c.limits_.max_seconds);
  return c.reached_.empty() ? 0 : 1;
}

void harden(sqlite3* db) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
}

}  // namespace fathom
