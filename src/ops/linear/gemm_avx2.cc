// AVX2 kernels of the matrix product, for machines without VDPBF16PS: 6 rows by 16 columns keep 12 chains in flight, enough to hide a
// multiply-add's latency on two ports. Where rows are many, panels of A and B are widened to f32 before: shifts and masks between the
// products would take their ports. Few rows widen B in registers and take more columns at once.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "ops/linear/gemm_kernels.h"

namespace fathom::avx2 {
namespace {

constexpr int64_t kPanelK = 256;  // elements of k whose widened rows stay in L1 beside the columns of B

inline __m128i to_bf16(__m256 x) {
  const __m256i u = _mm256_castps_si256(x);
  const __m256i lsb = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), lsb), 16);
  const __m256i quiet = _mm256_srli_epi32(_mm256_or_si256(u, _mm256_set1_epi32(0x400000)), 16);
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  const __m256i words = _mm256_blendv_epi8(rounded, quiet, nan);
  return _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

// Lanes [0, left) of a vector of eight.
inline __m256i first_lanes(int64_t left) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(left)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline void store_bf16(uint16_t* p, __m128i v, int64_t left) {
  if (left >= 8) return _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v);
  uint16_t lanes[8];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(lanes), v);
  std::memcpy(p, lanes, static_cast<size_t>(left) * 2);
}

inline __m256 low_halves(__m256i pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }
inline __m256 high_halves(__m256i pairs) {
  return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
}

// Rows [row, row + MR) of A in f32: element (m, k) at data + m * row + k * step, for k of the panel at hand.
struct PanelA {
  const float* data;
  int64_t row, step;
};

// Adds the products of n_k elements of k to the chains. B's words hold one f32, or a pair of bf16 of which both halves are used in order.
template <bool kBf16, int MR, int NV>
inline void advance(__m256 (&acc)[MR][NV], const PanelA& a, const uint32_t* b, int64_t b_stride, int64_t n_words) {
  const float* p = a.data;
  for (int64_t w = 0; w < n_words; ++w, b += b_stride) {
#pragma GCC unroll 2
    for (int half = 0; half < (kBf16 ? 2 : 1); ++half, p += a.step) {
      __m256 bv[NV];
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) {
        const __m256i word = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + 8 * v));
        bv[v] = !kBf16 ? _mm256_castsi256_ps(word) : half == 0 ? low_halves(word) : high_halves(word);
      }
#pragma GCC unroll 6
      for (int m = 0; m < MR; ++m) {
        const __m256 av = _mm256_broadcast_ss(p + m * a.row);
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) acc[m][v] = _mm256_fmadd_ps(av, bv[v], acc[m][v]);
      }
    }
  }
}

template <int MR, int NV>
inline void load_chains(__m256 (&acc)[MR][NV], const float* c, int64_t stride, int64_t n_cols) {
#pragma GCC unroll 6
  for (int m = 0; m < MR; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) {
      acc[m][v] = c == nullptr              ? _mm256_setzero_ps()
                  : n_cols - 8 * v >= 8     ? _mm256_loadu_ps(c + m * stride + 8 * v)
                                            : _mm256_maskload_ps(c + m * stride + 8 * v, first_lanes(n_cols - 8 * v));
    }
  }
}

// A whole tile: plain stores, since AMD's cores take masked ones in microcode, tens of cycles each.
template <int kStore, int MR, int NV>
inline __attribute__((always_inline)) void store_whole(const GemmTileArgs& t, int64_t row, int64_t col, const __m256 (&acc)[MR][NV]) {
#pragma GCC unroll 8
  for (int v = 0; v < NV; ++v) {
    const __m256 bias = t.bias ? _mm256_loadu_ps(t.bias + col + 8 * v) : _mm256_setzero_ps();
#pragma GCC unroll 6
    for (int m = 0; m < MR; ++m) {
      const __m256 x = t.bias ? _mm256_add_ps(acc[m][v], bias) : acc[m][v];
      const int64_t at = (row + m) * t.out_stride + col + 8 * v;
      if constexpr (kStore == 2) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(static_cast<uint16_t*>(t.out) + at), to_bf16(x));
      } else {
        float* p = static_cast<float*>(t.out) + at;
        _mm256_storeu_ps(p, kStore == 1 ? _mm256_add_ps(_mm256_loadu_ps(p), x) : x);
      }
    }
  }
}

