#include "train/schedule.h"

#include <gtest/gtest.h>

#include <vector>

namespace fathom {
namespace {

constexpr Length steps(double n) { return {LengthUnit::kSteps, n}; }
constexpr Length tokens(double n) { return {LengthUnit::kTokens, n}; }
constexpr Length fraction(double n) { return {LengthUnit::kFraction, n}; }

ScheduleOptions options_of(Length total, int64_t seq_len, double batch) {
  return {.total = total,
          .seq_len = seq_len,
          .micro_batch_size = 1,
          .batch_size = constant_curve(batch),
          .lr = constant_curve(1),
          .mtp_lambda = constant_curve(0),
          .bias_gamma = constant_curve(0)};
}

std::vector<StepPlan> walk(const ScheduleOptions& options) {
  std::vector<StepPlan> plans;
  for (Schedule s(options); !s.done(); s.advance()) plans.push_back(s.now());
  return plans;
}

TEST(Schedule, ARunInStepsHasThatManyAndCountsTokens) {
  const auto plans = walk(options_of(steps(3), 16, 4));
  ASSERT_EQ(plans.size(), 3u);
  EXPECT_EQ(plans[0].step, 1);
  EXPECT_EQ(plans[2].tokens_before, 128);
  EXPECT_EQ(plans[2].tokens_after, 192);
}

TEST(Schedule, ARunInTokensEndsWithTheStepThatReachesThem) {
  EXPECT_EQ(walk(options_of(tokens(128), 16, 4)).size(), 2u);
  EXPECT_EQ(walk(options_of(tokens(129), 16, 4)).size(), 3u);
  EXPECT_EQ(run_extent(options_of(tokens(129), 16, 4)).tokens, 192);
}

TEST(Schedule, WarmUpReachesThePeakOnItsLastStepAndBeginsAboveZero) {
  auto o = options_of(steps(6), 8, 1);
  o.lr = {{.shape = PhaseShape::kLinear, .value = 1.0, .length = steps(4)}, {.value = 1.0}};
  const auto plans = walk(o);
  EXPECT_DOUBLE_EQ(plans[0].lr, 0.25);
  EXPECT_DOUBLE_EQ(plans[2].lr, 0.75);
  EXPECT_DOUBLE_EQ(plans[3].lr, 1.0);
  EXPECT_DOUBLE_EQ(plans[5].lr, 1.0);
}

// V3's curve at one ten-billionth of its tokens: 2000 warm-up steps become 4.
TEST(Schedule, V3sRateHasItsSixPhases) {
  auto o = options_of(tokens(1480), 1, 1);
  o.lr = {{.shape = PhaseShape::kLinear, .value = 2.2e-4, .length = steps(4)},
          {.value = 2.2e-4, .length = tokens(996)},
          {.shape = PhaseShape::kCosine, .value = 2.2e-5, .length = tokens(430)},
          {.value = 2.2e-5, .length = tokens(33)},
          {.value = 7.3e-6}};
  const auto plans = walk(o);
  ASSERT_EQ(plans.size(), 1480u);
  auto lr = [&](int step) { return plans[step - 1].lr; };
  EXPECT_DOUBLE_EQ(lr(4), 2.2e-4);
  EXPECT_DOUBLE_EQ(lr(1000), 2.2e-4);
  EXPECT_LT(lr(1001), 2.2e-4);
  EXPECT_NEAR(lr(1215), (2.2e-4 + 2.2e-5) / 2, 1e-12);
  EXPECT_DOUBLE_EQ(lr(1430), 2.2e-5);
  EXPECT_DOUBLE_EQ(lr(1463), 2.2e-5);
  EXPECT_DOUBLE_EQ(lr(1464), 7.3e-6);
  EXPECT_DOUBLE_EQ(lr(1480), 7.3e-6);
}

TEST(Schedule, TheBatchRampsWithTheTokensInWholeMicroBatches) {
  auto o = options_of(tokens(4000), 10, 0);
  o.micro_batch_size = 2;
  o.batch_size = {{.shape = PhaseShape::kLinear, .value = 10, .from = 4, .length = tokens(1000)},
                  {.value = 10}};
  const auto plans = walk(o);
  EXPECT_EQ(plans.front().batch_size, 4);
  EXPECT_EQ(plans.back().batch_size, 10);
  for (size_t i = 0; i < plans.size(); ++i) {
    EXPECT_EQ(plans[i].batch_size % 2, 0);
    if (i > 0) {
      EXPECT_GE(plans[i].batch_size, plans[i - 1].batch_size);
      EXPECT_EQ(plans[i].tokens_before, plans[i - 1].tokens_after);
    }
    const double exact = 4 + 6.0 * static_cast<double>(plans[i].tokens_before) / 1000;
    if (plans[i].tokens_before < 1000) {
      EXPECT_LE(plans[i].batch_size, exact + 0.01);
      EXPECT_GT(plans[i].batch_size, exact - 2);
    }
  }
}

TEST(Schedule, AConstantPhaseInTokensEndsAtThemNotAStepLater) {
  auto o = options_of(steps(4), 10, 1);
  o.batch_size = {{.value = 1, .length = tokens(20)}, {.value = 3}};
  const auto plans = walk(o);
  EXPECT_EQ(plans[1].batch_size, 1);
  EXPECT_EQ(plans[2].batch_size, 3);
}

TEST(Schedule, FractionsAndTheRestMeanTheRunsOwnLength) {
  for (Length total : {steps(10), tokens(10)}) {
    auto o = options_of(total, 1, 1);
    o.lr = {{.value = 4, .length = fraction(0.5)}, {.shape = PhaseShape::kLinear, .value = 0}};
    const auto plans = walk(o);
    EXPECT_DOUBLE_EQ(plans[4].lr, 4);
    EXPECT_DOUBLE_EQ(plans[5].lr, 3.2);
    EXPECT_DOUBLE_EQ(plans[9].lr, 0);
  }
}

TEST(Schedule, StepsAfterTokensAreCountedFromTheStepThatBeginsThere) {
  auto o = options_of(steps(8), 10, 1);
  o.lr = {{.value = 1, .length = tokens(25)},  // ends within step 3
          {.value = 2, .length = steps(2)},
          {.value = 3}};
  const auto plans = walk(o);
  const std::vector<double> wanted = {1, 1, 2, 2, 3, 3, 3, 3};
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_DOUBLE_EQ(plans[i].lr, wanted[i]) << i;
}

TEST(Schedule, LambdaAndGammaSwitchWhereTheRecipeSwitches) {
  auto o = options_of(tokens(148), 1, 1);
  o.mtp_lambda = {{.value = 0.3, .length = tokens(100)}, {.value = 0.1}};
  o.bias_gamma = {{.value = 0.001, .length = tokens(143)}, {.value = 0}};
  const auto plans = walk(o);
  EXPECT_EQ(plans[99].mtp_lambda, 0.3);
  EXPECT_EQ(plans[100].mtp_lambda, 0.1);
  EXPECT_EQ(plans[142].bias_gamma, 0.001);
  EXPECT_EQ(plans[143].bias_gamma, 0.0);
}

}  // namespace
}  // namespace fathom
