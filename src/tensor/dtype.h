// Element types, and BF16 as a type of its own.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace fathom {

enum class DType : uint8_t { kF64, kF32, kF16, kBF16, kF8E4M3, kF8E8M0, kI64, kI32, kI16, kI8, kU8, kBool };

int64_t dtype_bytes(DType t);
/// The safetensors name: "BF16", "F8_E4M3", …
std::string_view dtype_name(DType t);

/// bfloat16: the upper half of a float. Conversion rounds to nearest even; NaN stays NaN (quiet).
struct BF16 {
  uint16_t bits = 0;
  BF16() = default;
  explicit BF16(float x) {
    const uint32_t u = std::bit_cast<uint32_t>(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) {
      bits = static_cast<uint16_t>((u >> 16) | 0x40);
    } else {
      bits = static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
    }
  }
  explicit operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};
static_assert(sizeof(BF16) == 2);

inline float to_f32(float x) { return x; }
inline float to_f32(BF16 x) { return static_cast<float>(x); }
template <typename T>
inline T from_f32(float x) {
  return T(x);
}

template <typename T>
inline constexpr DType dtype_of = DType::kU8;
template <>
inline constexpr DType dtype_of<double> = DType::kF64;
template <>
inline constexpr DType dtype_of<float> = DType::kF32;
template <>
inline constexpr DType dtype_of<BF16> = DType::kBF16;
template <>
inline constexpr DType dtype_of<int32_t> = DType::kI32;
template <>
inline constexpr DType dtype_of<int64_t> = DType::kI64;

}  // namespace fathom
