// AVX-512 kernels of the matrix product: VDPBF16PS on bf16 pairs, VFMADD on f32. On Zen 4 both issue one 512-bit operation a cycle;
// a tile of 6 x 64 keeps 24 chains in flight against 4 loads and 6 broadcasts per word of k, so the multiplier is the limit.
// Sapphire Rapids does half of VFMADD's FLOP/s with VDPBF16PS (2 cores: 172 and 345 GFLOP/s), so there bf16 is widened on the way.
#include <immintrin.h>

#include "ops/linear/gemm_kernels.h"

namespace fathom::avx512 {
namespace {

// A product step on one word of A, in all lanes, and words of B; words of kHalves > 1 are taken apart first and give as many steps.
struct Bf16Dot {
  static constexpr int kHalves = 1;
  static inline __m512i half(__m512i words, int) { return words; }
  static inline __m512 step(__m512 acc, __m512i a, __m512i b) {
    return _mm512_dpbf16_ps(acc, (__m512bh)a, (__m512bh)b);
  }
};
struct F32Fma {
  static constexpr int kHalves = 1;
  static inline __m512i half(__m512i words, int) { return words; }
  static inline __m512 step(__m512 acc, __m512i a, __m512i b) {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), acc);
  }
};

struct Bf16Widened {
  static constexpr int kHalves = 2;
  static inline __m512i half(__m512i words, int h) {
    return h == 0 ? _mm512_slli_epi32(words, 16) : _mm512_and_si512(words, _mm512_set1_epi32(static_cast<int>(0xffff0000u)));
  }
  static inline __m512 step(__m512 acc, __m512i a, __m512i b) { return F32Fma::step(acc, a, b); }
};

// Round to nearest even with NaN kept, as BF16(float) does. VCVTNEPS2BF16 would flush subnormals; this does not.
inline __m256i to_bf16(__m512 x) {
  const __m512i u = _mm512_castps_si512(x);
  const __m512i lsb = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), lsb);
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  const __m512i quiet = _mm512_or_si512(u, _mm512_set1_epi32(0x400000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_mov_epi32(rounded, nan, quiet), 16));
}

template <int MR, int NZ>
inline void store_tile(const GemmTileArgs& t, int64_t row, int64_t col, const __m512 (&acc)[MR][NZ]) {
#pragma GCC unroll 4
  for (int z = 0; z < NZ; ++z) {
    const int64_t left = t.n_cols - col - 16 * z;
    if (left <= 0) break;
    const __mmask16 mask = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
    const __m512 bias = t.bias ? _mm512_maskz_loadu_ps(mask, t.bias + col + 16 * z) : _mm512_setzero_ps();
#pragma GCC unroll 16
    for (int m = 0; m < MR; ++m) {
      __m512 v = acc[m][z];
      if (t.bias) v = _mm512_add_ps(v, bias);
      const int64_t at = (row + m) * t.out_stride + col + 16 * z;
      if (t.store == 2) {
        _mm256_mask_storeu_epi16(static_cast<uint16_t*>(t.out) + at, mask, to_bf16(v));
      } else {
        float* p = static_cast<float*>(t.out) + at;
        if (t.store == 1) v = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, p), v);
        _mm512_mask_storeu_ps(p, mask, v);
      }
    }
  }
}

template <class Op, int MR, int NZ, bool kRowMajorA>
void tile(const GemmTileArgs& t, int64_t row, int64_t col) {
  __m512 acc[MR][NZ];
#pragma GCC unroll 16
  for (int m = 0; m < MR; ++m) {
#pragma GCC unroll 4
    for (int z = 0; z < NZ; ++z) {
      if (t.c_in) {
        const int64_t left = t.n_cols - col - 16 * z;
        const __mmask16 mask = left >= 16 ? 0xffff : left <= 0 ? 0 : static_cast<__mmask16>((1u << left) - 1);
        acc[m][z] = _mm512_maskz_loadu_ps(mask, t.c_in + (row + m) * t.c_in_stride + col + 16 * z);
      } else {
        acc[m][z] = _mm512_setzero_ps();
      }
    }
  }
  const char* a = t.a + row * t.a_row_bytes;
  const int64_t row_bytes = t.a_row_bytes;
  const int64_t step = kRowMajorA ? 4 : t.a_word_bytes;
  const uint32_t* b = t.b + col;
  const int64_t b_stride = t.padded_cols;
  const auto advance = [&](int64_t n) __attribute__((always_inline)) {
    for (int64_t w = 0; w < n; ++w) {
#pragma GCC unroll 2
      for (int h = 0; h < Op::kHalves; ++h) {
        __m512i bz[NZ];
#pragma GCC unroll 4
        for (int z = 0; z < NZ; ++z) bz[z] = Op::half(_mm512_loadu_si512(b + 16 * z), h);
#pragma GCC unroll 16
        for (int m = 0; m < MR; ++m) {
          const char* p = kRowMajorA ? a + m * row_bytes : a + 4 * m;
          int32_t word;
          __builtin_memcpy(&word, p, 4);
          const __m512i av = Op::half(_mm512_set1_epi32(word), h);
#pragma GCC unroll 4
          for (int z = 0; z < NZ; ++z) acc[m][z] = Op::step(acc[m][z], av, bz[z]);
        }
      }
      a += step;
      b += b_stride;
    }
  };
  // Rows of A come from far away once per tile: while this tile is computed, the next one's lines are called in.
  int64_t w = 0;
  if (kRowMajorA && row + 2 * MR <= t.n_rows) {
    for (; w + 16 <= t.n_words; w += 16) {
#pragma GCC unroll 16
      for (int m = 0; m < MR; ++m) _mm_prefetch(a + (MR + m) * row_bytes, _MM_HINT_T0);
      advance(16);
    }
  }
  advance(t.n_words - w);
  store_tile<MR, NZ>(t, row, col, acc);
}

