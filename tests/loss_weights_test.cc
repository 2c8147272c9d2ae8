// Positions whose loss weight is 0, as a prompt's tokens have in tuning, are left out of the head;
// what is learnt from the others is what the whole head would give.
#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"
#include "model/trainer_model.h"
#include "rl/test_support.h"

namespace fathom {
namespace {

struct WeightedCase {
  std::vector<int32_t> tokens, lengths = {20, 6, 13};
  std::vector<float> weights;
  WeightedCase() : weights(3 * 20, 0.0f) {
    for (int i = 0; i < 3 * 21; ++i)
      tokens.push_back(static_cast<int32_t>(Rng(1, 2).below(i, 256)));
    for (const int i : {3, 4, 5, 11, 20, 22, 25, 49, 52}) weights[i] = i % 2 == 0 ? 1.0f : 0.5f;
  }
  TrainBatch batch(bool weighted) const {
    TrainBatch b;
    b.tokens = View<const int32_t>(tokens.data(), {3, 21});
    b.lengths = View<const int32_t>(lengths.data(), {3});
    if (weighted) b.loss_weights = View<const float>(weights.data(), {3, 20});
    return b;
  }
  /// The weights in the order of the predicted positions.
  std::vector<float> at_places() const {
    std::vector<float> w;
    for (int s = 0; s < 3; ++s)
      w.insert(w.end(), weights.begin() + 20 * s, weights.begin() + 20 * s + lengths[s]);
    return w;
  }
};

std::unique_ptr<TrainerModel> model() {
  TrainOptions options;
  options.compute = Compute::kF32;
  auto m = TrainerModel::create(tiny_model_config(), 3, options);
  EXPECT_TRUE(m.ok()) << m.message();
  return std::move(m).value();
}

TEST(LossWeights, ACrossEntropyOfWeightsIsTheLossOfTheWeightedLogProbabilities) {
  const WeightedCase c;
  const auto w = c.at_places();
  double sum = 0;
  for (const float x : w) sum += x;
  const auto weighted = model(), whole = model(), masked = model();
  const LogpLoss loss = [&](View<float> dlogp, View<const float> logp) {
    double value = 0;
    for (int64_t i = 0; i < logp.size(); ++i) {
      dlogp[i] = static_cast<float>(-w[i] / sum);
      value += dlogp[i] * logp[i];
    }
    return value;
  };
  const double a = weighted->forward_backward(c.batch(true), 1.0).loss_ce;
  const double b = whole->forward_backward(c.batch(false), loss, 1.0).loss_ce;
  const double d = masked->forward_backward(c.batch(true), loss, 1.0).loss_ce;
  EXPECT_NEAR(a, b, 1e-5);
  EXPECT_NEAR(a, d, 1e-5);
  EXPECT_NEAR(a, model()->forward_only(c.batch(true)).loss_ce, 1e-6);
  EXPECT_LT(relative_distance(gradients_of(*weighted), gradients_of(*whole)),
            1e-5);  // f32 sums in other orders
  EXPECT_LT(relative_distance(gradients_of(*weighted), gradients_of(*masked)), 1e-5);
}

TEST(LossWeights, LogProbabilitiesOfWeightedPositionsKeepTheirBits) {
  const WeightedCase c;
  const auto w = c.at_places();
  const auto m = model();
  const auto n = static_cast<int64_t>(w.size());
  std::vector<float> all(n), some(n);
  m->logps(View<float>(all.data(), {n}), c.batch(false));
  m->logps(View<float>(some.data(), {n}), c.batch(true));
  for (int64_t i = 0; i < n; ++i) EXPECT_EQ(some[i], w[i] != 0 ? all[i] : 0.0f) << i;
}

}  // namespace
}  // namespace fathom
