#include "quant/f16.h"

#include <cmath>
#include <limits>

namespace fathom {

float f16_decode(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  float x = 0.0f;
  if (exponent == 31) {
    x = mantissa ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  } else if (exponent == 0) {
    x = std::ldexp(static_cast<float>(mantissa), -24);
  } else {
    x = std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  }
  return (bits & 0x8000) ? -x : x;
}

uint16_t f16_encode(float x) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  if (std::isnan(x)) return sign | 0x7e00;
  const float a = std::fabs(x);
  if (a >= 65520.0f)
    return sign | 0x7c00;  // 65520 is half way between the largest half and what would follow it
  const int exponent = a >= 0x1p-14f ? std::ilogb(a) : -14;
  const int steps = static_cast<int>(std::nearbyint(std::ldexp(a, 10 - exponent)));
  return static_cast<uint16_t>(sign | (((exponent + 14) << 10) + steps));
}

}  // namespace fathom
