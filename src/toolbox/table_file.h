// Files into tables of a Database: CSV in its dialects, TSV, JSON, JSON Lines, SQLite. Columns are
// typed by looking at all rows: numbers in either style (1,234.5 or 1.234,5; percent, currency),
// dates (normalised to ISO), booleans; empty cells are NULL, and so are words for "missing" (NA,
// n/a, null, -) in a column that is not text. What a file says is data: names are quoted, values
// bound, nothing of it is run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "toolbox/sql.h"

namespace fathom {

struct TableFileOptions {
  enum class Header { kGuess, kYes, kNo };
  /// Rows that do not have as many fields as the first: refused, or short ones filled with NULL and
  /// the surplus of long ones put into columns of their own. Empty fields at the end are no
  /// surplus.
  enum class Ragged { kRefuse, kPad };

  Header header = Header::kGuess;
  Ragged ragged = Ragged::kRefuse;
  char delimiter = 0;  // 0: found out, of , ; tab |
  char quote = 0;      // 0: found out, of " '
  int64_t max_cell_bytes = 1 << 20;
  std::string table = {};  // its name; empty: made of the file's name. Not for SQLite.
};

struct LoadedFile {
  std::vector<std::string> tables;  // their names, now in the database
  /// Sentences for the user: what was decided without proof ("read as month, day, year"), names
  /// that were changed, cells that kept a column from being numbers.
  std::vector<std::string> notes;
  int64_t n_rows = 0;
};

/// Reads a file, by its ending (.csv .tsv .tab .txt .json .jsonl .ndjson .db .sqlite .sqlite3) or,
/// where that says nothing, by its first bytes.
/// CSV: quotes doubled or behind a backslash, LF or CRLF, a byte order mark, "sep=;" in the first
///   line; spaces around an unquoted field do not count; blank lines are skipped. Without a header,
///   columns are column_1, column_2, …. A column with neither name nor values is left out.
/// JSON: an array of objects, or an object that holds one; JSON Lines: an object a line. Nested
///   values stay JSON text.
/// SQLite: all tables, values as they are. The file is opened read-only.
/// Error, one sentence with file and line (of JSON: row): another encoding than UTF-8, ragged rows,
/// a field that is too long, a quote that is not closed, no rows, …; the database is then as
/// before.
Result<LoadedFile> load_table_file(Database& database, const std::filesystem::path& path,
                                   const TableFileOptions& options = {});

enum class TableFormat { kCsv, kTsv, kJson, kJsonLines };
/// The same for text in memory; `name` stands for the file in messages and for the table.
Result<LoadedFile> load_table_text(Database& database, std::string_view text, TableFormat format,
                                   const std::string& name, const TableFileOptions& options = {});

}  // namespace fathom
