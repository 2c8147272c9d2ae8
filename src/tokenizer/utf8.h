// UTF-8, one character at a time, with the three-way answer that a stream needs: whole, cut short,
// or wrong. What is wrong is cut into maximal subparts (Unicode 15 §3.9, "U+FFFD substitution of
// maximal subparts"), each one U+FFFD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fathom {

enum class Utf8Kind { kValid, kCutShort, kInvalid };

struct Utf8Char {
  Utf8Kind kind;
  uint32_t code_point;  // of a valid character
  size_t n_bytes;       // of the character, of the whole rest that is cut short, or of the maximal
                        // subpart that is invalid
};

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

/// Requires: text is not empty.
Utf8Char first_utf8_char(std::string_view text);
void append_utf8(std::string& out, uint32_t code_point);
/// Length of the longest prefix that is valid UTF-8.
size_t valid_utf8_prefix(std::string_view text);

/// Appends the characters of `text`, U+FFFD for what is invalid, and returns how many bytes at its
/// end are cut short (0 to 3).
size_t append_valid_utf8(std::string& out, std::string_view text);

}  // namespace fathom
