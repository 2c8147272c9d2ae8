// Bytes to letters and back; see byte_letters.h.
#include "tokenizer/byte_letters.h"

#include "tokenizer/utf8.h"

namespace fathom {
namespace {

constexpr uint32_t kLastLetter = 0x143;  // 256 + the 68 bytes that are not themselves - 1

bool stands_for_itself(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

std::array<uint16_t, 256> make_letters() {
  std::array<uint16_t, 256> letters;
  uint16_t next = 0x100;
  for (int b = 0; b < 256; ++b) {
    letters[b] = stands_for_itself(b) ? static_cast<uint16_t>(b) : next++;
  }
  return letters;
}

/// -1 where the code point is no letter of a byte.
std::array<int16_t, kLastLetter + 1> make_bytes() {
  std::array<int16_t, kLastLetter + 1> bytes;
  bytes.fill(-1);
  for (int b = 0; b < 256; ++b) bytes[byte_letters()[b]] = static_cast<int16_t>(b);
  return bytes;
}

}  // namespace

const std::array<uint16_t, 256>& byte_letters() {
  static const std::array<uint16_t, 256> letters = make_letters();
  return letters;
}

std::string bytes_to_letters(std::string_view bytes) {
  std::string letters;
  letters.reserve(2 * bytes.size());
  for (const char c : bytes) append_utf8(letters, byte_letters()[static_cast<uint8_t>(c)]);
  return letters;
}

std::optional<std::string> letters_to_bytes(std::string_view letters) {
  static const std::array<int16_t, kLastLetter + 1> to_byte = make_bytes();
  std::string bytes;
  bytes.reserve(letters.size());
  while (!letters.empty()) {
    const Utf8Char c = first_utf8_char(letters);
    if (c.kind != Utf8Kind::kValid || c.code_point > kLastLetter || to_byte[c.code_point] < 0) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<char>(to_byte[c.code_point]));
    letters.remove_prefix(c.n_bytes);
  }
  return bytes;
}

}  // namespace fathom
