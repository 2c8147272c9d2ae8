// FP8 e4m3, the "fn" kind: 1 sign, 4 exponent bits with bias 7, 3 mantissa bits; no infinities,
// 0x7F and 0xFF are NaN, largest 448, subnormals m/8 * 2^-6. One value at a time: the definition;
// whole rows go through formats.h. Source: Micikevicius et al., "FP8 Formats for Deep Learning"
// (2022).
#pragma once

#include <array>
#include <cstdint>

namespace fathom {

inline constexpr float kE4m3Max = 448.0f;

/// All 256 values, index = code.
const std::array<float, 256>& e4m3_table();
inline float e4m3_decode(uint8_t code) { return e4m3_table()[code]; }

/// Rounds to nearest even; beyond 448 (infinity too) saturates at 448; NaN gives 0x7F. Zero keeps
/// its sign.
uint8_t e4m3_encode(float x);

}  // namespace fathom
