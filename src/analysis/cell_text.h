// Text that came out of a table or a model, made fit to be shown: on one line, without characters
// that steer a terminal or turn the direction of writing, and measured in columns of a terminal
// (Unicode's widths, by utf8proc).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fathom {

/// Columns that a terminal gives the text: 2 for wide characters, 0 for combining ones.
size_t display_width(std::string_view text);

/// One line: a run of white space, control and format characters becomes one space, a byte that is
/// no UTF-8 U+FFFD. Wider than max_width, it is cut and ends in "…". Requires: max_width >= 1.
std::string cell_text(std::string_view text, size_t max_width = 1 << 30);

/// With spaces behind it, or, where `right`, before it, up to `width` columns.
std::string padded(std::string_view text, size_t width, bool right = false);

/// Keeps newlines and tabs: several lines (SQL), otherwise as cell_text.
std::string block_text(std::string_view text);

}  // namespace fathom