// Columns [col, n_cols) of one row of a tile at the right edge.
[[gnu::noinline]] void store_edge(const GemmTileArgs& t, int64_t row, int64_t col, const float* x) {
  for (int64_t c = col; c < t.n_cols; c += 8, x += 8) {
    const int64_t left = t.n_cols - c, at = row * t.out_stride + c;
    const __m256i lanes = first_lanes(left);
    __m256 v = _mm256_loadu_ps(x);
    if (t.bias) v = _mm256_add_ps(v, _mm256_maskload_ps(t.bias + c, lanes));
    if (t.store == 2) {
      store_bf16(static_cast<uint16_t*>(t.out) + at, to_bf16(v), left);
      continue;
    }
    float* p = static_cast<float*>(t.out) + at;
    _mm256_maskstore_ps(p, lanes, t.store == 1 ? _mm256_add_ps(_mm256_maskload_ps(p, lanes), v) : v);
  }
}

template <int MR, int NV>
inline __attribute__((always_inline)) void store_tile(const GemmTileArgs& t, int64_t row, int64_t col, const __m256 (&acc)[MR][NV]) {
  if (t.n_cols - col >= 8 * NV) {
    if (t.store == 2) return store_whole<2>(t, row, col, acc);
    return t.store == 1 ? store_whole<1>(t, row, col, acc) : store_whole<0>(t, row, col, acc);
  }
#pragma GCC unroll 6
  for (int m = 0; m < MR; ++m) {
    alignas(32) float x[8 * NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) _mm256_store_ps(x + 8 * v, acc[m][v]);
    store_edge(t, row + m, col, x);
  }
}

// What the tile will be added to is asked for before its products are taken.
template <int MR>
inline void prefetch_tile(const GemmTileArgs& t, int64_t row, int64_t col) {
  const float* p = static_cast<const float*>(t.out) + row * t.out_stride + col;
#pragma GCC unroll 6
  for (int m = 0; m < MR; ++m) _mm_prefetch(reinterpret_cast<const char*>(p + m * t.out_stride), _MM_HINT_T0);
}

// Widened rows of A for n_words words from `w` on: [k][8] where A is packed, [MR][stride] where its rows lie as they are.
template <int MR>
inline PanelA widen(float* panel, const GemmTileArgs& t, int64_t row, int64_t w, int64_t n_words, int64_t stride) {
  const char* a = t.a + row * t.a_row_bytes + w * t.a_word_bytes;
  if (t.a_word_bytes != 4) {
    const __m256i lanes = first_lanes(MR);
    for (int64_t i = 0; i < n_words; ++i, a += t.a_word_bytes) {
      const __m256i pairs = _mm256_maskload_epi32(reinterpret_cast<const int*>(a), lanes);
      _mm256_store_ps(panel + 16 * i, low_halves(pairs));
      _mm256_store_ps(panel + 16 * i + 8, high_halves(pairs));
    }
    return {panel, 1, 8};
  }
  for (int m = 0; m < MR; ++m, a += t.a_row_bytes) {
    float* to = panel + m * stride;
    int64_t i = 0;
    for (; i + 4 <= n_words; i += 4) {
      const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a + 4 * i));
      _mm256_storeu_ps(to + 2 * i, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(eight), 16)));
    }
    for (; i < n_words; ++i) {
      uint32_t word;
      std::memcpy(&word, a + 4 * i, 4);
      const uint32_t low = word << 16, high = word & 0xffff0000u;
      std::memcpy(to + 2 * i, &low, 4);
      std::memcpy(to + 2 * i + 1, &high, 4);
    }
  }
  return {panel, stride, 1};
}

// MR rows by all columns of the block, in pieces of k so that A's panel stays in L1; chains wait in `chain` between pieces.
template <bool kBf16, int MR, int NV>
void rows(const GemmTileArgs& t, int64_t row) {
  alignas(32) float panel[kBf16 ? 8 * kPanelK : 8];
  alignas(32) float chain[MR * 64];
  const int64_t words = kBf16 ? kPanelK / 2 : 2 * kPanelK;
  for (int64_t w = 0; w < t.n_words || w == 0; w += words) {
    const int64_t n_words = std::min(words, t.n_words - w);
    const bool last = w + n_words >= t.n_words;
    PanelA a;
    if constexpr (kBf16) {
      a = widen<MR>(panel, t, row, w, n_words, 2 * n_words);
    } else {
      a = {reinterpret_cast<const float*>(t.a + row * t.a_row_bytes + w * t.a_word_bytes), t.a_row_bytes / 4, t.a_word_bytes / 4};
    }
    for (int64_t col = 0; col < t.padded_cols; col += 8 * NV) {
      if (last && t.store == 1) prefetch_tile<MR>(t, row, col);
      __m256 acc[MR][NV];
      if (w > 0) {
        load_chains<MR, NV>(acc, chain + col, 64, 64);
      } else {
        load_chains<MR, NV>(acc, t.c_in ? t.c_in + row * t.c_in_stride + col : nullptr, t.c_in_stride, t.n_cols - col);
      }
      advance<kBf16, MR, NV>(acc, a, t.b + w * t.padded_cols + col, t.padded_cols, n_words);
      if (last) {
        store_tile<MR, NV>(t, row, col, acc);
        continue;
      }
#pragma GCC unroll 6
      for (int m = 0; m < MR; ++m) {
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) _mm256_store_ps(chain + m * 64 + col + 8 * v, acc[m][v]);
      }
    }
  }
}

