// ue8m0: a scale that is a power of two, stored as its exponent alone: value = 2^(code - 127), code
// 255 is NaN. Source: OCP Microscaling Formats v1.0 §5.4.1; the scales of DeepSeek-V3.1's published
// weights.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace fathom {

inline float ue8m0_decode(uint8_t code) {
  if (code == 255) return std::numeric_limits<float>::quiet_NaN();
  if (code == 0) return 0x1p-127f;  // below the smallest normal float
  return std::bit_cast<float>(uint32_t{code} << 23);
}

/// The smallest power of two that is not below x. Requires: x > 0 and finite, result within ue8m0's
/// range.
inline float ceil_power_of_two(float x) {
  int exponent = 0;
  const float mantissa =
      std::frexp(x, &exponent);  // x = mantissa * 2^exponent, mantissa in [0.5, 1)
  return std::ldexp(1.0f, mantissa == 0.5f ? exponent - 1 : exponent);
}

/// Requires: x is a power of two in [2^-127, 2^127].
inline uint8_t ue8m0_encode(float x) { return static_cast<uint8_t>(std::ilogb(x) + 127); }

}  // namespace fathom
