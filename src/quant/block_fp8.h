// FP8 weights: e4m3 codes with one scale per block of 128 x 128, the format of DeepSeek-V3's
// published weights. Reading them back is decode-to-tile (decode.h). Source: DeepSeek-V3 §3.3.2;
// golden/README.md item 8.
#pragma once

#include <cstdint>

#include "tensor/view.h"

namespace fathom {

struct BlockFp8Spec {
  int64_t block_rows = 128, block_cols = 128;
  bool ue8m0 = false;  // scales are powers of two, rounded up
};

inline int64_t n_blocks(int64_t n, int64_t block) { return (n + block - 1) / block; }

/// codes [rows, cols] e4m3 and scale_inv [ceil(rows/block_rows), ceil(cols/block_cols)] f32, both
/// contiguous and overwritten.
///   scale_inv = amax / 448 of the block (its edge may be ragged), a block of zeros has 1; code =
///   e4m3(w / scale_inv), rounded once
/// w [rows, cols] f32, rows may be strided. Requires: finite values. Uses parallel_for; the result
/// is the same for every thread count.
void quantize_block_fp8(uint8_t* codes, float* scale_inv, View<const float> w,
                        const BlockFp8Spec& spec);

}  // namespace fathom