// Few rows: chains enough only with more columns at once, as far as the block has them.
template <bool kBf16>
void few_rows(const GemmTileArgs& t, int64_t row, int64_t n) {
  const bool wide = t.padded_cols == 64, half = t.padded_cols % 32 == 0;
  switch (n) {
    case 1: return wide ? rows<kBf16, 1, 8>(t, row) : half ? rows<kBf16, 1, 4>(t, row) : rows<kBf16, 1, 2>(t, row);
    case 2: return half ? rows<kBf16, 2, 4>(t, row) : rows<kBf16, 2, 2>(t, row);
    case 3: return rows<kBf16, 3, 2>(t, row);
    case 4: return rows<kBf16, 4, 2>(t, row);
    case 5: return rows<kBf16, 5, 2>(t, row);
    default: return rows<kBf16, 6, 2>(t, row);
  }
}

// ---- Many rows ----

constexpr int64_t kManyRows = 48;  // from here on widening B pays
constexpr int64_t kFewPanels = 2;  // of k: beyond, chains that wait between panels cost more than B's widening saves
// Between rows of A's panel: not a power of two, or the broadcasts of a step would all ask for one bank of L1.
constexpr int64_t kPanelStride = kPanelK + 20;

// B's words of one panel in f32: [k][padded_cols].
void widen_b(float* to, const uint32_t* b, int64_t padded_cols, int64_t n_words) {
  for (int64_t w = 0; w < n_words; ++w, b += padded_cols, to += 2 * padded_cols) {
    for (int64_t c = 0; c < padded_cols; c += 8) {
      const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + c));
      _mm256_store_ps(to + c, low_halves(pairs));
      _mm256_store_ps(to + padded_cols + c, high_halves(pairs));
    }
  }
}

// Rows of A in f32 for the panel of n_words words from `w` on.
template <bool kBf16, int MR>
PanelA panel_of(float* panel, const GemmTileArgs& t, int64_t row, int64_t w, int64_t n_words) {
  if constexpr (kBf16) return widen<MR>(panel, t, row, w, n_words, kPanelStride);
  const char* a = t.a + row * t.a_row_bytes + w * t.a_word_bytes;
  if (t.a_word_bytes != 4) return {reinterpret_cast<const float*>(a), t.a_row_bytes / 4, t.a_word_bytes / 4};
  for (int m = 0; m < MR; ++m, a += t.a_row_bytes) std::memcpy(panel + m * kPanelStride, a, static_cast<size_t>(n_words) * 4);
  return {panel, kPanelStride, 1};
}

// Adds the products of n_k elements of k; b in f32. Two pointers into A leave its addresses in few registers.
template <int MR>
inline __attribute__((always_inline)) void advance_wide(__m256 (&acc)[MR][2], const PanelA& a, const float* b, int64_t b_stride, int64_t n_k) {
  constexpr int kUpper = MR < 3 ? MR : 3;
  const float* p = a.data;
  const float* q = a.data + kUpper * a.row;
  for (int64_t k = 0; k < n_k; ++k, p += a.step, q += a.step, b += b_stride) {
    const __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
#pragma GCC unroll 3
    for (int m = 0; m < kUpper; ++m) {
      const __m256 x = _mm256_broadcast_ss(p + m * a.row);
      acc[m][0] = _mm256_fmadd_ps(x, b0, acc[m][0]);
      acc[m][1] = _mm256_fmadd_ps(x, b1, acc[m][1]);
    }
#pragma GCC unroll 3
    for (int m = kUpper; m < MR; ++m) {
      const __m256 x = _mm256_broadcast_ss(q + (m - kUpper) * a.row);
      acc[m][0] = _mm256_fmadd_ps(x, b0, acc[m][0]);
      acc[m][1] = _mm256_fmadd_ps(x, b1, acc[m][1]);
    }
  }
}

