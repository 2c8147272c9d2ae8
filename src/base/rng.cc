#include "base/rng.h"

#include <cmath>
#include <numbers>

#include "base/check.h"

namespace fathom {

std::array<uint32_t, 4> Rng::block(uint64_t index) const {
  uint32_t c0 = static_cast<uint32_t>(index), c1 = static_cast<uint32_t>(index >> 32);
  uint32_t c2 = static_cast<uint32_t>(stream_), c3 = static_cast<uint32_t>(stream_ >> 32);
  uint32_t k0 = static_cast<uint32_t>(seed_), k1 = static_cast<uint32_t>(seed_ >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c0, p1 = uint64_t{0xCD9E8D57} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {c0, c1, c2, c3};
}

uint64_t Rng::bits(uint64_t index) const {
  const auto b = block(index);
  return (uint64_t{b[1]} << 32) | b[0];
}

double Rng::uniform(uint64_t index) const { return static_cast<double>(bits(index) >> 11) * 0x1p-53; }

uint64_t Rng::below(uint64_t index, uint64_t n) const {
  FATHOM_CHECK(n >= 1);
  return static_cast<uint64_t>((static_cast<unsigned __int128>(bits(index)) * n) >> 64);
}

double Rng::normal(uint64_t index) const {
  const auto b = block(index);
  const double u1 = (((uint64_t{b[1]} << 32) | b[0]) >> 11) * 0x1p-53 + 0x1p-54;  // never 0
  const double u2 = (((uint64_t{b[3]} << 32) | b[2]) >> 11) * 0x1p-53;
  return std::sqrt(-2.0 * std::log(u1)) * std::cos(2.0 * std::numbers::pi * u2);
}

}  // namespace fathom
