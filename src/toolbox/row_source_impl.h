// A file as rows of cells, read as often as is asked: once to learn what its columns are, once to
// fill the table, so that no copy of the file is held. One class for each kind of file.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "toolbox/sql.h"
#include "toolbox/table_file.h"

namespace fathom {

/// line: where the row begins in the file, from 1 (place() tells what else it may count). The cells
/// hold for the call alone; a later row may have more cells than an earlier one, where its kind of
/// file finds columns on the way.
using TakeRow = std::function<Status(int64_t line, std::span<const SqlCell> cells)>;

class RowSource {
 public:
  virtual ~RowSource() = default;
  /// Error: the first row that is not as wanted, or what `take` returned. A second scan that
  /// follows a whole one gives the same rows.
  virtual Status scan(const TakeRow& take) = 0;
  /// The first row may be a header; else names() gives the columns' names, after a whole scan.
  virtual bool may_have_header() const { return false; }
  virtual std::vector<std::string> names() const { return {}; }
  virtual const char* place() const { return "line"; }  // what a row's number counts
  virtual bool typed() const { return false; }          // see ColumnProfile
  virtual bool semicolons() const { return false; }
};

/// `text` outlives the source. `where` names the file in messages.
Result<std::unique_ptr<RowSource>> csv_source(std::string_view text, const std::string& where,
                                              const TableFileOptions& options, bool tabs);
std::unique_ptr<RowSource> json_source(std::string_view text, const std::string& where,
                                       const TableFileOptions& options);
std::unique_ptr<RowSource> json_lines_source(std::string_view text, const std::string& where,
                                             const TableFileOptions& options);

struct NamedSource {
  std::string table;
  std::unique_ptr<RowSource> rows;
};
/// The tables of a SQLite file, each a source. What is left out (views, virtual tables) is noted.
Result<std::vector<NamedSource>> sqlite_sources(const std::filesystem::path& path,
                                                const TableFileOptions& options,
                                                std::vector<std::string>& notes);

}  // namespace fathom
