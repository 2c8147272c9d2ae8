// TableWriter of sql.h: one transaction, one prepared INSERT, and the distinct values of text
// columns gathered on the way.
#include <fmt/format.h>
#include <sqlite3.h>

#include <set>
#include <unordered_set>

#include "toolbox/sql.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

struct Hash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using Distinct = std::unordered_set<std::string, Hash, std::equal_to<>>;

// What SQLite makes of values in the column. Dates are text: with a numeric affinity
// "day >= '2024'" would compare text with the number 2024.
std::string_view affinity(ColumnType type) {
  switch (type) {
    case ColumnType::kInteger:
    case ColumnType::kBoolean:
      return " INTEGER";
    case ColumnType::kReal:
      return " REAL";
    case ColumnType::kAny:
      return "";
    default:
      return " TEXT";
  }
}

Status check_name(std::string_view what, std::string_view name) {
  if (name.empty()) return Status::error(fmt::format("{}: its name is empty", what));
  if (name.size() > kMaxNameBytes)
    return Status::error(fmt::format("{} {}: a name of at most {} bytes wanted, {} found", what,
                                     one_line(name, 60), kMaxNameBytes, name.size()));
  if (!is_one_line(name))
    return Status::error(fmt::format("{} {}: a name on one line wanted, control characters found",
                                     what, one_line(name, 60)));
  return {};
}

Status check_columns(const SqlTable& table) {
  if (table.columns.empty() || table.columns.size() > 2000)
    return Status::error(fmt::format("table {}: 1 to 2000 columns wanted, {} found", table.name,
                                     table.columns.size()));
  std::set<std::string> names;
  for (const SqlColumn& c : table.columns) {
    FATHOM_RETURN_IF_ERROR(check_name(fmt::format("table {}: a column", table.name), c.name));
    if (!names.insert(ascii_lower(c.name)).second)
      return Status::error(
          fmt::format("table {}: column {} occurs twice", table.name, one_line(c.name, 100)));
  }
  return {};
}

std::string create_statement(const SqlTable& table) {
  std::string sql = fmt::format("CREATE TABLE {} (", in_quotes(table.name, '\"'));
  for (const SqlColumn& c : table.columns)
    sql += fmt::format("{}{}{}", &c == table.columns.data() ? "" : ", ", in_quotes(c.name, '\"'),
                       affinity(c.type));
  return sql + ")";
}

std::string insert_statement(const SqlTable& table) {
  std::string sql = fmt::format("INSERT INTO {} VALUES (?", in_quotes(table.name, '\"'));
  for (size_t i = 1; i < table.columns.size(); ++i) sql += ",?";
  return sql + ")";
}

int bind(sqlite3_stmt* s, int i, const SqlCell& cell) {
  if (const auto* text = std::get_if<std::string_view>(&cell))
    return sqlite3_bind_text64(s, i, text->data() == nullptr ? "" : text->data(), text->size(),
                               SQLITE_STATIC, SQLITE_UTF8);
  if (const auto* integer = std::get_if<int64_t>(&cell)) return sqlite3_bind_int64(s, i, *integer);
  if (const auto* real = std::get_if<double>(&cell)) return sqlite3_bind_double(s, i, *real);
  return sqlite3_bind_null(s, i);
}

}  // namespace

struct TableWriter::Indexes {
  std::vector<Distinct> seen;   // of a column
  std::vector<bool> gathering;  // text columns, until there are too many values

  void add(std::span<const SqlCell> row, std::vector<SqlColumn>& columns) {
    for (size_t i = 0; i < columns.size(); ++i) {
      if (!gathering[i]) continue;
      const auto* text = std::get_if<std::string_view>(&row[i]);
      if (text == nullptr || text->size() > kMaxIndexedBytes || seen[i].contains(*text)) continue;
      if (seen[i].size() == kMaxIndexedValues) {
        gathering[i] = false;
        seen[i] = {};
        columns[i].values = {};
        continue;
      }
      seen[i].emplace(*text);
      columns[i].values.emplace_back(*text);
    }
  }
};

Result<std::unique_ptr<TableWriter>> Database::new_table(std::string name,
                                                         std::vector<SqlColumn> columns) {
  FATHOM_CHECK(!writing_);
  FATHOM_RETURN_IF_ERROR(check_name("a table", name));
  if (table(name) != nullptr)
    return Status::error(fmt::format("table {}: there is one of that name already", name));
  if (ascii_lower(name).starts_with("sqlite_"))
    return Status::error(fmt::format("table {}: SQLite keeps names in sqlite_ for itself", name));
  SqlTable table{std::move(name), std::move(columns), 0};
  FATHOM_RETURN_IF_ERROR(check_columns(table));
  std::unique_ptr<TableWriter> writer(new TableWriter(*this, std::move(table)));
  FATHOM_RETURN_IF_ERROR(writer->prepare());
  return writer;
}

Status Database::drop_table(std::string_view name) {
  FATHOM_CHECK(!writing_ && table(name) != nullptr);
  const auto at = tables_.begin() + (table(name) - tables_.data());
  FATHOM_RETURN_IF_ERROR(execute("DROP TABLE " + in_quotes(at->name, '"')));
  tables_.erase(at);
  return {};
}

TableWriter::TableWriter(Database& database, SqlTable table)
    : database_(database), table_(std::move(table)), indexes_(std::make_unique<Indexes>()) {
  database_.writing_ = true;
  indexes_->seen.resize(table_.columns.size());
  for (SqlColumn& c : table_.columns) {
    c.values.clear();
    indexes_->gathering.push_back(c.type == ColumnType::kText || c.type == ColumnType::kAny);
  }
}

TableWriter::~TableWriter() {
  sqlite3_finalize(insert_);
  if (!database_.writing_) return;  // finished
  // There may be no transaction: it failed to begin, or SQLite has rolled it back by itself.
  if (sqlite3_get_autocommit(database_.db_) == 0) (void)database_.execute("ROLLBACK");
  database_.writing_ = false;
}

Status TableWriter::prepare() {
  FATHOM_RETURN_IF_ERROR(database_.execute("BEGIN"));
  FATHOM_RETURN_IF_ERROR(database_.execute(create_statement(table_)));
  const std::string sql = insert_statement(table_);
  if (sqlite3_prepare_v2(database_.db_, sql.c_str(), -1, &insert_, nullptr) != SQLITE_OK)
    return failed();
  return {};
}

Status TableWriter::failed() {
  if (sqlite3_errcode(database_.db_) == SQLITE_FULL)
    return Status::error(fmt::format("table {}: the tables need more than {} MB of memory",
                                     table_.name, database_.max_bytes_ >> 20));
  return Status::error(
      fmt::format("table {}: {}", table_.name, one_line(sqlite3_errmsg(database_.db_), 500)));
}

Status TableWriter::append(std::span<const SqlCell> row) {
  FATHOM_CHECK(row.size() == table_.columns.size());
  for (size_t i = 0; i < row.size(); ++i)
    if (bind(insert_, static_cast<int>(i) + 1, row[i]) != SQLITE_OK) return failed();
  if (sqlite3_step(insert_) != SQLITE_DONE) return failed();
  sqlite3_reset(insert_);
  indexes_->add(row, table_.columns);
  ++table_.n_rows;
  return {};
}

Status TableWriter::finish() {
  sqlite3_finalize(insert_);
  insert_ = nullptr;
  FATHOM_RETURN_IF_ERROR(database_.execute("COMMIT"));
  database_.writing_ = false;
  database_.tables_.push_back(std::move(table_));
  return {};
}

}  // namespace fathom
