// See text_impl.h.
#include <utf8proc.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "toolbox/text_impl.h"

namespace fathom {
namespace {

// The bytes of the character at the front of `text`, 0 where it is not valid UTF-8. U+0000 is
// valid.
size_t front_bytes(std::string_view text, utf8proc_int32_t* code_point) {
  const auto* p = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const utf8proc_ssize_t n =
      utf8proc_iterate(p, static_cast<utf8proc_ssize_t>(text.size()), code_point);
  return n > 0 ? static_cast<size_t>(n) : 0;
}

bool is_word(utf8proc_int32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  const utf8proc_category_t k = utf8proc_category(c);
  return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_ME) ||
         (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

bool is_blank_or_control(utf8proc_int32_t c) {
  if (c < 0x80) return c <= ' ' || c == 0x7f;
  const utf8proc_category_t k = utf8proc_category(c);
  // Format characters (Cf) turn the direction of writing, or are not seen at all.
  return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP ||
         k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF;
}

std::string folded(std::string_view text) {
  bool ascii = true;
  for (const char c : text) ascii &= static_cast<unsigned char>(c) < 0x80;
  if (ascii) return ascii_lower(text);
  utf8proc_uint8_t* out = nullptr;
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
  const utf8proc_ssize_t n =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &out, options);
  if (n < 0) return ascii_lower(text);  // not valid UTF-8: only ASCII is folded
  std::string result(reinterpret_cast<const char*>(out), static_cast<size_t>(n));
  std::free(out);
  return result;
}

}  // namespace

size_t valid_prefix(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    uint64_t eight;
    if (i + sizeof eight <= text.size()) {
      std::memcpy(&eight, text.data() + i, sizeof eight);
      if ((eight & 0x8080808080808080ull) == 0) {
        i += sizeof eight;
        continue;
      }
    }
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    utf8proc_int32_t c;
    const size_t n = front_bytes(text.substr(i), &c);
    if (n == 0) return i;
    i += n;
  }
  return i;
}

std::string made_valid(std::string_view text) {
  std::string out;
  for (;;) {
    const size_t n = valid_prefix(text);
    out.append(text.substr(0, n));
    if (n == text.size()) return out;
    out += "\xEF\xBF\xBD";
    text.remove_prefix(n + 1);
  }
}

std::string one_line(std::string_view text, size_t max_bytes) {
  std::string out;
  bool gap = false;
  while (!text.empty()) {
    utf8proc_int32_t c = -1;
    size_t n = front_bytes(text, &c);
    const std::string_view written = n > 0 ? text.substr(0, n) : "\xEF\xBF\xBD";
    text.remove_prefix(n > 0 ? n : 1);
    if (n > 0 && is_blank_or_control(c)) {
      gap = !out.empty();
      continue;
    }
    if (out.size() + gap + written.size() > max_bytes) return out + "…";
    if (gap) out += ' ';
    gap = false;
    out += written;
  }
  return out;
}

bool is_one_line(std::string_view text) {
  while (!text.empty()) {
    utf8proc_int32_t c = -1;
    const size_t n = front_bytes(text, &c);
    if (n == 0 || (is_blank_or_control(c) && utf8proc_category(c) != UTF8PROC_CATEGORY_ZS))
      return false;
    text.remove_prefix(n);
  }
  return true;
}

std::string match_key(std::string_view text) {
  const std::string letters = folded(text);
  std::string_view rest = letters;
  std::string out;
  bool gap = false;
  while (!rest.empty()) {
    utf8proc_int32_t c = -1;
    const size_t n = front_bytes(rest, &c);
    if (n > 0 && is_word(c)) {
      if (gap && !out.empty()) out += ' ';
      gap = false;
      out.append(rest.substr(0, n));
    } else {
      gap = true;
    }
    rest.remove_prefix(n > 0 ? n : 1);
  }
  return out;
}

std::vector<std::pair<size_t, size_t>> word_spans(std::string_view text) {
  std::vector<std::pair<size_t, size_t>> spans;
  bool in_word = false;
  for (size_t i = 0; i < text.size();) {
    utf8proc_int32_t c = -1;
    const size_t n = front_bytes(text.substr(i), &c);
    const bool word = n > 0 && is_word(c);
    const size_t end = i + (n > 0 ? n : 1);
    if (word && in_word)
      spans.back().second = end;
    else if (word)
      spans.emplace_back(i, end);
    in_word = word;
    i = end;
  }
  return spans;
}

std::string name_words(std::string_view name) {
  std::string spaced;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto upper = [&](size_t k) { return name[k] >= 'A' && name[k] <= 'Z'; };
    if (i > 0 && upper(i) && !upper(i - 1)) spaced += ' ';
    spaced += name[i] == '_' ? ' ' : name[i];
  }
  return match_key(spaced);
}

std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string in_quotes(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) out.append(c == quote ? 2 : 1, c);
  return out + quote;
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace fathom