template <class Op, int NZ, bool kRowMajorA, int MR>
void last_rows(const GemmTileArgs& t, int64_t row, int64_t col) {
  if constexpr (MR > 0) {
    if (t.n_rows - row == MR) {
      tile<Op, MR, NZ, kRowMajorA>(t, row, col);
    } else {
      last_rows<Op, NZ, kRowMajorA, MR - 1>(t, row, col);
    }
  }
}

template <class Op, int NZ, bool kRowMajorA>
void columns(const GemmTileArgs& t, int64_t col) {
  constexpr int kRows = NZ == 4 ? 6 : NZ == 3 ? 8 : NZ == 2 ? 12 : 14;
  int64_t row = 0;
  for (; row + kRows <= t.n_rows; row += kRows) tile<Op, kRows, NZ, kRowMajorA>(t, row, col);
  last_rows<Op, NZ, kRowMajorA, kRows - 1>(t, row, col);
}

template <class Op, bool kRowMajorA>
void block(const GemmTileArgs& t) {
  switch (t.padded_cols / 16) {
    case 4: return columns<Op, 4, kRowMajorA>(t, 0);
    case 3: return columns<Op, 3, kRowMajorA>(t, 0);
    case 2: return columns<Op, 2, kRowMajorA>(t, 0);
    default: return columns<Op, 1, kRowMajorA>(t, 0);
  }
}

// r[c] is 16 words of column c; afterwards r[j] is word j of the 16 columns.
inline void transpose_in_registers(__m512i (&r)[16]) {
  __m512i s[16];
#pragma GCC unroll 16
  for (int c = 0; c < 16; c += 2) {
    s[c] = _mm512_unpacklo_epi32(r[c], r[c + 1]);
    s[c + 1] = _mm512_unpackhi_epi32(r[c], r[c + 1]);
  }
#pragma GCC unroll 16
  for (int c = 0; c < 16; c += 4) {
    r[c] = _mm512_unpacklo_epi64(s[c], s[c + 2]);
    r[c + 1] = _mm512_unpackhi_epi64(s[c], s[c + 2]);
    r[c + 2] = _mm512_unpacklo_epi64(s[c + 1], s[c + 3]);
    r[c + 3] = _mm512_unpackhi_epi64(s[c + 1], s[c + 3]);
  }
  // r[4g + j] holds, in each 128-bit lane L, word 4L + j of columns 4g … 4g + 3.
#pragma GCC unroll 16
  for (int j = 0; j < 4; ++j) {
    s[j] = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x88);  // lanes 0, 2 of groups 0, 1
    s[4 + j] = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x88);
    s[8 + j] = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xdd);  // lanes 1, 3
    s[12 + j] = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xdd);
  }
#pragma GCC unroll 16
  for (int j = 0; j < 4; ++j) {
    r[j] = _mm512_shuffle_i32x4(s[j], s[4 + j], 0x88);
    r[8 + j] = _mm512_shuffle_i32x4(s[j], s[4 + j], 0xdd);
    r[4 + j] = _mm512_shuffle_i32x4(s[8 + j], s[12 + j], 0x88);
    r[12 + j] = _mm512_shuffle_i32x4(s[8 + j], s[12 + j], 0xdd);
  }
}

inline __mmask16 first_words(int64_t n) { return n >= 16 ? 0xffff : static_cast<__mmask16>((1u << n) - 1); }

// One tile of 16 columns by 16 words (the last of a row may have fewer) against MR rows of A.
template <class Op, int MR>
inline void direct_tile(__m512 (&acc)[MR][1], const GemmTileArgs& t, const char* w, int64_t w_row_bytes, int64_t at, int64_t left) {
  __m512i r[16];
  const __mmask16 mask = first_words(left);
#pragma GCC unroll 16
  for (int c = 0; c < 16; ++c) r[c] = _mm512_maskz_loadu_epi32(mask, w + c * w_row_bytes + 4 * at);
  transpose_in_registers(r);
  const char* a = t.a + 4 * at;
#pragma GCC unroll 16
  for (int j = 0; j < 16; ++j) {
    if (j >= left) break;
#pragma GCC unroll 4
    for (int m = 0; m < MR; ++m) {
      int32_t word;
      __builtin_memcpy(&word, a + m * t.a_row_bytes + 4 * j, 4);
      const __m512i av = _mm512_set1_epi32(word);
#pragma GCC unroll 2
      for (int h = 0; h < Op::kHalves; ++h) acc[m][0] = Op::step(acc[m][0], Op::half(av, h), Op::half(r[j], h));
    }
  }
}

