// The shared vector functions, on every instruction set the machine has: exp against double over
// its whole range, BF16 rounding against BF16(float), sums against their definition.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd/vector_test.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <bit>
#include <vector>

#include "ops/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {

void exp_array(float* y, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) store(exp(load(x + i)), y + i);
}
void to_bf16_array(BF16* y, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) store(load(x + i), y + i);
}
float dot_array(const float* a, const BF16* b, int64_t n) { return dot(a, b, n); }

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "device/isa.h"
#include "ops/test_util.h"

namespace fathom {
HWY_EXPORT(exp_array);
HWY_EXPORT(to_bf16_array);
HWY_EXPORT(dot_array);
namespace {

/// Calls fn under the best instruction set and under AVX2.
template <typename Fn>
void on_every_isa(const Fn& fn) {
  isa();  // FATHOM_ISA limits the choice
  const int64_t machine = hwy::SupportedTargets();
  for (int64_t targets : {machine, machine & ~int64_t{HWY_AVX3 | HWY_AVX3_DL}}) {
    hwy::GetChosenTarget().Update(targets);
    fn();
  }
  hwy::GetChosenTarget().Update(machine);
}

double exp_error_ulp(float x, float y) {
  const double want = std::exp(static_cast<double>(x));
  int exponent = 0;
  std::frexp(want, &exponent);
  return std::abs(y - want) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

TEST(Vector, ExpIsWithinTwoUlpWhereItIsFinite) {
  on_every_isa([] {
    std::vector<float> x, y;
    for (float v = -104.0f; v <= 88.7f; v += 0.000737f) x.push_back(v);
    for (float v = 1e-9f; v < 80.0f; v *= 1.01f) x.insert(x.end(), {v, -v});
    while (x.size() % 16 != 0) x.push_back(0.0f);
    y.resize(x.size());
    HWY_DYNAMIC_DISPATCH(exp_array)(y.data(), x.data(), static_cast<int64_t>(x.size()));
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, exp_error_ulp(x[i], y[i]));
    EXPECT_LT(worst, 1.5);
    RecordProperty("worst_ulp", std::to_string(worst));
  });
}

TEST(Vector, ExpAtTheEnds) {
  const float inf = std::numeric_limits<float>::infinity();
  on_every_isa([&] {
    std::vector<float> x = {0.0f,  -0.0f,   inf,    -inf,          89.0f,
                            1e30f, -105.0f, -1e30f, std::nanf(""), 88.72f};
    x.resize(16);
    std::vector<float> y(16);
    HWY_DYNAMIC_DISPATCH(exp_array)(y.data(), x.data(), 16);
    EXPECT_EQ(y[0], 1.0f);
    EXPECT_EQ(y[1], 1.0f);
    EXPECT_EQ(y[2], inf);
    EXPECT_EQ(y[3], 0.0f);
    EXPECT_EQ(y[4], inf);
    EXPECT_EQ(y[5], inf);
    EXPECT_EQ(y[6], 0.0f);
    EXPECT_EQ(y[7], 0.0f);
    EXPECT_TRUE(std::isnan(y[8]));
    EXPECT_TRUE(std::isfinite(y[9]));
  });
}

TEST(Vector, Bf16IsRoundedAsBF16Does) {
  on_every_isa([] {
    std::vector<float> x;
    for (uint64_t u = 0; u < (uint64_t{1} << 32); u += 4093)
      x.push_back(std::bit_cast<float>(static_cast<uint32_t>(u)));
    for (uint32_t u : {0x3f808000u, 0x3f818000u, 0x3f808001u, 0x7f7fffffu, 0x7f800001u, 0xff800001u,
                       0x7fffffffu, 0x00008000u})
      x.push_back(std::bit_cast<float>(u));
    while (x.size() % 16 != 0) x.push_back(0.0f);
    std::vector<BF16> y(x.size());
    HWY_DYNAMIC_DISPATCH(to_bf16_array)(y.data(), x.data(), static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i].bits, BF16(x[i]).bits) << x[i];
  });
}

/// The definition: element i is fused into lane i % 64, lanes are added in halves.
float dot_by_definition(const std::vector<float>& a, const std::vector<BF16>& b) {
  std::vector<float> lane(64, 0.0f);
  for (size_t i = 0; i < a.size(); ++i) lane[i % 64] = std::fma(a[i], to_f32(b[i]), lane[i % 64]);
  for (size_t half = 32; half >= 1; half /= 2) {
    for (size_t j = 0; j < half; ++j) lane[j] += lane[j + half];
  }
  return lane[0];
}

TEST(Vector, ASumRunsInSixtyFourLanes) {
  for (int64_t n : {0, 1, 24, 64, 100, 512, 1000}) {
    const auto a = test::random_values<float>(n, 1);
    const auto b = test::random_values<BF16>(n, 2);
    on_every_isa([&] {
      EXPECT_EQ(HWY_DYNAMIC_DISPATCH(dot_array)(a.data(), b.data(), n), dot_by_definition(a, b))
          << n;
    });
  }
}

}  // namespace
}  // namespace fathom
#endif
