#include "quant/formats.h"

#include <array>

namespace fathom {

std::span<const Format> formats() {
  static const ConvertKernels& k = convert_kernels_simd();
  static const std::array<Format, 4> table = {{
      {DType::kF32, 4, false, k.f32_to_f32, k.f32_to_bf16},
      {DType::kBF16, 2, false, k.bf16_to_f32, k.bf16_to_bf16},
      {DType::kF16, 2, false, k.f16_to_f32, k.f16_to_bf16},
      {DType::kF8E4M3, 1, true, k.e4m3_to_f32, k.e4m3_to_bf16},
  }};
  return table;
}

const Format* find_format(DType dtype) {
  for (const Format& f : formats()) {
    if (f.dtype == dtype) return &f;
  }
  return nullptr;
}

}  // namespace fathom
