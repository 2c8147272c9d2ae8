#include "cli/text_layout.h"

#include <algorithm>
#include <sstream>

#include "base/check.h"
#include "cli/terminal.h"

namespace fathom {
namespace {

/// Characters, not bytes, of UTF-8.
size_t columns_of(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

void append_row(std::string& out, const std::vector<TextColumn>& columns,
                const std::vector<size_t>& width, const std::vector<std::string>& row) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    const std::string gap(width[i] - columns_of(row[i]), ' ');
    line += (i == 0 ? "" : "  ") + (columns[i].right ? gap + row[i] : row[i] + gap);
  }
  out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

}  // namespace

std::string wrapped(std::string_view text, int indent, int width) {
  std::istringstream words(printable(text));
  const std::string margin(static_cast<size_t>(indent), ' ');
  std::string out, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && columns_of(line) + 1 + columns_of(word) + static_cast<size_t>(indent) >
                             static_cast<size_t>(width)) {
      out += margin + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return line.empty() ? out : out + margin + line + "\n";
}

std::string text_table(const std::vector<TextColumn>& columns,
                       const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> all = {{}};
  for (const TextColumn& c : columns) all[0].push_back(c.title);
  for (const auto& row : rows) {
    FATHOM_CHECK(row.size() == columns.size());
    auto& copy = all.emplace_back();
    for (const std::string& cell : row) copy.push_back(printable(cell));
  }
  std::vector<size_t> width(columns.size());
  for (const auto& row : all) {
    for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], columns_of(row[i]));
  }
  std::string out;
  for (const auto& row : all) append_row(out, columns, width, row);
  return out;
}

}  // namespace fathom
