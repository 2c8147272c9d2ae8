// A hash of text that is the same on every machine and with every library: what is drawn from it (a
// split, a label) must not move.
#pragma once

#include <cstdint>
#include <string_view>

namespace fathom {

/// FNV-1a, 64 bits.
inline uint64_t text_hash(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return h;
}

}  // namespace fathom
