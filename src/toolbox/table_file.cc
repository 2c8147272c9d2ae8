// See table_file.h: which kind of file it is, the table's and the columns' names, whether the first
// row is a header, and the two scans: one to learn, one to fill.
#include "toolbox/table_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/file.h"
#include "toolbox/column_profile_impl.h"
#include "toolbox/row_source_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

constexpr size_t kMaxGivenNameBytes = 120;  // of names out of files; _2 may come behind it

// `name` if it is free, else with _2, _3, … behind it. Taken names are in lower case.
std::string unique_name(const std::string& name, std::set<std::string>& taken) {
  std::string out = name;
  for (int i = 2; !taken.insert(ascii_lower(out)).second; ++i) out = fmt::format("{}_{}", name, i);
  return out;
}

// Letters, digits and _ of a file's name, so that queries need no quotes.
std::string table_name(std::string_view stem) {
  std::string out;
  for (const char c : made_valid(stem)) {
    const bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      static_cast<unsigned char>(c) >= 0x80;
    if (keep || (!out.empty() && out.back() != '_')) out += keep ? c : '_';
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  if (out.empty()) return "data";
  const bool needs_letter =
      (out[0] >= '0' && out[0] <= '9') || ascii_lower(out).starts_with("sqlite");
  return needs_letter ? "t_" + out : out;
}

// A four-digit number that is likely a year: the header of a table with a column for each.
std::optional<int> year_of(std::string_view text) {
  if (text.size() != 4 || (!text.starts_with("19") && !text.starts_with("20"))) return std::nullopt;
  const NumberText n = scan_number(text);
  if (n.integers == 0) return std::nullopt;
  return static_cast<int>(std::get<int64_t>(read_number(text, kDecimalPoint)));
}

// Makes one table of one source.
class TableBuilder {
 public:
  TableBuilder(Database& database, RowSource& source, const std::string& where,
               const TableFileOptions& options, LoadedFile& loaded)
      : database_(database), source_(source), where_(where), options_(options), loaded_(loaded) {}

  Status build(const std::string& name) {
    if (n_rows_ == 0)
      return Status::error(
          fmt::format("{}: 0 rows{}", where_,
                      header_ ? fmt::format(" below the header in line {}", first_line_) : ""));
    decide();
    return fill(name);
  }

  int64_t n_rows() const { return n_rows_; }  // without the header; after learn()

  Status learn() {
    const bool may_have_header = source_.may_have_header();
    FATHOM_RETURN_IF_ERROR(source_.scan([&](int64_t line, std::span<const SqlCell> cells) {
      if (may_have_header && ++n_scanned_ == 1) {
        keep_first(line, cells);
      } else {
        observe(line, cells);
        if (may_have_header) compare_with_first(cells);
      }
      return Status();
    }));
    header_ = may_have_header && is_header();
    if (may_have_header && !header_ && n_scanned_ > 0) {
      std::vector<SqlCell> cells;
      for (const auto& text : first_)
        cells.push_back(text ? SqlCell(std::string_view(*text)) : SqlCell());
      observe(first_line_, cells);
    }
    return {};
  }

 private:
  void observe(int64_t line, std::span<const SqlCell> cells) {
    ++n_rows_;
    while (profiles_.size() < cells.size()) profiles_.emplace_back(source_.typed());
    for (size_t i = 0; i < cells.size(); ++i) profiles_[i].observe(cells[i], line);
  }

  void keep_first(int64_t line, std::span<const SqlCell> cells) {
    first_line_ = line;
    for (const SqlCell& c : cells) {
      const auto* text = std::get_if<std::string_view>(&c);
      first_.emplace_back(text == nullptr ? std::nullopt : std::optional<std::string>(*text));
    }
    while (profiles_.size() < cells.size()) profiles_.emplace_back(source_.typed());
  }

  // A value of the first row that occurs again below it speaks against a header; the whole row
  // again (files put one behind the other) does not.
  void compare_with_first(std::span<const SqlCell> cells) {
    size_t n_same = 0, n_texts = 0;
    for (size_t i = 0; i < first_.size() && i < cells.size(); ++i) {
      if (!first_[i]) continue;
      ++n_texts;
      const auto* text = std::get_if<std::string_view>(&cells[i]);
      n_same += text != nullptr && *text == *first_[i];
    }
    first_recurs_ |= n_same > 0 && n_same < n_texts;
  }

  bool is_header() const {
    if (options_.header != TableFileOptions::Header::kGuess)
      return options_.header == TableFileOptions::Header::kYes;
    size_t n_texts = 0;
    std::vector<int> years;
    for (const auto& text : first_) {
      if (!text) continue;
      if (const auto year = year_of(*text))
        years.push_back(*year);
      else if (scan_number(*text).styles != 0 || scan_date(*text).orders != 0)
        return false;
      else
        ++n_texts;
    }
    if (years.size() == 1) return false;
    if (std::adjacent_find(years.begin(), years.end(), std::greater_equal<>()) != years.end())
      return false;
    return n_texts > 0 && (!first_recurs_ || word_above_numbers());
  }

  bool word_above_numbers() const {
    for (size_t i = 0; i < first_.size(); ++i)
      if (first_[i] && !year_of(*first_[i]) && profiles_[i].is_number_or_date()) return true;
    return false;
  }

  void decide() {
    const std::vector<std::string> names = column_names();
    FileHabits habits{.semicolons = source_.semicolons(), .place = source_.place()};
    for (const ColumnProfile& p : profiles_) p.add_habits(habits);
    for (size_t i = 0; i < profiles_.size(); ++i) {
      if (is_only_a_delimiter(i)) continue;
      const ColumnReading r = profiles_[i].decide(habits, names[i], loaded_.notes);
      columns_.push_back({.name = names[i], .type = r.type, .unit = r.unit});
      readings_.push_back(r);
      places_.push_back(i);
    }
  }

  // Neither a name nor a value: what a delimiter at the end of each row leaves.
  bool is_only_a_delimiter(size_t i) const {
    return header_ && profiles_[i].is_empty() && (i >= first_.size() || !first_[i]);
  }

  std::vector<std::string> column_names() {
    std::vector<std::string> given;
    if (!source_.may_have_header()) given = source_.names();
    if (header_)
      for (const auto& text : first_) given.push_back(text.value_or(""));
    if (source_.may_have_header() && !header_)
      loaded_.notes.push_back(
          fmt::format("{}: the first row is read as data; columns are named column_1, …", where_));
    given.resize(profiles_.size());
    std::vector<std::string> names;
    std::set<std::string> taken;
    for (size_t i = 0; i < given.size(); ++i) {
      std::string name = one_line(given[i], kMaxGivenNameBytes);
      if (name.empty()) name = fmt::format("column_{}", i + 1);
      names.push_back(unique_name(name, taken));
      if (names[i] != given[i] && !given[i].empty())
        loaded_.notes.push_back(fmt::format("column {} is named {}", i + 1, names[i]));
    }
    return names;
  }

  Status fill(const std::string& given) {
    const std::string name = one_line(given, kMaxGivenNameBytes);
    if (name != given) loaded_.notes.push_back(fmt::format("a table is named {}", name));
    std::set<std::string> taken;
    for (const SqlTable& t : database_.tables()) taken.insert(ascii_lower(t.name));
    const std::string table = unique_name(name, taken);
    FATHOM_ASSIGN_OR_RETURN(const auto writer, database_.new_table(table, columns_));
    std::vector<SqlCell> row(columns_.size());
    std::vector<std::string> scratch(columns_.size());
    bool skip = header_;
    FATHOM_RETURN_IF_ERROR(source_.scan([&](int64_t, std::span<const SqlCell> cells) {
      if (std::exchange(skip, false)) return Status();
      for (size_t i = 0; i < row.size(); ++i)
        row[i] = places_[i] < cells.size() ? readings_[i].value(cells[places_[i]], scratch[i])
                                           : SqlCell();
      return writer->append(row);
    }));
    FATHOM_RETURN_IF_ERROR(writer->finish());
    loaded_.tables.push_back(table);
    loaded_.n_rows += n_rows_;
    return {};
  }

  Database& database_;
  RowSource& source_;
  const std::string& where_;
  const TableFileOptions& options_;
  LoadedFile& loaded_;
  int64_t n_scanned_ = 0, n_rows_ = 0, first_line_ = 1;  // n_rows_: without the header
  std::vector<std::optional<std::string>> first_;        // the first row; NULL: nullopt
  bool first_recurs_ = false, header_ = false;
  std::vector<ColumnProfile> profiles_;
  std::vector<ColumnReading> readings_;  // of the columns that stay, as are:
  std::vector<size_t> places_;           // in a row of the source
  std::vector<SqlColumn> columns_;
};

// Two lines that each begin with an object: JSON Lines, whatever the file's ending says.
bool looks_like_lines(std::string_view text) {
  const size_t end = text.find('\n');
  if (end == text.npos || trimmed(text).front() != '{') return false;
  const std::string_view first = trimmed(text.substr(0, end)), rest = trimmed(text.substr(end));
  return first.ends_with('}') && rest.starts_with('{');
}

TableFormat format_of(const std::string& extension, std::string_view text) {
  if (extension == ".jsonl" || extension == ".ndjson") return TableFormat::kJsonLines;
  const std::string_view front = trimmed(text.substr(0, std::min<size_t>(text.size(), 4096)));
  const bool json =
      extension == ".json" || (extension != ".csv" && extension != ".tsv" && extension != ".tab" &&
                               (front.starts_with("[{") || front.starts_with("{\"")));
  if (json && !front.empty())
    return looks_like_lines(text) ? TableFormat::kJsonLines : TableFormat::kJson;
  return extension == ".tsv" || extension == ".tab" ? TableFormat::kTsv : TableFormat::kCsv;
}

Result<std::unique_ptr<RowSource>> source_of(std::string_view text, TableFormat format,
                                             const std::string& where,
                                             const TableFileOptions& options) {
  if (format == TableFormat::kCsv || format == TableFormat::kTsv)
    return csv_source(text, where, options, format == TableFormat::kTsv);
  if (trimmed(text).empty()) return Status::error(fmt::format("{}: the file is empty", where));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return format == TableFormat::kJson ? json_source(text, where, options)
                                      : json_lines_source(text, where, options);
}

Result<LoadedFile> load_text(Database& database, std::string_view text, TableFormat format,
                             const std::string& where, const std::string& stem,
                             const TableFileOptions& options) {
  FATHOM_ASSIGN_OR_RETURN(const auto source, source_of(text, format, where, options));
  LoadedFile loaded;
  TableBuilder builder(database, *source, where, options, loaded);
  FATHOM_RETURN_IF_ERROR(builder.learn());
  FATHOM_RETURN_IF_ERROR(builder.build(options.table.empty() ? table_name(stem) : options.table));
  return loaded;
}

Status load_sources(Database& database, const std::vector<NamedSource>& sources,
                    const std::string& where, const TableFileOptions& options, LoadedFile& loaded) {
  for (const NamedSource& s : sources) {
    TableBuilder builder(database, *s.rows, where, options, loaded);
    FATHOM_RETURN_IF_ERROR(builder.learn());
    if (builder.n_rows() > 0)
      FATHOM_RETURN_IF_ERROR(builder.build(s.table));
    else  // a file may well have one beside others
      loaded.notes.push_back(
          fmt::format("table {} has no rows and is left out", one_line(s.table, 60)));
  }
  return loaded.tables.empty() ? Status::error(fmt::format("{}: 0 rows", where)) : Status();
}

Result<LoadedFile> load_sqlite(Database& database, const std::filesystem::path& path,
                               const TableFileOptions& options) {
  LoadedFile loaded;
  FATHOM_ASSIGN_OR_RETURN(const auto sources, sqlite_sources(path, options, loaded.notes));
  Status status = load_sources(database, sources, path.string(), options, loaded);
  if (status.ok()) return loaded;
  for (const std::string& name : loaded.tables) (void)database.drop_table(name);
  return status;
}

}  // namespace

Result<LoadedFile> load_table_text(Database& database, std::string_view text, TableFormat format,
                                   const std::string& name, const TableFileOptions& options) {
  return load_text(database, text, format, name, std::filesystem::path(name).stem().string(),
                   options);
}

Result<LoadedFile> load_table_file(Database& database, const std::filesystem::path& path,
                                   const TableFileOptions& options) {
  FATHOM_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()),
                              file->bytes().size());
  if (text.starts_with(std::string_view("SQLite format 3\0", 16)))
    return load_sqlite(database, path, options);
  return load_text(database, text, format_of(ascii_lower(path.extension().string()), text),
                   path.string(), path.stem().string(), options);
}

}  // namespace fathom
