// See result_table.h.
#include "analysis/result_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/cell_text.h"

namespace fathom {
namespace {

constexpr size_t kColumnGap = 2, kNarrowest = 12;

using TextRows = std::vector<std::vector<std::string>>;

/// Takes from the widest columns of text until `width` is kept or nothing more can be taken.
void narrow_columns(std::vector<size_t>& widths, const std::vector<ResultColumn>& columns,
                    size_t width) {
  const auto total = [&] {
    size_t n = 0;
    for (const size_t w : widths) n += w + kColumnGap;
    return n - kColumnGap;
  };
  while (total() > width) {
    size_t widest = widths.size();
    for (size_t i = 0; i < widths.size(); ++i) {
      if (columns[i].numeric || widths[i] <= kNarrowest) continue;
      if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == widths.size()) return;
    --widths[widest];
  }
}

/// How many columns fit into `width`; at least one.
size_t n_fitting(const std::vector<size_t>& widths, size_t width) {
  size_t used = widths[0], n = 1;
  while (n < widths.size() && used + kColumnGap + widths[n] <= width)
    used += kColumnGap + widths[n++];
  return n;
}

std::string line_of(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                    const std::vector<ResultColumn>& columns, size_t n_columns) {
  std::string line;
  for (size_t i = 0; i < n_columns; ++i) {
    if (i > 0) line.append(kColumnGap, ' ');
    line += padded(cell_text(cells[i], widths[i]), widths[i], columns[i].numeric);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string not_shown(const QueryResult& result, size_t n_rows, size_t n_hidden) {
  const auto count = [](size_t n) { return people_integer(static_cast<int64_t>(n)); };
  std::string out;
  if (n_rows < result.rows.size() || result.truncated)
    out = fmt::format("{} of {}{} rows shown", count(n_rows), result.truncated ? "more than " : "",
                      count(result.rows.size()));
  if (n_hidden > 0)
    out += fmt::format("{}{} more column{}", out.empty() ? "" : ", ", n_hidden,
                       n_hidden == 1 ? "" : "s");
  return out.empty() ? "" : "… " + out + "\n";
}

}  // namespace

std::string result_table(const std::vector<ResultColumn>& columns, const QueryResult& result,
                         const ResultTableOptions& options) {
  if (columns.empty()) return "";
  const size_t n_rows = std::min(result.rows.size(), options.max_rows);
  TextRows rows(1 + n_rows);
  std::vector<size_t> widths(columns.size(), 1);
  for (size_t i = 0; i < columns.size(); ++i) {
    const size_t limit = std::max<size_t>(1, std::min(options.max_cell_width, options.width));
    rows[0].push_back(cell_text(columns[i].name, limit));
    for (size_t r = 0; r < n_rows; ++r)
      rows[r + 1].push_back(cell_text(people_value(result.rows[r][i], columns[i]), limit));
    for (const auto& row : rows) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  narrow_columns(widths, columns, options.width);
  const size_t n_columns = n_fitting(widths, options.width);
  std::string out = line_of(rows[0], widths, columns, n_columns);
  for (size_t i = 0; i < n_columns; ++i) {
    if (i > 0) out.append(kColumnGap, ' ');
    for (size_t k = 0; k < widths[i]; ++k) out += "─";
  }
  out += "\n";
  for (size_t r = 1; r < rows.size(); ++r) out += line_of(rows[r], widths, columns, n_columns);
  return out + not_shown(result, n_rows, columns.size() - n_columns);
}

}  // namespace fathom
