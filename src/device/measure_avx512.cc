// The measured loops on 512-bit vectors. Called only at Isa::kAvx512Bf16.
#include <immintrin.h>

#include "device/measure_kernels.h"

namespace fathom {

uint64_t read_sum_avx512(const uint8_t* begin, int64_t n_bytes) {
  __m512i sum[8];
#pragma GCC unroll 12
  for (auto& s : sum) s = _mm512_setzero_si512();
  for (int64_t i = 0; i + 512 <= n_bytes; i += 512) {
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) {
      sum[k] = _mm512_add_epi64(sum[k], _mm512_loadu_si512(begin + i + 64 * k));
    }
  }
#pragma GCC unroll 8
  for (int k = 1; k < 8; ++k) sum[0] = _mm512_add_epi64(sum[0], sum[k]);
  alignas(64) uint64_t lanes[8];
  _mm512_store_si512(lanes, sum[0]);
  uint64_t total = 0;
  for (uint64_t lane : lanes) total += lane;
  return total;
}

double peak_f32_avx512(int64_t n_rounds) {
  __m512 acc[kPeakChains];
  __m512 a = _mm512_set1_ps(1.000001f), b = _mm512_set1_ps(1e-9f);
#pragma GCC unroll 12
  for (auto& v : acc) v = _mm512_set1_ps(1.0f);
  asm volatile("" : "+v"(a), "+v"(b));
  for (int64_t i = 0; i < n_rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < kPeakChains; ++k) {
      acc[k] = _mm512_fmadd_ps(a, b, acc[k]);
      asm volatile("" : "+v"(acc[k]));
    }
  }
  return 2.0 * 16 * kPeakChains * static_cast<double>(n_rounds);
}

double peak_bf16_avx512(int64_t n_rounds) {
  __m512 acc[kPeakChains];
  __m512i a_bits = _mm512_set1_epi16(0x3f80), b_bits = _mm512_set1_epi16(0x3000);
  asm volatile("" : "+v"(a_bits), "+v"(b_bits));
  const __m512bh a = (__m512bh)a_bits, b = (__m512bh)b_bits;
#pragma GCC unroll 12
  for (auto& v : acc) v = _mm512_set1_ps(1.0f);
  for (int64_t i = 0; i < n_rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < kPeakChains; ++k) {
      acc[k] = _mm512_dpbf16_ps(acc[k], a, b);
      asm volatile("" : "+v"(acc[k]));
    }
  }
  return 2.0 * 32 * kPeakChains * static_cast<double>(n_rounds);
}

}  // namespace fathom
