#include "quant/block_fp8.h"

#include <algorithm>

#include "base/threads.h"
#include "quant/convert_kernels.h"
#include "quant/e4m3.h"
#include "quant/ue8m0.h"

namespace fathom {
namespace {

float scale_of(float amax, bool ue8m0) {
  if (amax == 0.0f) return 1.0f;
  // Not below the smallest normal number, so that the quotient by it is finite.
  const float scale = std::max(amax / kE4m3Max, 0x1p-126f);
  return ue8m0 ? ceil_power_of_two(scale) : scale;
}

}  // namespace

void quantize_block_fp8(uint8_t* codes, float* scale_inv, View<const float> w,
                        const BlockFp8Spec& spec) {
  FATHOM_CHECK(w.rank() == 2 && spec.block_rows >= 1 && spec.block_cols >= 1);
  const ConvertKernels& kernels = convert_kernels_simd();
  const int64_t rows = w.dim(0), cols = w.dim(1);
  const int64_t grid_cols = n_blocks(cols, spec.block_cols);
  parallel_for(n_blocks(rows, spec.block_rows) * grid_cols, [&](int64_t i) {
    const int64_t row = i / grid_cols * spec.block_rows, col = i % grid_cols * spec.block_cols;
    const int64_t row_end = std::min(rows, row + spec.block_rows);
    const int64_t n_cols = std::min(cols - col, spec.block_cols);
    float amax = 0.0f;
    for (int64_t r = row; r < row_end; ++r) {
      amax = std::max(amax, kernels.max_abs(w.row(r) + col, n_cols));
    }
    scale_inv[i] = scale_of(amax, spec.ue8m0);
    for (int64_t r = row; r < row_end; ++r) {
      kernels.f32_to_e4m3(codes + r * cols + col, w.row(r) + col, n_cols, scale_inv[i]);
    }
  });
}

}  // namespace fathom
