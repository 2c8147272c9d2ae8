// Row functions of attention, transposed: a tile is [64 keys][columns], a column being one (query, head), so that every softmax step
// is a vertical vector operation. Columns are padded to 16.
#pragma once

#include <cstdint>

namespace fathom {

/// One tile of scores becomes probabilities. s [n_rows][stride] f32, scores before `scale`.
/// Row r of column c is visible where lo[c] <= r <= hi[c]. Updates max [cols], sum [cols]; alpha [cols]: factor for what was summed before.
/// p: f32 [n_rows][stride], or words of bf16 pairs (rows 2w, 2w + 1) [(n_rows + 1) / 2][stride]; hidden rows become 0.
/// Returns whether any alpha differs from 1.
bool softmax_tile_f32(float* p, float* max, float* sum, float* alpha, const float* s, const int32_t* lo, const int32_t* hi,
                      int64_t n_rows, int64_t cols, int64_t stride, float scale);
bool softmax_tile_bf16(uint32_t* p, float* max, float* sum, float* alpha, const float* s, const int32_t* lo, const int32_t* hi,
                       int64_t n_rows, int64_t cols, int64_t stride, float scale);
/// acc [n_rows][stride] *= alpha [cols], column by column.
void scale_columns(float* acc, const float* alpha, int64_t n_rows, int64_t cols, int64_t stride);

/// Backward of a tile: p = exp(scale * s - lse) where visible, ds = p * (dp - delta) * scale.
/// Writes p and ds rounded to bf16, twice each as the products want them: rows [n_rows][cols] u16 and, for ds, words of row pairs.
void softmax_tile_backward_bf16(uint16_t* p_rows, uint16_t* ds_rows, uint32_t* ds_words, const float* s, const float* dp,
                                const float* lse, const float* delta, const int32_t* lo, const int32_t* hi, int64_t n_rows,
                                int64_t cols, int64_t stride, float scale);
void softmax_tile_backward_f32(float* p_rows, float* ds_rows, const float* s, const float* dp, const float* lse, const float* delta,
                               const int32_t* lo, const int32_t* hi, int64_t n_rows, int64_t cols, int64_t stride, float scale);

}  // namespace fathom