// One panel of k: B in f32, what stands before it in the chains and what comes after.
struct WidePanel {
  const float* b;
  int64_t word, n_words, n_k;
  bool first, last;
  float* chains;  // [n_rows][64], between panels
};

template <bool kBf16, int MR>
void wide_rows(const GemmTileArgs& t, const WidePanel& w, float* panel, int64_t row) {
  const PanelA a = panel_of<kBf16, MR>(panel, t, row, w.word, w.n_words);
  for (int64_t col = 0; col < t.padded_cols; col += 16) {
    if (w.last && t.store == 1) prefetch_tile<MR>(t, row, col);
    __m256 acc[MR][2];
    if (w.first) {
      load_chains<MR, 2>(acc, t.c_in ? t.c_in + row * t.c_in_stride + col : nullptr, t.c_in_stride, t.n_cols - col);
    } else {
      load_chains<MR, 2>(acc, w.chains + row * 64 + col, 64, 64);
    }
    advance_wide<MR>(acc, a, w.b + col, t.padded_cols, w.n_k);
    if (w.last) {
      store_tile<MR, 2>(t, row, col, acc);
      continue;
    }
#pragma GCC unroll 6
    for (int m = 0; m < MR; ++m) {
      _mm256_storeu_ps(w.chains + (row + m) * 64 + col, acc[m][0]);
      _mm256_storeu_ps(w.chains + (row + m) * 64 + col + 8, acc[m][1]);
    }
  }
}

template <bool kBf16>
void wide_rest(const GemmTileArgs& t, const WidePanel& w, float* panel, int64_t row) {
  switch (t.n_rows - row) {
    case 0: return;
    case 1: return wide_rows<kBf16, 1>(t, w, panel, row);
    case 2: return wide_rows<kBf16, 2>(t, w, panel, row);
    case 3: return wide_rows<kBf16, 3>(t, w, panel, row);
    case 4: return wide_rows<kBf16, 4>(t, w, panel, row);
    default: return wide_rows<kBf16, 5>(t, w, panel, row);
  }
}

template <bool kBf16>
void many_rows(const GemmTileArgs& t) {
  alignas(32) float panel[8 * kPanelK];  // [k][8] or [6][kPanelStride]
  static_assert(6 * kPanelStride <= 8 * kPanelK);
  constexpr int64_t kWords = kBf16 ? kPanelK / 2 : kPanelK;
  const bool one = t.n_words <= kWords;
  auto* wide_b = kBf16 ? static_cast<float*>(gemm_scratch(8, kPanelK * 64 * 4)) : nullptr;
  WidePanel w = {};
  w.chains = one ? nullptr : static_cast<float*>(gemm_scratch(9, t.n_rows * 64 * 4));
  for (w.word = 0; w.word < t.n_words || w.word == 0; w.word += kWords) {
    w.n_words = std::min(kWords, t.n_words - w.word);
    w.n_k = kBf16 ? 2 * w.n_words : w.n_words;
    w.first = w.word == 0;
    w.last = w.word + w.n_words >= t.n_words;
    const uint32_t* b = t.b + w.word * t.padded_cols;
    if (kBf16) widen_b(wide_b, b, t.padded_cols, w.n_words);
    w.b = kBf16 ? wide_b : reinterpret_cast<const float*>(b);
    int64_t row = 0;
    for (; row + 6 <= t.n_rows; row += 6) wide_rows<kBf16, 6>(t, w, panel, row);
    wide_rest<kBf16>(t, w, panel, row);
  }
}

template <bool kBf16>
void block(const GemmTileArgs& t) {
  const bool few_panels = t.n_words <= kFewPanels * (kBf16 ? kPanelK / 2 : kPanelK) || t.a_word_bytes != 4;
  if (t.n_rows >= kManyRows && few_panels) return many_rows<kBf16>(t);
  int64_t row = 0;
  for (; row + 6 < t.n_rows; row += 6) few_rows<kBf16>(t, row, 6);
  if (row < t.n_rows) few_rows<kBf16>(t, row, t.n_rows - row);
}