// Rows of weights that follow each other in memory are one stream to the machine: while 16 of them are multiplied, the next 16 are
// called in, line after line as they lie.
template <class Op, int MR>
void direct(const GemmTileArgs& t, const char* w, int64_t w_row_bytes) {
  for (int64_t col = 0; col < t.n_cols; col += 16) {
    const char* rows = w + col * w_row_bytes;
    const char* next = rows + 16 * w_row_bytes;
    __m512 acc[MR][1];
#pragma GCC unroll 4
    for (int m = 0; m < MR; ++m) acc[m][0] = t.c_in ? _mm512_loadu_ps(t.c_in + m * t.c_in_stride + col) : _mm512_setzero_ps();
    int64_t at = 0;
    for (; at + 16 <= t.n_words; at += 16) {
#pragma GCC unroll 16
      for (int line = 0; line < 16; ++line) _mm_prefetch(next + 64 * (at + line), _MM_HINT_T0);
      direct_tile<Op, MR>(acc, t, rows, w_row_bytes, at, 16);
    }
    if (at < t.n_words) direct_tile<Op, MR>(acc, t, rows, w_row_bytes, at, t.n_words - at);
    store_tile<MR, 1>(t, 0, col, acc);
  }
}

template <class Op>
void direct_rows(const GemmTileArgs& t, const char* w, int64_t w_row_bytes) {
  switch (t.n_rows) {
    case 1: return direct<Op, 1>(t, w, w_row_bytes);
    case 2: return direct<Op, 2>(t, w, w_row_bytes);
    case 3: return direct<Op, 3>(t, w, w_row_bytes);
    default: return direct<Op, 4>(t, w, w_row_bytes);
  }
}

}  // namespace

void gemm_bf16(const GemmTileArgs& t) {
  if (t.a_word_bytes == 4) return block<Bf16Dot, true>(t);
  block<Bf16Dot, false>(t);
}

void gemm_bf16_widened(const GemmTileArgs& t) {
  if (t.a_word_bytes == 4) return block<Bf16Widened, true>(t);
  block<Bf16Widened, false>(t);
}

void gemm_f32(const GemmTileArgs& t) {
  if (t.a_word_bytes == 4) return block<F32Fma, true>(t);
  block<F32Fma, false>(t);
}

void direct_bf16(const GemmTileArgs& t, const char* w, int64_t w_row_bytes) { direct_rows<Bf16Dot>(t, w, w_row_bytes); }
void direct_bf16_widened(const GemmTileArgs& t, const char* w, int64_t w_row_bytes) { direct_rows<Bf16Widened>(t, w, w_row_bytes); }
void direct_f32(const GemmTileArgs& t, const char* w, int64_t w_row_bytes) { direct_rows<F32Fma>(t, w, w_row_bytes); }

void transpose16(uint32_t* dst, int64_t dst_stride, const char* src, int64_t col_bytes, int64_t n_words) {
  const int64_t ahead = col_bytes >= 8192 ? 1024 : 16 * col_bytes;
  for (int64_t w = 0; w < n_words; w += 16) {
    const __mmask16 mask = first_words(n_words - w);
    __m512i r[16];
    // 16 streams of weights are more than the hardware follows. Into L2 only: rows of a power of two bytes share L1's sets. Long rows are called
    // in further along, short ones while the 16 rows before them are packed.
#pragma GCC unroll 16
    for (int c = 0; c < 16; ++c) {
      _mm_prefetch(src + c * col_bytes + 4 * w + ahead, _MM_HINT_T1);
      r[c] = _mm512_maskz_loadu_epi32(mask, src + c * col_bytes + 4 * w);
    }
    transpose_in_registers(r);
    const int n = n_words - w >= 16 ? 16 : static_cast<int>(n_words - w);
    for (int j = 0; j < n; ++j) _mm512_storeu_si512(dst + (w + j) * dst_stride, r[j]);
  }
}

void interleave_rows(uint32_t* dst, int64_t dst_stride, const uint16_t* src, int64_t row_stride, int64_t n_cols, int64_t n_pairs) {
  for (int64_t p = 0; p < n_pairs; ++p) {
    const uint16_t* even = src + 2 * p * row_stride;
    const uint16_t* odd = even + row_stride;
    for (int64_t c = 0; c < n_cols; c += 16) {
      const int64_t left = n_cols - c;
      const __mmask16 mask = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
      const __m512i lo = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, even + c));
      const __m512i hi = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, odd + c));
      _mm512_storeu_si512(dst + p * dst_stride + c, _mm512_or_si512(lo, _mm512_slli_epi32(hi, 16)));
    }
  }
}

}  // namespace fathom::avx512
