#include "base/rng.h"

#include <gtest/gtest.h>

namespace fathom {
namespace {

TEST(Rng, MatchesThePublishedPhiloxVectors) {
  // Random123 known-answer test, philox4x32 with 10 rounds: counter and key all zero, then all ones.
  const auto zero = Rng(0, 0).block(0);
  EXPECT_EQ(zero, (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const auto ones = Rng(~0ull, ~0ull).block(~0ull);
  EXPECT_EQ(ones, (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Rng, NormalHasUnitVarianceAndUniformCoversItsRange) {
  const Rng rng(7, 3);
  double sum = 0, squares = 0, mean = 0;
  const int n = 20000;
  for (int i = 0; i < n; ++i) {
    const double x = rng.normal(i);
    sum += x;
    squares += x * x;
    mean += rng.uniform(n + i);
    EXPECT_LT(rng.below(i, 10), 10u);
  }
  EXPECT_NEAR(sum / n, 0.0, 0.03);  // four standard errors of 1/sqrt(20000)
  EXPECT_NEAR(squares / n, 1.0, 0.04);
  EXPECT_NEAR(mean / n, 0.5, 0.01);
}

}  // namespace
}  // namespace fathom
