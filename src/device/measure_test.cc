#include "device/measure.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "device/isa.h"
#include "device/measure_kernels.h"

namespace fathom {
namespace {

TEST(Measure, ReadLoopsReadEveryByteOnce) {
  std::vector<uint64_t> data(512 / 8 * 37);
  std::iota(data.begin(), data.end(), 1000);
  const uint64_t sum = std::accumulate(data.begin(), data.end(), uint64_t{0});
  const auto* bytes = reinterpret_cast<const uint8_t*>(data.data());
  const auto n_bytes = static_cast<int64_t>(data.size() * 8);
  EXPECT_EQ(read_sum_avx2(bytes, n_bytes), sum);
  if (isa() == Isa::kAvx512Bf16) {
    EXPECT_EQ(read_sum_avx512(bytes, n_bytes), sum);
  }
}

TEST(Measure, RatesArePlausibleAndBf16IsZeroWhereThereIsNone) {
  const double f32 = measure_peak_f32(0.05), bf16 = measure_peak_bf16(0.05);
  EXPECT_GT(f32, 1e9);  // a machine with AVX2 does 16 operations a cycle or more
  EXPECT_LT(f32, 1e15);
  if (isa() == Isa::kAvx512Bf16) {
    EXPECT_GT(bf16, 1e9);
  } else {
    EXPECT_EQ(bf16, 0);
  }
  const double bandwidth = measure_read_bandwidth(PageSize::k4KiB, int64_t{16} << 20, 0.01);
  EXPECT_GT(bandwidth, 1e8);
  EXPECT_LT(bandwidth, 1e14);
}

}  // namespace
}  // namespace fathom
