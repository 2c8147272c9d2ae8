#include "ops/rope/rope.h"

#include <gtest/gtest.h>

#include <numbers>

#include "ops/rope/rope_ref.h"
#include "ops/test_util.h"

namespace fathom {
namespace {

using test::bits_of;
using test::expect_near;
using test::random_values;
using test::to_double;
using test::vec;

std::vector<int32_t> positions_of(int64_t n) {
  std::vector<int32_t> p(n);
  for (int64_t i = 0; i < n; ++i) p[i] = static_cast<int32_t>((i * 37) % 1000);
  return p;
}

template <typename T>
void check(int64_t n, int64_t n_heads, int64_t dim, int64_t offset, RopePairs pairs, bool inverse) {
  const int64_t head_dim = offset + dim + 4;
  RopeSpec spec{.dim = dim, .pairs = pairs};
  RopeTable table(spec);
  table.reserve(1000);
  auto x = random_values<T>(n * n_heads * head_dim, 1);
  auto want = to_double(x);
  const auto positions = positions_of(n);
  rope_apply<T>(View<T>(x.data(), {n, n_heads, head_dim}), offset, vec(positions), table, inverse);
  rope_apply_ref(want.data(), n, n_heads, head_dim, offset, positions.data(), spec, inverse);
  expect_near(x, want, 3e-7, 1e-6);  // two products whose sum may cancel
}

TEST(Rope, AgreesWithReference) {
  for (RopePairs pairs : {RopePairs::kInterleaved, RopePairs::kHalves}) {
    for (int64_t dim : {2, 24, 64, 128}) {
      for (int64_t n : {1, 2, 17, 300}) {
        check<float>(n, 3, dim, 0, pairs, false);
        check<float>(n, 1, dim, 128, pairs, true);
        check<BF16>(n, 1, dim, 0, pairs, true);
        check<BF16>(n, 4, dim, 32, pairs, false);
      }
    }
  }
}

TEST(Rope, OtherChannelsAreUntouchedAndTokensMayBeStrided) {
  const int64_t n = 3, n_heads = 2, head_dim = 20, stride = 50, offset = 8, dim = 8;
  RopeTable table({.dim = dim});
  table.reserve(10);
  const auto before = random_values<float>(n * stride, 2);
  auto x = before;
  const std::vector<int32_t> positions = {3, 9, 1};
  // A view of strided tokens, as a slice of a wider row gives it.
  for (int64_t t = 0; t < n; ++t) {
    rope_apply<float>(View<float>(x.data() + t * stride, {1, n_heads, head_dim}), offset,
                      View<const int32_t>(&positions[t], {1}), table);
  }
  for (int64_t i = 0; i < n * stride; ++i) {
    const int64_t in_row = i % stride, channel = in_row % head_dim;
    const bool rotated = in_row < n_heads * head_dim && channel >= offset && channel < offset + dim;
    EXPECT_EQ(x[i] != before[i], rotated) << i;
  }
}

TEST(Rope, BackwardIsTheTranspose) {
  for (RopePairs pairs : {RopePairs::kInterleaved, RopePairs::kHalves}) {
    const int64_t n = 2, heads = 2, dim = 6, head_dim = 8, offset = 1;
    RopeSpec spec{.dim = dim, .pairs = pairs, .table_scale = 1.25};
    const std::vector<int32_t> positions = {5, 11};
    const auto x = to_double(random_values<float>(n * heads * head_dim, 3));
    const auto dy = to_double(random_values<float>(n * heads * head_dim, 4));
    const auto loss = [&](std::vector<double> v) {
      rope_apply_ref(v.data(), n, heads, head_dim, offset, positions.data(), spec, false);
      return test::inner(v, dy);
    };
    auto dx = dy;
    rope_apply_ref(dx.data(), n, heads, head_dim, offset, positions.data(), spec, true);
    expect_near(std::vector<float>(dx.begin(), dx.end()), test::central_differences(x, loss), 1e-6,
                1e-7);
  }
}

TEST(Rope, ARowsBitsDependOnThatRowAlone) {
  const int64_t n = 700, heads = 5, dim = 64;
  RopeTable table({.dim = dim});
  table.reserve(1000);
  const auto x = random_values<BF16>(n * heads * dim, 5);
  const auto positions = positions_of(n);
  const auto run = [&] {
    auto y = x;
    rope_apply<BF16>(View<BF16>(y.data(), {n, heads, dim}), 0, vec(positions), table);
    return bits_of(y);
  };
  test::expect_same_everywhere(run);
  auto y = x;
  for (int64_t t = 0; t < n; ++t) {
    rope_apply<BF16>(View<BF16>(y.data(), {n, heads, dim}).slice(t, t + 1), 0,
                     vec(positions).slice(t, t + 1), table);
  }
  EXPECT_EQ(bits_of(y), run());
}

TEST(Rope, ATableGrownInStepsEqualsOneMadeAtOnce) {
  RopeTable once({.dim = 64}), grown({.dim = 64});
  once.reserve(5000);
  for (int64_t n : {1, 2, 100, 99, 5000}) grown.reserve(n);
  EXPECT_EQ(grown.reserved(), 5000);
  for (int64_t p = 0; p < 5000; ++p) {
    ASSERT_EQ(std::memcmp(once.cos(p), grown.cos(p), 32 * sizeof(float)), 0);
    ASSERT_EQ(std::memcmp(once.sin(p), grown.sin(p), 32 * sizeof(float)), 0);
    ASSERT_NEAR(once.cos(p)[0], std::cos(static_cast<double>(p)), 1e-7);
  }
}

TEST(RopeFrequencies, YarnKeepsFastChannelsAndDividesSlowOnes) {
  // DeepSeek-V3's own settings: theta 10000, factor 40, 4096 positions, beta 32 and 1 give the ramp
  // between channels 10 and 23.
  const RopeSpec spec{.dim = 64,
                      .scaling = RopeScalingKind::kYarn,
                      .factor = 40,
                      .beta_fast = 32,
                      .beta_slow = 1,
                      .original_max_position_embeddings = 4096};
  const auto yarn = rope_inv_freq(spec);
  for (int i = 0; i < 32; ++i) {
    const double f = std::pow(10000.0, -i / 32.0);
    const double ramp = std::clamp((i - 10) / 13.0, 0.0, 1.0);
    EXPECT_NEAR(yarn[i], f * (1 - ramp) + f / 40 * ramp, 1e-15) << i;
  }
}

TEST(RopeFrequencies, LinearDividesAll) {
  const auto f = rope_inv_freq({.dim = 8, .scaling = RopeScalingKind::kLinear, .factor = 4});
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(f[i], std::pow(10000.0, -i / 4.0) / 4, 1e-16);
}

TEST(RopeFrequencies, Llama3MixesByWavelength) {
  const RopeSpec spec{.dim = 128,
                      .rope_theta = 500000,
                      .scaling = RopeScalingKind::kLlama3,
                      .factor = 8,
                      .original_max_position_embeddings = 8192,
                      .low_freq_factor = 1,
                      .high_freq_factor = 4};
  const auto got = rope_inv_freq(spec);
  int kept = 0, divided = 0, mixed = 0;
  for (int i = 0; i < 64; ++i) {
    const double f = std::pow(500000.0, -i / 64.0), wavelength = 2 * std::numbers::pi / f;
    if (wavelength < 8192.0 / 4) {
      EXPECT_EQ(got[i], f);
      ++kept;
    } else if (wavelength > 8192.0) {
      EXPECT_NEAR(got[i], f / 8, 1e-18);
      ++divided;
    } else {
      const double smooth = (8192.0 / wavelength - 1) / 3;
      EXPECT_NEAR(got[i], (1 - smooth) * f / 8 + smooth * f, 1e-15);
      ++mixed;
    }
  }
  EXPECT_GT(kept, 0);
  EXPECT_GT(divided, 0);
  EXPECT_GT(mixed, 0);
}

}  // namespace
}  // namespace fathom
