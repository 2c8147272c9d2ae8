// IEEE half precision: 1 sign, 5 exponent bits with bias 15, 10 mantissa bits. One value at a time;
// whole rows go through formats.h.
#pragma once

#include <cstdint>

namespace fathom {

float f16_decode(uint16_t bits);
/// Rounds to nearest even; beyond 65504 gives infinity; NaN stays NaN.
uint16_t f16_encode(float x);

}  // namespace fathom
