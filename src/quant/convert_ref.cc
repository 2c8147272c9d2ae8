// The conversions one value at a time: the definition, and what runs where there is no AVX2.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "quant/convert_kernels.h"
#include "quant/e4m3.h"
#include "quant/f16.h"
#include "tensor/dtype.h"

namespace fathom {
namespace {

// A file may hold its tensors at any address.
template <typename T>
T load(const void* src, int64_t i) {
  T x;
  std::memcpy(&x, static_cast<const char*>(src) + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return x;
}

float read_f32(const void* src, int64_t i, float) { return load<float>(src, i); }
float read_bf16(const void* src, int64_t i, float) { return to_f32(load<BF16>(src, i)); }
float read_f16(const void* src, int64_t i, float) { return f16_decode(load<uint16_t>(src, i)); }
float read_e4m3(const void* src, int64_t i, float scale) {
  return e4m3_decode(static_cast<const uint8_t*>(src)[i]) * scale;
}

template <float (*read)(const void*, int64_t, float)>
void row_to_f32(float* dst, const void* src, int64_t n, float scale) {
  for (int64_t i = 0; i < n; ++i) dst[i] = read(src, i, scale);
}

template <float (*read)(const void*, int64_t, float)>
void row_to_bf16(uint16_t* dst, const void* src, int64_t n, float scale) {
  for (int64_t i = 0; i < n; ++i) dst[i] = BF16(read(src, i, scale)).bits;
}

void copy_bf16(uint16_t* dst, const void* src, int64_t n, float) {
  std::memcpy(dst, src, static_cast<size_t>(n) * 2);
}

// In double the quotient of two floats never falls falsely on a tie of e4m3: a tie times the scale
// needs 29 bits, so a quotient that is not the tie is at least 2^-30 away from it, far more than a
// double's rounding. Rounding it to odd in f32 keeps that.
float quotient_for_e4m3(float x, float scale) {
  const double q = static_cast<double>(x) / scale;
  float f = static_cast<float>(q);
  if (f != q && std::isfinite(f) && (std::bit_cast<uint32_t>(f) & 1) == 0) {
    f = std::nextafter(f, q > f ? INFINITY : -INFINITY);
  }
  return f;
}

void encode_e4m3(uint8_t* codes, const float* src, int64_t n, float scale) {
  for (int64_t i = 0; i < n; ++i) codes[i] = e4m3_encode(quotient_for_e4m3(src[i], scale));
}

float max_abs(const float* src, int64_t n) {
  float m = 0.0f;
  for (int64_t i = 0; i < n; ++i) m = std::max(m, std::fabs(src[i]));
  return m;
}

}  // namespace

const ConvertKernels& convert_kernels_ref() {
  static const ConvertKernels kernels = {
      row_to_f32<read_f32>,  row_to_f32<read_bf16>,
      row_to_f32<read_f16>,  row_to_f32<read_e4m3>,
      row_to_bf16<read_f32>, copy_bf16,
      row_to_bf16<read_f16>, row_to_bf16<read_e4m3>,
      encode_e4m3,           max_abs,
  };
  return kernels;
}

}  // namespace fathom
