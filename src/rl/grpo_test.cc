#include "rl/grpo.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fathom {
namespace {

struct Case {
  std::vector<float> logp{-1.0f, -0.5f, -2.0f, -1.5f, -0.2f, -3.0f};
  std::vector<float> old{-1.1f, -0.45f, -1.7f, -1.6f, -0.25f, -2.6f};
  std::vector<float> ref{-1.3f, -0.6f, -1.9f, -1.2f, -0.3f, -2.9f};
  std::vector<float> rollout{-1.2f, -0.45f, -1.6f, -1.65f, -1.2f, -2.6f};
  std::vector<RolloutSpan> spans{{0, 2, 0.7}, {3, 6, -1.2}};  // place 2 is a prompt's
  GrpoTotals totals{2, 5, 8};

  double loss(const GrpoOptions& o, std::vector<float>* dlogp = nullptr,
              GrpoStats* stats = nullptr) const {
    std::vector<float> d(logp.size(), 99.0f);
    GrpoStats s;
    const double value =
        grpo_loss(View<float>(d.data(), {6}), s, View<const float>(logp.data(), {6}), spans,
                  {old, ref, rollout}, totals, o);
    if (dlogp) *dlogp = d;
    if (stats) *stats = s;
    return value;
  }
};

std::vector<GrpoOptions> variants() {
  std::vector<GrpoOptions> all;
  for (const char* name : {"grpo", "dr_grpo", "dapo", "gspo", "v32"}) {
    const auto o = named_grpo_options(name);
    EXPECT_TRUE(o.ok()) << o.message();
    all.push_back(o.value());
    all.back().kl_beta = 0.3;
    for (const ImportanceWeight w : {ImportanceWeight::kTruncated, ImportanceWeight::kMasked}) {
      all.push_back(all.back());
      all.back().importance = w;
    }
  }
  return all;
}

TEST(Grpo, DerivativesAreThoseOfTheLoss) {
  size_t i = 0;
  for (const GrpoOptions& o : variants()) {
    SCOPED_TRACE(i++);
    Case c;
    std::vector<float> d;
    c.loss(o, &d);
    for (const size_t t : {0, 1, 3, 4, 5}) {
      Case up = c, down = c;
      up.logp[t] += 1e-3f;
      down.logp[t] -= 1e-3f;
      const double step = double{up.logp[t]} - down.logp[t];
      EXPECT_NEAR(d[t], (up.loss(o) - down.loss(o)) / step, 2e-4) << "place " << t;
    }
    EXPECT_EQ(d[2], 99.0f) << "a prompt's place is left alone";
  }
}

TEST(Grpo, OnPolicyTheLossIsMinusTheMeanAdvantageAndEveryRatioIsOne) {
  Case c;
  c.old = c.rollout = c.logp;
  GrpoOptions o;
  o.kl_beta = 0;
  GrpoStats stats;
  std::vector<float> d;
  EXPECT_DOUBLE_EQ(c.loss(o, &d, &stats), -(0.7 - 1.2) / 2);
  EXPECT_EQ(stats.ratio_max, 1.0);
  EXPECT_EQ(stats.ratio_min, 1.0);
  EXPECT_EQ(stats.mismatch_max, 0.0);
  EXPECT_FLOAT_EQ(d[0], -0.7f / (2 * 2));
  EXPECT_FLOAT_EQ(d[3], 1.2f / (2 * 3));
}

TEST(Grpo, AClippedRatioMovesNothingOnTheHarmfulSideOnly) {
  Case c;
  GrpoOptions o;
  o.kl_beta = 0;
  c.spans = {{0, 1, 1.0}};
  c.totals = {1, 1, 1};
  c.old[0] = c.logp[0] - 1;  // ratio e
  std::vector<float> d;
  c.loss(o, &d);
  EXPECT_EQ(d[0], 0.0f);
  c.spans[0].advantage = -1.0;
  c.loss(o, &d);
  EXPECT_NEAR(d[0], std::exp(1.0), 1e-5);
}

TEST(Grpo, TheOffPolicyMaskLeavesOutWhatIsBadAndFar) {
  Case c;
  auto o = named_grpo_options("v32").value();
  o.kl_beta = 0;
  c.spans = {{3, 6, -1.0}};
  c.totals = {1, 3, 3};
  c.rollout = {0, 0, 0, -0.5f, -0.1f, -1.0f};  // far above the policy
  std::vector<float> d;
  GrpoStats stats;
  EXPECT_EQ(c.loss(o, &d, &stats), 0.0);
  EXPECT_EQ(stats.n_masked, 3);
  c.spans[0].advantage = 1.0;
  EXPECT_NE(c.loss(o, &d), 0.0);
}

TEST(Grpo, AdvantagesOfAGroupWithoutSpreadAreZeroAndABadRewardIsNamed) {
  for (const AdvantageKind kind : {AdvantageKind::kMeanStd, AdvantageKind::kMean}) {
    const std::vector<double> same(3, 0.1);
    EXPECT_EQ(group_advantages(same, kind).value(), std::vector<double>(3, 0.0));
  }
  const std::vector<double> rewards = {0, 1, 2};
  EXPECT_EQ(group_advantages(rewards, AdvantageKind::kMean).value(),
            (std::vector<double>{-1, 0, 1}));
  const std::vector<double> bad = {0, std::nan("")};
  EXPECT_EQ(group_advantages(bad, AdvantageKind::kMean).message(),
            "rollout 1 of the group: a finite reward wanted, nan found");
}

TEST(Grpo, AnUnknownNameIsRefusedWithThoseThatThereAre) {
  EXPECT_EQ(named_grpo_options("ppo").message(),
            "rl.algorithm: grpo, dr_grpo, dapo, gspo or v32 wanted, \"ppo\" found");
}

}  // namespace
}  // namespace fathom