// r[c] is 8 words of column c; afterwards r[j] is word j of the 8 columns.
inline void transpose_in_registers(__m256 (&r)[8]) {
  __m256 s[8];
#pragma GCC unroll 4
  for (int c = 0; c < 8; c += 2) {
    s[c] = _mm256_unpacklo_ps(r[c], r[c + 1]);
    s[c + 1] = _mm256_unpackhi_ps(r[c], r[c + 1]);
  }
  const auto pairs = [](__m256 x, __m256 y, bool upper) __attribute__((always_inline)) {
    const __m256d a = _mm256_castps_pd(x), b = _mm256_castps_pd(y);
    return _mm256_castpd_ps(upper ? _mm256_unpackhi_pd(a, b) : _mm256_unpacklo_pd(a, b));
  };
#pragma GCC unroll 2
  for (int h = 0; h < 2; ++h) {
    r[4 * h] = pairs(s[4 * h], s[4 * h + 2], false);
    r[4 * h + 1] = pairs(s[4 * h], s[4 * h + 2], true);
    r[4 * h + 2] = pairs(s[4 * h + 1], s[4 * h + 3], false);
    r[4 * h + 3] = pairs(s[4 * h + 1], s[4 * h + 3], true);
  }
  // r[4h + j] holds word j of columns 4h … 4h + 3 in its lower half, word 4 + j in its upper one.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    s[j] = _mm256_permute2f128_ps(r[j], r[4 + j], 0x20);
    s[4 + j] = _mm256_permute2f128_ps(r[j], r[4 + j], 0x31);
  }
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) r[j] = s[j];
}

inline void load_columns(__m256 (&r)[8], const char* src, int64_t col_bytes) {
#pragma GCC unroll 8
  for (int c = 0; c < 8; ++c) r[c] = _mm256_loadu_ps(reinterpret_cast<const float*>(src + c * col_bytes));
  transpose_in_registers(r);
}

// 8 words of 8 columns against MR rows of A.
template <bool kBf16, int MR>
inline void direct_tile(__m256 (&acc)[MR], const char* a, int64_t a_row_bytes, const char* w, int64_t w_row_bytes) {
  __m256 r[8];
  load_columns(r, w, w_row_bytes);
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) {
#pragma GCC unroll 4
    for (int m = 0; m < MR; ++m) {
      const __m256 word = _mm256_broadcast_ss(reinterpret_cast<const float*>(a + m * a_row_bytes + 4 * j));
      if constexpr (kBf16) {
        const __m256i x = _mm256_castps_si256(word), b = _mm256_castps_si256(r[j]);
        acc[m] = _mm256_fmadd_ps(low_halves(x), low_halves(b), acc[m]);
        acc[m] = _mm256_fmadd_ps(high_halves(x), high_halves(b), acc[m]);
      } else {
        acc[m] = _mm256_fmadd_ps(word, r[j], acc[m]);
      }
    }
  }
}

// The last words of a row, fewer than 8.
template <bool kBf16>
inline __m256 direct_word(__m256 acc, const char* a, const char* w, int64_t w_row_bytes) {
  alignas(32) uint32_t column[8];
  for (int c = 0; c < 8; ++c) std::memcpy(&column[c], w + c * w_row_bytes, 4);
  const __m256i b = _mm256_load_si256(reinterpret_cast<const __m256i*>(column));
  const __m256 word = _mm256_broadcast_ss(reinterpret_cast<const float*>(a));
  if (!kBf16) return _mm256_fmadd_ps(word, _mm256_castsi256_ps(b), acc);
  const __m256i x = _mm256_castps_si256(word);
  acc = _mm256_fmadd_ps(low_halves(x), low_halves(b), acc);
  return _mm256_fmadd_ps(high_halves(x), high_halves(b), acc);
}

