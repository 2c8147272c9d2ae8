// The matrix product on Highway: f32, and bf16 pairs widened to f32. The plain form, of one source for every
// instruction set. gemm.cc chooses it for FATHOM_ISA=scalar alone: from AVX2 on, gemm_avx2.cc and gemm_avx512.cc serve.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/linear/gemm_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "ops/linear/gemm_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::CappedTag<float, 16>;
using DU = hn::RebindToUnsigned<DF>;

inline uint16_t round_bf16(float x) {
  uint32_t u;
  __builtin_memcpy(&u, &x, 4);
  if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((u >> 16) | 0x40);
  return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

// MR rows by two vectors of columns.
template <bool kBf16, int MR>
HWY_INLINE void tile(const GemmTileArgs& t, int64_t row, int64_t col) {
  const DF d;
  const DU du;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const bool two = col + lanes < t.padded_cols;
  float buffer[MR][32] = {};
  if (t.c_in) {
    for (int m = 0; m < MR; ++m) {
      for (int64_t c = 0; c < 2 * lanes && col + c < t.n_cols; ++c) {
        buffer[m][c] = t.c_in[(row + m) * t.c_in_stride + col + c];
      }
    }
  }
  hn::Vec<DF> acc0[MR], acc1[MR];
  for (int m = 0; m < MR; ++m) {
    acc0[m] = hn::LoadU(d, buffer[m]);
    acc1[m] = hn::LoadU(d, buffer[m] + lanes);
  }
  const char* a = t.a + row * t.a_row_bytes;
  const uint32_t* b = t.b + col;
  const auto high = hn::Set(du, 0xffff0000u);
  for (int64_t w = 0; w < t.n_words; ++w) {
    const auto b0 = hn::LoadU(du, b), b1 = hn::LoadU(du, two ? b + lanes : b);
    for (int m = 0; m < MR; ++m) {
      uint32_t word;
      __builtin_memcpy(&word, a + m * t.a_row_bytes, 4);
      const auto av = hn::Set(du, word);
      if constexpr (kBf16) {
        const auto a_lo = hn::BitCast(d, hn::ShiftLeft<16>(av)), a_hi = hn::BitCast(d, hn::And(av, high));
        acc0[m] = hn::MulAdd(a_lo, hn::BitCast(d, hn::ShiftLeft<16>(b0)), acc0[m]);
        acc1[m] = hn::MulAdd(a_lo, hn::BitCast(d, hn::ShiftLeft<16>(b1)), acc1[m]);
        acc0[m] = hn::MulAdd(a_hi, hn::BitCast(d, hn::And(b0, high)), acc0[m]);
        acc1[m] = hn::MulAdd(a_hi, hn::BitCast(d, hn::And(b1, high)), acc1[m]);
      } else {
        acc0[m] = hn::MulAdd(hn::BitCast(d, av), hn::BitCast(d, b0), acc0[m]);
        acc1[m] = hn::MulAdd(hn::BitCast(d, av), hn::BitCast(d, b1), acc1[m]);
      }
    }
    a += t.a_word_bytes;
    b += t.padded_cols;
  }
  for (int m = 0; m < MR; ++m) {
    hn::StoreU(acc0[m], d, buffer[m]);
    hn::StoreU(acc1[m], d, buffer[m] + lanes);
    for (int64_t c = 0; c < (two ? 2 : 1) * lanes && col + c < t.n_cols; ++c) {
      float v = buffer[m][c];
      if (t.bias) v += t.bias[col + c];
      const int64_t at = (row + m) * t.out_stride + col + c;
      if (t.store == 2) {
        static_cast<uint16_t*>(t.out)[at] = round_bf16(v);
      } else if (t.store == 1) {
        static_cast<float*>(t.out)[at] += v;
      } else {
        static_cast<float*>(t.out)[at] = v;
      }
    }
  }
}

template <bool kBf16>
void block(const GemmTileArgs& t) {
  const int64_t wide = 2 * static_cast<int64_t>(hn::Lanes(DF()));
  for (int64_t col = 0; col < t.n_cols; col += wide) {
    int64_t row = 0;
    for (; row + 4 <= t.n_rows; row += 4) tile<kBf16, 4>(t, row, col);
    for (; row < t.n_rows; ++row) tile<kBf16, 1>(t, row, col);
  }
}

void gemm_bf16_hwy(const GemmTileArgs& t) { block<true>(t); }
void gemm_f32_hwy(const GemmTileArgs& t) { block<false>(t); }

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {
HWY_EXPORT(gemm_bf16_hwy);
HWY_EXPORT(gemm_f32_hwy);
void gemm_bf16_simd(const GemmTileArgs& t) { HWY_DYNAMIC_DISPATCH(gemm_bf16_hwy)(t); }
void gemm_f32_simd(const GemmTileArgs& t) { HWY_DYNAMIC_DISPATCH(gemm_f32_hwy)(t); }
}  // namespace fathom
#endif
