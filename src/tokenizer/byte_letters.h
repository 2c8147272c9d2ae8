// The letters that stand for bytes in a byte-level vocabulary: 33-126, 161-172 and 174-255 are
// themselves as code points, the other bytes, in increasing order, U+0100, U+0101 ... (space is
// U+0120, newline U+010A). From GPT-2's encoder, kept by all since.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fathom {

/// The code point of each byte's letter.
const std::array<uint16_t, 256>& byte_letters();
/// UTF-8 of the letters of `bytes`.
std::string bytes_to_letters(std::string_view bytes);
/// The bytes that the letters stand for; none where a character is not one of the 256 letters.
std::optional<std::string> letters_to_bytes(std::string_view letters);

}  // namespace fathom
