// Text for a terminal of 80 columns: paragraphs broken between words, tables with aligned columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fathom {

constexpr int kTextWidth = 80;

/// `text` in lines of at most `width` columns, each after `indent` spaces and ended by a newline; a
/// longer word has a line of its own. Control characters are left out.
std::string wrapped(std::string_view text, int indent = 0, int width = kTextWidth);

struct TextColumn {
  std::string title;
  bool right = false;  // aligned to the right: numbers
};
/// Rows under a line of titles, columns two spaces apart, as wide as their widest cell. Requires:
/// as many cells as columns.
std::string text_table(const std::vector<TextColumn>& columns,
                       const std::vector<std::vector<std::string>>& rows);

}  // namespace fathom
