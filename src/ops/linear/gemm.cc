// Chooses the kernels, packs blocks, and hands tiles down.
#include "ops/linear/gemm.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "device/isa.h"
#include "ops/linear/gemm_kernels.h"

namespace fathom {
namespace {

void transpose16_plain(uint32_t* dst, int64_t dst_stride, const char* src, int64_t col_bytes, int64_t n_words) {
  for (int c = 0; c < 16; ++c) {
    for (int64_t w = 0; w < n_words; ++w) std::memcpy(dst + w * dst_stride + c, src + c * col_bytes + 4 * w, 4);
  }
}

void interleave_rows_plain(uint32_t* dst, int64_t dst_stride, const uint16_t* src, int64_t row_stride, int64_t n_cols, int64_t n_pairs) {
  for (int64_t p = 0; p < n_pairs; ++p) {
    const uint16_t* even = src + 2 * p * row_stride;
    const uint16_t* odd = even + row_stride;
    for (int64_t c = 0; c < n_cols; ++c) dst[p * dst_stride + c] = even[c] | (uint32_t{odd[c]} << 16);
  }
}

struct Kernels {
  void (*bf16)(const GemmTileArgs&);
  void (*f32)(const GemmTileArgs&);
  TransposeFn transpose16;
  void (*interleave_rows)(uint32_t*, int64_t, const uint16_t*, int64_t, int64_t, int64_t);
  DirectFn direct_bf16, direct_f32;  // null: none
};

const Kernels& kernels() {
  static const Kernels k = [] {
    if (isa() >= Isa::kAvx512Bf16) {
      const bool widen = !has_fast_bf16_dot();
      return Kernels{widen ? avx512::gemm_bf16_widened : avx512::gemm_bf16,
                     avx512::gemm_f32,
                     avx512::transpose16,
                     avx512::interleave_rows,
                     widen ? avx512::direct_bf16_widened : avx512::direct_bf16,
                     avx512::direct_f32};
    }
    if (isa() >= Isa::kAvx2) {
      return Kernels{avx2::gemm_bf16,       avx2::gemm_f32,    avx2::transpose16,
                     avx2::interleave_rows, avx2::direct_bf16, avx2::direct_f32};
    }
    return Kernels{gemm_bf16_simd, gemm_f32_simd, transpose16_plain, interleave_rows_plain, nullptr, nullptr};
  }();
  return k;
}

// Columns [c, n_cols) are fewer than 16, or rows end in half a word: through a zeroed 16-column copy.
template <typename T>
void pack_ragged(uint32_t* dst, int64_t dst_stride, const T* src, int64_t row_stride, int64_t n_cols, int64_t k) {
  for (int64_t w = 0; w < gemm_words<T>(k); ++w) {
    for (int64_t c = 0; c < 16; ++c) {
      uint32_t word = 0;
      if (c < n_cols) {
        const int64_t at = sizeof(T) == 4 ? w : 2 * w;
        const int64_t n = std::min<int64_t>(sizeof(T) == 4 ? 1 : 2, k - at);
        std::memcpy(&word, src + c * row_stride + at, static_cast<size_t>(n) * sizeof(T));
      }
      dst[w * dst_stride + c] = word;
    }
  }
}

template <typename T>
void pack_transposed(uint32_t* dst, const T* src, int64_t row_stride, int64_t n_cols, int64_t k) {
  FATHOM_DCHECK(n_cols >= 1 && n_cols <= kGemmCols);
  const int64_t padded = gemm_padded_cols(n_cols);
  const int64_t whole = sizeof(T) == 4 ? k : k / 2;
  for (int64_t c = 0; c < n_cols; c += 16) {
    const T* column = src + c * row_stride;
    if (n_cols - c < 16) {
      pack_ragged(dst + c, padded, column, row_stride, n_cols - c, k);
      continue;
    }
    kernels().transpose16(dst + c, padded, reinterpret_cast<const char*>(column), row_stride * static_cast<int64_t>(sizeof(T)), whole);
    if (whole < gemm_words<T>(k)) pack_ragged(dst + whole * padded + c, padded, column + 2 * whole, row_stride, 16, 1);
  }
}

}  // namespace

void gemm_pack_transposed(uint32_t* dst, const BF16* src, int64_t row_stride, int64_t n_cols, int64_t k) {
  pack_transposed(dst, src, row_stride, n_cols, k);
}
void gemm_pack_transposed(uint32_t* dst, const float* src, int64_t row_stride, int64_t n_cols, int64_t k) {
  pack_transposed(dst, src, row_stride, n_cols, k);
}

void gemm_pack_rows(uint32_t* dst, const BF16* src, int64_t row_stride, int64_t n_cols, int64_t k) {
  const int64_t padded = gemm_padded_cols(n_cols), pairs = k / 2;
  if (padded != n_cols) std::memset(dst, 0, static_cast<size_t>(gemm_words<BF16>(k) * padded) * 4);
  kernels().interleave_rows(dst, padded, reinterpret_cast<const uint16_t*>(src), row_stride, n_cols, pairs);
  if (k % 2 != 0) {
    uint32_t* last = dst + pairs * padded;
    for (int64_t c = 0; c < n_cols; ++c) last[c] = src[2 * pairs * row_stride + c].bits;
  }
}

void gemm_pack_rows(uint32_t* dst, const float* src, int64_t row_stride, int64_t n_cols, int64_t k) {
  const int64_t padded = gemm_padded_cols(n_cols);
  for (int64_t w = 0; w < k; ++w) {
    std::memcpy(dst + w * padded, src + w * row_stride, static_cast<size_t>(n_cols) * 4);
    std::fill(dst + w * padded + n_cols, dst + (w + 1) * padded, 0u);
  }
}

namespace {

GemmTileArgs args_of(const GemmTile& t) {
  return {static_cast<const char*>(t.a), t.a_row_bytes, t.a_word_bytes, t.b, t.n_words, t.n_rows, t.n_cols,
          gemm_padded_cols(t.n_cols), t.c_in, t.c_in_stride, static_cast<int>(t.store), t.out, t.out_stride, t.bias};
}

}  // namespace

template <typename T>
void gemm_multiply(const GemmTile& t) {
  (sizeof(T) == 4 ? kernels().f32 : kernels().bf16)(args_of(t));
}
template void gemm_multiply<float>(const GemmTile&);
template void gemm_multiply<BF16>(const GemmTile&);

int64_t gemm_direct_rows() { return kernels().direct_f32 == nullptr ? 0 : kDirectRows; }

template <typename T>
void gemm_direct(const GemmTile& t, const T* w, int64_t w_stride) {
  FATHOM_DCHECK(t.n_rows >= 1 && t.n_rows <= gemm_direct_rows() && t.n_cols % 16 == 0);
  (sizeof(T) == 4 ? kernels().direct_f32 : kernels().direct_bf16)(args_of(t), reinterpret_cast<const char*>(w),
                                                                 w_stride * static_cast<int64_t>(sizeof(T)));
}
template void gemm_direct<float>(const GemmTile&, const float*, int64_t);
template void gemm_direct<BF16>(const GemmTile&, const BF16*, int64_t);

void* gemm_scratch(int slot, int64_t n_bytes) {
  struct Slot {
    void* data = nullptr;
    int64_t size = 0;
    ~Slot() { std::free(data); }
  };
  thread_local Slot slots[10];
  Slot& s = slots[slot];
  if (s.size < n_bytes) {
    std::free(s.data);
    s.size = (n_bytes + n_bytes / 2 + 4095) / 4096 * 4096;
    s.data = std::aligned_alloc(4096, static_cast<size_t>(s.size));
    FATHOM_CHECK(s.data != nullptr);
  }
  return s.data;
}

}  // namespace fathom
