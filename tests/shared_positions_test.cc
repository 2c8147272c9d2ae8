// A prompt with several answers: its positions are computed once for all of them. Log-probabilities
// keep their bits, and gradients are those of answers that each have their own.
#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"
#include "model/trainer_model.h"
#include "rl/rollout_batch.h"
#include "rl/test_support.h"

namespace fathom {
namespace {

struct Answered {
  std::vector<std::vector<int32_t>> prompts, answers;  // of A and B; of A, B, A, B, …
  Answered() {
    const auto tokens = [&](uint64_t stream, int64_t n) {
      std::vector<int32_t> out;
      for (int64_t i = 0; i < n; ++i)
        out.push_back(static_cast<int32_t>(Rng(4, stream).below(static_cast<uint64_t>(i), 256)));
      return out;
    };
    prompts = {tokens(1, 70), tokens(2, 12)};  // one crosses a tile of 64 keys
    for (const int64_t n : {5, 80, 1, 7, 30, 2}) answers.push_back(tokens(answers.size() + 3, n));
  }
  PromptAnswer row(size_t i) const { return {prompts[i % 2], answers[i]}; }
};
constexpr size_t kApart[] = {0, 1, 2, 3, 4, 5}, kTogether[] = {0, 2, 4, 1, 3, 5};

struct Passed {
  std::vector<std::vector<float>> logp;  // of each answer
  std::vector<double> gradients;
  double loss_mtp = 0;
  int64_t n_places = 0;
};

Passed passed(const Answered& data, std::span<const size_t> order, Compute compute,
              Numerics numerics) {
  TrainOptions options;
  options.compute = compute;
  options.numerics = numerics;
  options.mtp_lambda = 0.3;
  auto model = TrainerModel::create(tiny_model_config(), 3, options);
  EXPECT_TRUE(model.ok()) << model.message();
  std::vector<PromptAnswer> rows;
  for (const size_t i : order) rows.push_back(data.row(i));
  const RolloutBatch batch(rows);
  Passed out;
  out.logp.resize(order.size());
  const LogpLoss loss = [&](View<float> dlogp, View<const float> logp) {
    double value = 0;
    for (size_t k = 0; k < order.size(); ++k) {
      const RolloutSpan& s = batch.spans()[k];
      out.logp[order[k]].assign(logp.data() + s.begin, logp.data() + s.end);
      for (int64_t t = s.begin; t < s.end; ++t) {
        dlogp[t] = 0.01f * static_cast<float>(order[k] + 1);
        value += dlogp[t] * logp[t];
      }
    }
    return value;
  };
  out.loss_mtp = model.value()->forward_backward(batch.batch(), loss, 1.0).loss_mtp;
  out.gradients = gradients_of(*model.value());
  out.n_places = batch.n_places();
  return out;
}

void check(Compute compute, Numerics numerics, double tolerance) {
  const Answered data;
  const Passed apart = passed(data, kApart, compute, numerics),
               together = passed(data, kTogether, compute, numerics);
  EXPECT_EQ(apart.n_places - together.n_places, 2 * (70 - 2) + 2 * (12 - 2));
  for (size_t i = 0; i < data.answers.size(); ++i) {
    ASSERT_EQ(together.logp[i].size(), data.answers[i].size());
    EXPECT_EQ(apart.logp[i], together.logp[i]) << i;
  }
  EXPECT_NEAR(apart.loss_mtp, together.loss_mtp, tolerance * apart.loss_mtp);
  EXPECT_LT(relative_distance(apart.gradients, together.gradients), tolerance);
}

TEST(SharedPositions, GiveTheSameBitsForwardAndTheSameGradients) {
  check(Compute::kF32, Numerics::kExact, 1e-5);
  check(Compute::kF32, Numerics::kFast, 1e-5);
  check(Compute::kBf16, Numerics::kExact, 2e-2);
}

}  // namespace
}  // namespace fathom
