// The loops that device/measure.cc times, one set for each instruction set.
#pragma once

#include <cstdint>

namespace fathom {

/// Reads [begin, begin + n_bytes) once; the sum keeps the loads alive. n_bytes: a multiple of 512.
uint64_t read_sum_avx2(const uint8_t* begin, int64_t n_bytes);
uint64_t read_sum_avx512(const uint8_t* begin, int64_t n_bytes);

/// n_rounds rounds of kPeakChains independent multiply-adds of one vector; returns operations done.
inline constexpr int kPeakChains = 12;  // latency 4 on two ports needs 8; 12 leaves room
double peak_f32_avx2(int64_t n_rounds);
double peak_f32_avx512(int64_t n_rounds);
double peak_bf16_avx512(int64_t n_rounds);

}  // namespace fathom
