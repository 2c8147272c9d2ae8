// UTF-8 decoding after the table of well-formed sequences (Unicode 15, table 3-7); see utf8.h.
#include "tokenizer/utf8.h"

#include <cstring>

#include "base/check.h"

namespace fathom {
namespace {

struct Lead {
  int n_bytes;        // 0: never a first byte
  uint8_t low, high;  // what the second byte may be
};

Lead lead_of(uint8_t b) {
  if (b < 0x80) return {1, 0, 0};
  if (b < 0xC2) return {0, 0, 0};
  if (b < 0xE0) return {2, 0x80, 0xBF};
  if (b == 0xE0) return {3, 0xA0, 0xBF};
  if (b == 0xED) return {3, 0x80, 0x9F};  // no surrogates
  if (b < 0xF0) return {3, 0x80, 0xBF};
  if (b == 0xF0) return {4, 0x90, 0xBF};
  if (b < 0xF4) return {4, 0x80, 0xBF};
  if (b == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

/// How many of the first bytes of `text` are ASCII, in steps of 8.
size_t ascii_run(std::string_view text) {
  size_t n = 0;
  for (uint64_t word; n + 8 <= text.size(); n += 8) {
    std::memcpy(&word, text.data() + n, 8);
    if ((word & 0x8080808080808080ULL) != 0) break;
  }
  return n;
}

}  // namespace

Utf8Char first_utf8_char(std::string_view text) {
  FATHOM_DCHECK(!text.empty());
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const Lead lead = lead_of(byte(0));
  if (lead.n_bytes == 0) return {Utf8Kind::kInvalid, 0, 1};
  if (lead.n_bytes == 1) return {Utf8Kind::kValid, byte(0), 1};
  uint32_t code_point = byte(0) & (0x7F >> lead.n_bytes);
  for (size_t i = 1; i < static_cast<size_t>(lead.n_bytes); ++i) {
    if (i == text.size()) return {Utf8Kind::kCutShort, 0, i};
    const uint8_t low = i == 1 ? lead.low : 0x80;
    const uint8_t high = i == 1 ? lead.high : 0xBF;
    if (byte(i) < low || byte(i) > high) return {Utf8Kind::kInvalid, 0, i};
    code_point = code_point << 6 | (byte(i) & 0x3F);
  }
  return {Utf8Kind::kValid, code_point, static_cast<size_t>(lead.n_bytes)};
}

void append_utf8(std::string& out, uint32_t code_point) {
  const auto push = [&](uint32_t b) { out.push_back(static_cast<char>(b)); };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xC0 | code_point >> 6);
    push(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    push(0xE0 | code_point >> 12);
    push(0x80 | (code_point >> 6 & 0x3F));
    push(0x80 | (code_point & 0x3F));
  } else {
    push(0xF0 | code_point >> 18);
    push(0x80 | (code_point >> 12 & 0x3F));
    push(0x80 | (code_point >> 6 & 0x3F));
    push(0x80 | (code_point & 0x3F));
  }
}

size_t valid_utf8_prefix(std::string_view text) {
  size_t n = 0;
  while (n < text.size()) {
    n += ascii_run(text.substr(n));
    if (n == text.size()) break;
    const Utf8Char c = first_utf8_char(text.substr(n));
    if (c.kind != Utf8Kind::kValid) break;
    n += c.n_bytes;
  }
  return n;
}

size_t append_valid_utf8(std::string& out, std::string_view text) {
  while (true) {
    const size_t n = valid_utf8_prefix(text);
    out.append(text.substr(0, n));
    text.remove_prefix(n);
    if (text.empty()) return 0;
    const Utf8Char c = first_utf8_char(text);
    if (c.kind == Utf8Kind::kCutShort) return c.n_bytes;
    out.append(kReplacementCharacter);
    text.remove_prefix(c.n_bytes);
  }
}

}  // namespace fathom
