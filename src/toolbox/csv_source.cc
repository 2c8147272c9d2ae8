// CSV and TSV as rows: encoding, line numbers, the width of rows. The dialect is csv_dialect.cc's,
// the cutting into fields libcsv's.
#include <fmt/format.h>

#include <algorithm>

#include "toolbox/csv_dialect_impl.h"
#include "toolbox/row_source_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

class CsvSource : public RowSource {
 public:
  CsvSource(std::string_view text, int64_t first_line, std::string where, CsvDialect dialect,
            const TableFileOptions& options)
      : text_(text),
        first_line_(first_line),
        where_(std::move(where)),
        dialect_(dialect),
        options_(options) {}

  bool may_have_header() const override { return true; }
  bool semicolons() const override { return dialect_.delimiter == ';'; }

  Status scan(const TakeRow& take) override {
    first_width_ = 0;
    const TakeRow fitted = [&](int64_t line, std::span<const SqlCell> cells) {
      FATHOM_ASSIGN_OR_RETURN(const std::span<const SqlCell> row, fit(line, cells));
      return take(line, row);
    };
    CsvRows rows(dialect_, options_.max_cell_bytes, where_, fitted);
    int64_t number = first_line_;
    for (size_t begin = 0; begin < text_.size(); ++number) {
      const size_t end = std::min(text_.find('\n', begin), text_.size() - 1) + 1;
      const std::string_view line = text_.substr(begin, end - begin);
      FATHOM_RETURN_IF_ERROR(check_encoding(line, number));
      FATHOM_RETURN_IF_ERROR(rows.line(line, number));
      begin = end;
    }
    return rows.finish();
  }

 private:
  Status check_encoding(std::string_view line, int64_t number) const {
    if (line.find('\0') != line.npos)
      return Status::error(fmt::format("{}:{}: text wanted, a NUL byte found at column {}", where_,
                                       number, line.find('\0') + 1));
    const size_t valid = valid_prefix(line);
    if (valid == line.size()) return {};
    return Status::error(fmt::format(
        "{}:{}: UTF-8 wanted, byte 0x{:02X} found at column {}; if the file comes from Windows, "
        "iconv -f WINDOWS-1252 -t UTF-8 converts it",
        where_, number, static_cast<unsigned char>(line[valid]), valid + 1));
  }

  // The row as wide as the first one, where that loses nothing; else as options_.ragged says.
  Result<std::span<const SqlCell>> fit(int64_t line, std::span<const SqlCell> cells) {
    if (first_width_ == 0) {
      first_width_ = cells.size();
      width_line_ = line;
    }
    size_t n = cells.size();
    while (n > first_width_ && std::holds_alternative<std::monostate>(cells[n - 1])) --n;
    if (n != first_width_ && options_.ragged == TableFileOptions::Ragged::kRefuse)
      return Status::error(fmt::format("{}:{}: {} field{} wanted as in line {}, {} found", where_,
                                       line, first_width_, first_width_ == 1 ? "" : "s",
                                       width_line_, n));
    return cells.first(n);
  }

  std::string_view text_;
  int64_t first_line_;
  std::string where_;
  CsvDialect dialect_;
  TableFileOptions options_;
  size_t first_width_ = 0;
  int64_t width_line_ = 0;
};

// "sep=;" in the first line, as Excel writes it: the delimiter, and the line is gone. Else 0.
char take_sep_line(std::string_view& text) {
  const std::string_view first = text.substr(0, text.find('\n'));
  const std::string_view line = trimmed(first).empty() ? first : first.substr(0, first.find('\r'));
  if (line.size() != 5 || ascii_lower(line.substr(0, 4)) != "sep=") return 0;
  text.remove_prefix(std::min(first.size() + 1, text.size()));
  return line[4];
}

}  // namespace

Result<std::unique_ptr<RowSource>> csv_source(std::string_view text, const std::string& where,
                                              const TableFileOptions& options, bool tabs) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return Status::error(
        fmt::format("{}: UTF-8 wanted, UTF-16 found; iconv -f UTF-16 -t UTF-8 converts it", where));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  TableFileOptions known = options;
  int64_t first_line = 1;
  if (const char c = take_sep_line(text); c != 0) {
    if (known.delimiter == 0) known.delimiter = c;
    first_line = 2;
  }
  if (tabs && known.delimiter == 0) known.delimiter = '\t';
  if (trimmed(text).empty()) return Status::error(fmt::format("{}: the file is empty", where));
  return std::unique_ptr<RowSource>(
      std::make_unique<CsvSource>(text, first_line, where, guess_dialect(text, known), known));
}

}  // namespace fathom
