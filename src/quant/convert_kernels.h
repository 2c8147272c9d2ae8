// Row functions between number formats, plain pointers in and out; every instruction set provides
// the same bits.
#pragma once

#include <stdint.h>

namespace fathom {

/// n values of one format to f32, or to bf16 (rounded once, to nearest even, from the f32 value).
/// Each value is multiplied in f32 by `scale` in the formats that carry scales; the others ignore
/// it.
using ToF32 = void (*)(float* dst, const void* src, int64_t n, float scale);
using ToBf16 = void (*)(uint16_t* dst, const void* src, int64_t n, float scale);

struct ConvertKernels {
  ToF32 f32_to_f32, bf16_to_f32, f16_to_f32, e4m3_to_f32;
  ToBf16 f32_to_bf16, bf16_to_bf16, f16_to_bf16, e4m3_to_bf16;
  /// codes[i] = e4m3(src[i] / scale), the exact quotient rounded once. Requires: scale > 0 and
  /// finite.
  void (*f32_to_e4m3)(uint8_t* codes, const float* src, int64_t n, float scale);
  /// Largest |src[i]|, 0 for n = 0. NaN is not seen.
  float (*max_abs)(const float* src, int64_t n);
};

const ConvertKernels& convert_kernels_ref();
const ConvertKernels& convert_kernels_simd();

}  // namespace fathom
