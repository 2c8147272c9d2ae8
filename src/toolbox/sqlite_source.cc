// The tables of a SQLite file as rows. The file may be anybody's: it is opened read-only and as
// immutable (so that no -wal or -shm file is made beside it), its triggers, views and functions are
// off, and each table is read by one confined SELECT.
#include <fmt/format.h>
#include <sqlite3.h>

#include <limits>

#include "toolbox/confinement_impl.h"
#include "toolbox/query_memory_impl.h"
#include "toolbox/row_source_impl.h"
#include "toolbox/statement_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

struct Close {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using Connection = std::shared_ptr<sqlite3>;  // shared by the sources of its tables

class SqliteTable : public RowSource {
 public:
  SqliteTable(Connection db, std::string where, std::string table, const TableFileOptions& options)
      : db_(std::move(db)),
        where_(std::move(where)),
        table_(std::move(table)),
        max_cell_bytes_(options.max_cell_bytes) {}

  bool typed() const override { return true; }
  const char* place() const override { return "row"; }
  std::vector<std::string> names() const override { return names_; }

  Status scan(const TakeRow& take) override {
    QueryLimits limits{.max_steps = std::numeric_limits<int64_t>::max(),
                       .max_seconds = 3600,
                       .max_value_bytes = max_cell_bytes_};
    const Confinement confinement(db_.get(), limits, [this](std::string_view name) {
      return ascii_lower(name) == ascii_lower(table_);
    });
    sqlite3_stmt* raw = nullptr;
    const std::string sql = "SELECT * FROM " + in_quotes(table_, '"');
    if (sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK)
      return failure(0);
    const Statement statement(raw);
    const int n = sqlite3_column_count(raw);
    names_.clear();
    for (int i = 0; i < n; ++i) names_.push_back(made_valid(sqlite3_column_name(raw, i)));
    std::vector<SqlCell> cells(names_.size());
    std::vector<std::string> made(names_.size());
    int64_t row = 0;
    int code;
    while ((code = sqlite3_step(raw)) == SQLITE_ROW) {
      ++row;
      for (int i = 0; i < n; ++i)
        cells[static_cast<size_t>(i)] = cell(raw, i, made[static_cast<size_t>(i)]);
      FATHOM_RETURN_IF_ERROR(take(row, cells));
    }
    return code == SQLITE_DONE ? Status() : failure(row + 1);
  }

 private:
  static SqlCell cell(sqlite3_stmt* s, int i, std::string& made) {
    switch (sqlite3_column_type(s, i)) {
      case SQLITE_INTEGER:
        return static_cast<int64_t>(sqlite3_column_int64(s, i));
      case SQLITE_FLOAT:
        return sqlite3_column_double(s, i);
      case SQLITE_NULL:
        return std::monostate();
      case SQLITE_BLOB:
        made = column_hexadecimal(s, i);
        return std::string_view(made);
      default: {
        const std::string_view text = column_text(s, i);
        if (valid_prefix(text) == text.size()) return text;
        made = made_valid(text);
        return std::string_view(made);
      }
    }
  }

  Status failure(int64_t row) const {
    const std::string at = row > 0 ? fmt::format(" row {}", row) : "";
    return Status::error(fmt::format("{}: table {}{}: {}", where_, one_line(table_, 60), at,
                                     one_line(sqlite3_errmsg(db_.get()), 200)));
  }

  Connection db_;
  std::string where_, table_;
  int64_t max_cell_bytes_;
  std::vector<std::string> names_;
};

std::string uri_of(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (const char c : path.string())
    uri += c == '%' || c == '?' || c == '#' ? fmt::format("%{:02X}", static_cast<unsigned char>(c))
                                            : std::string(1, c);
  return uri + "?immutable=1";
}

Result<Connection> open_file(const std::filesystem::path& path) {
  std::error_code ignored;
  const std::filesystem::path wal = path.string() + "-wal";
  if (std::filesystem::exists(wal, ignored) && std::filesystem::file_size(wal, ignored) > 0)
    return Status::error(fmt::format(
        "{}: {} holds changes that are not yet in the file; close the program that writes it",
        path.string(), wal.filename().string()));
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(uri_of(path).c_str(), &raw, flags, nullptr);
  Connection db(raw, Close());
  if (code != SQLITE_OK)
    return Status::error(fmt::format("{}: {}", path.string(), sqlite3_errmsg(raw)));
  harden(raw);
  sqlite3_exec(raw, "PRAGMA cell_size_check = ON", nullptr, nullptr, nullptr);
  return db;
}

}  // namespace

Result<std::vector<NamedSource>> sqlite_sources(const std::filesystem::path& path,
                                                const TableFileOptions& options,
                                                std::vector<std::string>& notes) {
  install_query_memory();
  FATHOM_ASSIGN_OR_RETURN(const Connection db, open_file(path));
  sqlite3_stmt* raw = nullptr;
  const char* sql =
      "SELECT name, type, sql FROM sqlite_schema WHERE type IN ('table', 'view') "
      "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid";
  const int code = sqlite3_prepare_v2(db.get(), sql, -1, &raw, nullptr);
  const Statement statement(raw);
  std::vector<NamedSource> sources;
  int step = code == SQLITE_OK ? SQLITE_ROW : code;
  while (step == SQLITE_ROW && (step = sqlite3_step(raw)) == SQLITE_ROW) {
    const std::string name = made_valid(column_text(raw, 0));
    if (column_text(raw, 1) == "view" ||
        ascii_lower(column_text(raw, 2)).starts_with("create virtual")) {
      notes.push_back(fmt::format("{} {} is left out",
                                  column_text(raw, 1) == "view" ? "view" : "virtual table",
                                  one_line(name, 60)));
      continue;
    }
    sources.push_back({name, std::make_unique<SqliteTable>(db, path.string(), name, options)});
  }
  if (step != SQLITE_DONE)
    return Status::error(
        fmt::format("{}: {}", path.string(), one_line(sqlite3_errmsg(db.get()), 200)));
  if (sources.empty()) return Status::error(fmt::format("{}: no table in it", path.string()));
  return sources;
}

}  // namespace fathom
