// The matrix product under linear and attention: packed blocks of B, rows of A, one chain of multiply-adds per output element.
//   c[m][n] = ((0 + a[m][0] b[0][n]) + a[m][1] b[1][n]) + …   in the order of k, whatever the tile, the block of k or the rows beside it.
// bf16 operands travel as pairs (k, k+1) in one 32-bit word, f32 operands as one word; both kinds share layout and code ("word" below).
// Chosen by device/isa.h: VDPBF16PS for bf16 where the machine has it at full rate, widened to f32 elsewhere (same order, other rounding).
#pragma once

#include <cstdint>

#include "tensor/view.h"

namespace fathom {

inline constexpr int64_t kGemmCols = 64;  // widest packed block
/// Blocks of n columns.
constexpr int64_t gemm_blocks(int64_t n) { return (n + kGemmCols - 1) / kGemmCols; }

/// Words of k that hold `k` elements of T: k for float, (k + 1) / 2 for BF16.
template <typename T>
constexpr int64_t gemm_words(int64_t k) {
  return sizeof(T) == 4 ? k : (k + 1) / 2;
}
/// Columns of a packed block with n valid ones: rounded up to 16, the rest zero.
constexpr int64_t gemm_padded_cols(int64_t n) { return (n + 15) / 16 * 16; }

/// Packs B[k][n] = src[n * row_stride + k] (a weight as stored, [N, K]), 1 <= n_cols <= kGemmCols columns, k elements each.
/// dst: gemm_words<T>(k) rows of gemm_padded_cols(n_cols) words; an odd last element of bf16 is paired with zero.
void gemm_pack_transposed(uint32_t* dst, const BF16* src, int64_t row_stride, int64_t n_cols, int64_t k);
void gemm_pack_transposed(uint32_t* dst, const float* src, int64_t row_stride, int64_t n_cols, int64_t k);
/// Packs B[k][n] = src[k * row_stride + n] (rows of k as they lie).
void gemm_pack_rows(uint32_t* dst, const BF16* src, int64_t row_stride, int64_t n_cols, int64_t k);
void gemm_pack_rows(uint32_t* dst, const float* src, int64_t row_stride, int64_t n_cols, int64_t k);

enum class GemmStore : int { kF32, kAddF32, kBF16 };

/// One packed block against any number of rows.
struct GemmTile {
  const void* a = nullptr;         // word (m, w) of A lies at a + m * a_row_bytes + w * a_word_bytes
  int64_t a_row_bytes = 0;
  int64_t a_word_bytes = 4;        // 4: rows as they lie; more: A packed by gemm_pack_rows (then a_row_bytes = 4)
  const uint32_t* b = nullptr;     // packed block
  int64_t n_words = 0, n_rows = 0, n_cols = 0;
  const float* c_in = nullptr;     // chain so far [n_rows, c_in_stride], or null: begins at 0
  int64_t c_in_stride = 0;
  GemmStore store = GemmStore::kF32;
  void* out = nullptr;             // [n_rows, out_stride] of f32 or BF16
  int64_t out_stride = 0;          // elements
  const float* bias = nullptr;     // [n_cols], added after the chain; or null
};
/// T: float or BF16, the type of A and B. Requires: for BF16 with odd k, a zero after the last element of A's rows.
template <typename T>
void gemm_multiply(const GemmTile& tile);

/// Most rows of A that gemm_direct takes; 0 where the instruction set in use has no such kernel.
int64_t gemm_direct_rows();
/// The same product for few rows, with B[k][n] = w[n * w_stride + k] as it lies: bits as gemm_multiply over gemm_pack_transposed's block.
/// Requires: 1 <= n_rows <= gemm_direct_rows(), n_cols a multiple of 16 (of any size), an even k for BF16; tile.b is not read.
template <typename T>
void gemm_direct(const GemmTile& tile, const T* w, int64_t w_stride);

/// Per-thread scratch of at least n_bytes, 64-byte aligned; slot 0..9, of which 8 and 9 are the kernels' own. Contents last until the thread asks for the same slot again.
void* gemm_scratch(int slot, int64_t n_bytes);

}  // namespace fathom
