// Bandwidth and peak: passes of a loop over all threads, timed whole, median taken. The loops for
// AVX2 stand here, those for AVX-512 in measure_avx512.cc.
#include "device/measure.h"

#include <immintrin.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <vector>

#include "base/check.h"
#include "base/threads.h"
#include "device/isa.h"
#include "device/measure_kernels.h"

namespace fathom {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPasses = 7;

double seconds_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<int64_t>(v.size()) / 2, v.end());
  return v[v.size() / 2];
}

// Touches every page, in parallel, so that a pass reads memory and not the zero page.
uint8_t* map_filled(PageSize page_size, int64_t n_bytes) {
  void* p = mmap(nullptr, static_cast<size_t>(n_bytes), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  madvise(p, static_cast<size_t>(n_bytes),
          page_size == PageSize::k2MiB ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  uint8_t* bytes = static_cast<uint8_t*>(p);
  parallel_ranges(n_bytes, int64_t{4} << 20, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += 4096) bytes[i] = static_cast<uint8_t>(i >> 12);
  });
  return bytes;
}

// Rate of `peak`, which returns the operations of one call, on all threads.
double measure_peak(double (*peak)(int64_t), double seconds) {
  int64_t n_rounds = 1 << 16;
  double pass_s = 0;
  while ((pass_s = seconds_of([&] { peak(n_rounds); })) < 1e-3) n_rounds *= 2;
  // Each thread's pass is cut into pieces, so that one late thread does not idle the others.
  constexpr int64_t kPieces = 16;
  const double wanted_s = seconds / (kPasses + 1);
  n_rounds = std::max<int64_t>(
      1, static_cast<int64_t>(static_cast<double>(n_rounds) * wanted_s / (pass_s * kPieces)));
  const int64_t n_tasks = kPieces * num_threads();
  std::vector<double> rates;
  for (int pass = 0; pass < kPasses + 1; ++pass) {  // the first pass warms up
    const double s = seconds_of([&] { parallel_for(n_tasks, [&](int64_t) { peak(n_rounds); }); });
    const double n_operations = peak(1) * static_cast<double>(n_rounds * n_tasks);
    if (pass > 0) rates.push_back(n_operations / s);
  }
  return median(rates);
}

}  // namespace

uint64_t read_sum_avx2(const uint8_t* begin, int64_t n_bytes) {
  __m256i sum[8];
#pragma GCC unroll 12
  for (auto& s : sum) s = _mm256_setzero_si256();
  for (int64_t i = 0; i + 512 <= n_bytes; i += 512) {
#pragma GCC unroll 16
    for (int k = 0; k < 16; ++k) {
      const auto* p = reinterpret_cast<const __m256i*>(begin + i + 32 * k);
      sum[k % 8] = _mm256_add_epi64(sum[k % 8], _mm256_loadu_si256(p));
    }
  }
#pragma GCC unroll 8
  for (int k = 1; k < 8; ++k) sum[0] = _mm256_add_epi64(sum[0], sum[k]);
  alignas(32) uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sum[0]);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

double peak_f32_avx2(int64_t n_rounds) {
  __m256 acc[kPeakChains];
  __m256 a = _mm256_set1_ps(1.000001f), b = _mm256_set1_ps(1e-9f);
#pragma GCC unroll 12
  for (auto& v : acc) v = _mm256_set1_ps(1.0f);
  asm volatile("" : "+x"(a), "+x"(b));
  for (int64_t i = 0; i < n_rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < kPeakChains; ++k) {
      acc[k] = _mm256_fmadd_ps(a, b, acc[k]);
      asm volatile("" : "+x"(acc[k]));
    }
  }
  return 2.0 * 8 * kPeakChains * static_cast<double>(n_rounds);
}

double measure_read_bandwidth(PageSize page_size, int64_t n_bytes, double seconds) {
  constexpr int64_t kPiece = int64_t{4} << 20;
  FATHOM_CHECK(n_bytes >= 4 * kPiece);
  n_bytes = n_bytes / kPiece * kPiece;
  uint8_t* bytes = map_filled(page_size, n_bytes);
  if (bytes == nullptr) return 0;
  const auto read_sum = isa() == Isa::kAvx512Bf16 ? read_sum_avx512 : read_sum_avx2;
  std::atomic<uint64_t> sink{0};
  const auto pass = [&] {
    parallel_ranges(n_bytes, kPiece, [&](int64_t begin, int64_t end) {
      sink.fetch_add(read_sum(bytes + begin, end - begin), std::memory_order_relaxed);
    });
  };
  pass();
  std::vector<double> rates;
  for (double spent = 0; spent < seconds || rates.size() < 3;) {
    const double s = seconds_of(pass);
    spent += s;
    rates.push_back(static_cast<double>(n_bytes) / s);
  }
  munmap(bytes, static_cast<size_t>(n_bytes));
  return median(rates);
}

double measure_peak_f32(double seconds) {
  return measure_peak(isa() == Isa::kAvx512Bf16 ? peak_f32_avx512 : peak_f32_avx2, seconds);
}

double measure_peak_bf16(double seconds) {
  if (isa() != Isa::kAvx512Bf16) return 0;
  return measure_peak(peak_bf16_avx512, seconds);
}

}  // namespace fathom