// Rows of weights that follow each other in memory are one stream to the machine: while 16 of them are multiplied, the next 16 are
// called in, line after line as they lie. Two groups of 8 columns at a time: their chains hide each other's latency.
template <bool kBf16, int MR>
void direct(const GemmTileArgs& t, const char* w, int64_t w_row_bytes) {
  for (int64_t col = 0; col < t.n_cols; col += 16) {
    const char* rows = w + col * w_row_bytes;
    const char* next = rows + 16 * w_row_bytes;
    __m256 acc[2][MR];
#pragma GCC unroll 2
    for (int g = 0; g < 2; ++g) {
#pragma GCC unroll 4
      for (int m = 0; m < MR; ++m) acc[g][m] = t.c_in ? _mm256_loadu_ps(t.c_in + m * t.c_in_stride + col + 8 * g) : _mm256_setzero_ps();
    }
    int64_t at = 0;
    for (; at + 8 <= t.n_words; at += 8) {
#pragma GCC unroll 8
      for (int line = 0; line < 8; ++line) _mm_prefetch(next + 64 * (at + line), _MM_HINT_T0);
      direct_tile<kBf16, MR>(acc[0], t.a + 4 * at, t.a_row_bytes, rows + 4 * at, w_row_bytes);
      direct_tile<kBf16, MR>(acc[1], t.a + 4 * at, t.a_row_bytes, rows + 8 * w_row_bytes + 4 * at, w_row_bytes);
    }
    for (; at < t.n_words; ++at) {
      for (int m = 0; m < MR; ++m) {
        acc[0][m] = direct_word<kBf16>(acc[0][m], t.a + m * t.a_row_bytes + 4 * at, rows + 4 * at, w_row_bytes);
        acc[1][m] = direct_word<kBf16>(acc[1][m], t.a + m * t.a_row_bytes + 4 * at, rows + 8 * w_row_bytes + 4 * at, w_row_bytes);
      }
    }
    __m256 tile[MR][2];
    for (int m = 0; m < MR; ++m) tile[m][0] = acc[0][m], tile[m][1] = acc[1][m];
    store_tile<MR, 2>(t, 0, col, tile);
  }
}

template <bool kBf16>
void direct_rows(const GemmTileArgs& t, const char* w, int64_t w_row_bytes) {
  switch (t.n_rows) {
    case 1: return direct<kBf16, 1>(t, w, w_row_bytes);
    case 2: return direct<kBf16, 2>(t, w, w_row_bytes);
    case 3: return direct<kBf16, 3>(t, w, w_row_bytes);
    default: return direct<kBf16, 4>(t, w, w_row_bytes);
  }
}

}  // namespace

void gemm_bf16(const GemmTileArgs& t) { block<true>(t); }
void gemm_f32(const GemmTileArgs& t) { block<false>(t); }

void direct_bf16(const GemmTileArgs& t, const char* w, int64_t w_row_bytes) { direct_rows<true>(t, w, w_row_bytes); }
void direct_f32(const GemmTileArgs& t, const char* w, int64_t w_row_bytes) { direct_rows<false>(t, w, w_row_bytes); }

void transpose16(uint32_t* dst, int64_t dst_stride, const char* src, int64_t col_bytes, int64_t n_words) {
  // 16 columns that follow each other in memory are read as one stream: the next 16 are called in line by line while these are packed.
  const char* next = src + 16 * col_bytes;
  int64_t w = 0;
  for (; w + 8 <= n_words; w += 8) {
#pragma GCC unroll 8
    for (int line = 0; line < 8; ++line) _mm_prefetch(next + (w * 8 + line * 8) * 8, _MM_HINT_T1);
    __m256 left[8], right[8];
    load_columns(left, src + 4 * w, col_bytes);
    load_columns(right, src + 8 * col_bytes + 4 * w, col_bytes);
    for (int j = 0; j < 8; ++j) {
      _mm256_storeu_ps(reinterpret_cast<float*>(dst + (w + j) * dst_stride), left[j]);
      _mm256_storeu_ps(reinterpret_cast<float*>(dst + (w + j) * dst_stride + 8), right[j]);
    }
  }
  for (; w < n_words; ++w) {
    for (int c = 0; c < 16; ++c) std::memcpy(dst + w * dst_stride + c, src + c * col_bytes + 4 * w, 4);
  }
}

void interleave_rows(uint32_t* dst, int64_t dst_stride, const uint16_t* src, int64_t row_stride, int64_t n_cols, int64_t n_pairs) {
  for (int64_t p = 0; p < n_pairs; ++p) {
    const uint16_t* even = src + 2 * p * row_stride;
    const uint16_t* odd = even + row_stride;
    uint32_t* to = dst + p * dst_stride;
    int64_t c = 0;
    for (; c + 16 <= n_cols; c += 16) {
      const __m256i e = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(even + c));
      const __m256i o = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(odd + c));
      const __m256i low = _mm256_unpacklo_epi16(e, o), high = _mm256_unpackhi_epi16(e, o);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + c), _mm256_permute2x128_si256(low, high, 0x20));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + c + 8), _mm256_permute2x128_si256(low, high, 0x31));
    }
    for (; c < n_cols; ++c) to[c] = even[c] | (uint32_t{odd[c]} << 16);
  }
}

}  // namespace fathom::avx2
