#include "quant/e4m3.h"

#include <cmath>
#include <limits>

namespace fathom {
namespace {

constexpr int kBias = 7;

std::array<float, 256> make_table() {
  std::array<float, 256> table;
  for (int code = 0; code < 256; ++code) {
    const int exponent = (code >> 3) & 15, mantissa = code & 7;
    float x = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), 1 - kBias - 3)
                            : std::ldexp(static_cast<float>(8 + mantissa), exponent - kBias - 3);
    if ((code & 0x7f) == 0x7f) x = std::numeric_limits<float>::quiet_NaN();
    table[code] = (code & 0x80) ? -x : x;
  }
  return table;
}

}  // namespace

const std::array<float, 256>& e4m3_table() {
  static const std::array<float, 256> table = make_table();
  return table;
}

uint8_t e4m3_encode(float x) {
  if (std::isnan(x)) return 0x7f;
  const uint8_t sign = std::signbit(x) ? 0x80 : 0;
  const float a = std::fabs(x);
  if (a >= kE4m3Max) return sign | 0x7e;
  int exponent = 1 - kBias;  // of the binade; subnormals share the smallest normal one's step
  if (a >= std::ldexp(1.0f, 1 - kBias)) exponent = std::ilogb(a);
  // In units of the step, 0..16: exact, then rounded once, ties to even.
  const int steps = static_cast<int>(std::nearbyint(std::ldexp(a, 3 - exponent)));
  // Step counts 8..15 carry an implicit bit; 16 moves on to the next binade by plain addition.
  return static_cast<uint8_t>(sign | (((exponent + kBias - 1) << 3) + steps));
}

}  // namespace fathom
