// Decode-to-tile: a rectangle of a weight in any format, as f32 or bf16, for the kernels that
// compute with it.
#pragma once

#include <cstdint>

#include "tensor/view.h"

namespace fathom {

/// dst[i * dst_stride + j] = w[row + i][col + j] for i in [0, n_rows), j in [0, n_cols). f32:
/// exact, but that FP8 is the f32 product code * scale_inv. bf16: that value rounded once to
/// nearest even; a bf16 weight is copied. Requires: the rectangle lies in the weight, dst_stride >=
/// n_cols, a dtype of quant/formats.h. Thread-safe.
void decode_rows(float* dst, const Weight& w, int64_t row, int64_t n_rows, int64_t col,
                 int64_t n_cols, int64_t dst_stride);
void decode_rows(BF16* dst, const Weight& w, int64_t row, int64_t n_rows, int64_t col,
                 int64_t n_cols, int64_t dst_stride);

/// The scale of the block that holds element (row, col); 1 where the weight has no scales.
float block_scale(const Weight& w, int64_t row, int64_t col);

}  // namespace fathom
