// What every instruction set provides to gemm.cc. Plain pointers; nothing shared inline but this struct.
#pragma once

#include <cstdint>

namespace fathom {

struct GemmTileArgs {
  const char* a;
  int64_t a_row_bytes, a_word_bytes;
  const uint32_t* b;
  int64_t n_words, n_rows, n_cols, padded_cols;
  const float* c_in;
  int64_t c_in_stride;
  int store;  // 0 f32, 1 add f32, 2 bf16
  void* out;
  int64_t out_stride;
  const float* bias;
};

/// Few rows (1 to kDirectRows) against weights as they lie, w[n] at w + n * w_row_bytes, n_words whole words each: transposed in registers
/// tile by tile, never packed. t.b is not read, t.n_cols is any multiple of 16. The chains are those of the packed kernels, bit for bit.
using DirectFn = void (*)(const GemmTileArgs& t, const char* w, int64_t w_row_bytes);
inline constexpr int64_t kDirectRows = 4;

/// 16 columns x n_words words: dst[w * dst_stride + c] = src word w of column c (columns lie col_bytes apart).
using TransposeFn = void (*)(uint32_t* dst, int64_t dst_stride, const char* src, int64_t col_bytes, int64_t n_words);

/// gemm.h's; kernels use slots 8 and 9.
void* gemm_scratch(int slot, int64_t n_bytes);

namespace avx2 {
void gemm_bf16(const GemmTileArgs& t);
void gemm_f32(const GemmTileArgs& t);
void direct_bf16(const GemmTileArgs& t, const char* w, int64_t w_row_bytes);
void direct_f32(const GemmTileArgs& t, const char* w, int64_t w_row_bytes);
void transpose16(uint32_t* dst, int64_t dst_stride, const char* src, int64_t col_bytes, int64_t n_words);
void interleave_rows(uint32_t* dst, int64_t dst_stride, const uint16_t* src, int64_t row_stride, int64_t n_cols, int64_t n_pairs);
}  // namespace avx2

namespace avx512 {
void gemm_bf16(const GemmTileArgs& t);
void gemm_bf16_widened(const GemmTileArgs& t);
void gemm_f32(const GemmTileArgs& t);
void direct_bf16(const GemmTileArgs& t, const char* w, int64_t w_row_bytes);
void direct_bf16_widened(const GemmTileArgs& t, const char* w, int64_t w_row_bytes);
void direct_f32(const GemmTileArgs& t, const char* w, int64_t w_row_bytes);
void transpose16(uint32_t* dst, int64_t dst_stride, const char* src, int64_t col_bytes, int64_t n_words);
void interleave_rows(uint32_t* dst, int64_t dst_stride, const uint16_t* src, int64_t row_stride, int64_t n_cols, int64_t n_pairs);
}  // namespace avx512

void gemm_bf16_simd(const GemmTileArgs& t);
void gemm_f32_simd(const GemmTileArgs& t);

}  // namespace fathom
