// See cell_text.h.
#include "analysis/cell_text.h"

#include <utf8proc.h>

namespace fathom {
namespace {

struct Character {
  size_t n_bytes = 1;
  size_t width = 1;
  bool blank = false;  // white space, control, format, or no character at all
  std::string_view shown;
};

bool is_blank_category(utf8proc_category_t c) {
  return c == UTF8PROC_CATEGORY_ZS || c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP ||
         c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_CS;
}

Character front_character(std::string_view text) {
  utf8proc_int32_t code_point = -1;
  const utf8proc_ssize_t n =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  Character c;
  c.shown = "\xEF\xBF\xBD";
  if (n <= 0) return c;
  c.n_bytes = static_cast<size_t>(n);
  c.shown = text.substr(0, c.n_bytes);
  c.blank = is_blank_category(utf8proc_category(code_point));
  const int width = utf8proc_charwidth(code_point);
  c.width = width > 0 ? static_cast<size_t>(width) : 0;
  return c;
}

}  // namespace

size_t display_width(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const Character c = front_character(text);
    width += c.width;
    text.remove_prefix(c.n_bytes);
  }
  return width;
}

std::string cell_text(std::string_view text, size_t max_width) {
  std::string out;
  size_t width = 0, cut_bytes = 0;  // cut_bytes: what may stand before "…"
  bool gap = false;
  while (!text.empty()) {
    const Character c = front_character(text);
    text.remove_prefix(c.n_bytes);
    if (c.blank) {
      gap = !out.empty();
      continue;
    }
    const size_t wanted = c.width + (gap ? 1 : 0);
    if (width + wanted > max_width) return out.substr(0, cut_bytes) + "…";
    if (gap) out += ' ';
    gap = false;
    out += c.shown;
    width += wanted;
    if (width < max_width) cut_bytes = out.size();
  }
  return out;
}

std::string padded(std::string_view text, size_t width, bool right) {
  const size_t n = display_width(text);
  const std::string gap(n < width ? width - n : 0, ' ');
  return right ? gap + std::string(text) : std::string(text) + gap;
}

std::string block_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character c = front_character(text);
    const bool kept = text[0] == '\n' || text[0] == '\t' || text[0] == ' ' || !c.blank;
    if (kept) out += c.shown;
    text.remove_prefix(c.n_bytes);
  }
  return out;
}

}  // namespace fathom
