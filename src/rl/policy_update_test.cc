#include "rl/policy_update.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "rl/test_support.h"

namespace fathom {
namespace {

/// Some answers with the log-probabilities that the policy gives them.
class PolicyUpdateTest : public testing::Test {
 protected:
  void SetUp() override {
    rows_.clear();
    prompts_.clear();
    answers_.clear();
    logp_.clear();
    TrainOptions options;
    options.numerics = Numerics::kExact;
    options.mtp_detached = true;
    auto model = TrainerModel::create(tiny_model_config(), 1, options);
    ASSERT_TRUE(model.ok()) << model.message();
    policy_ = std::move(model).value();
    optimizer_ = std::make_unique<Optimizer>(policy_->parameters(), AdamWOptions{});
    for (int i = 0; i < 8; ++i) {
      prompts_.push_back({});
      answers_.push_back({});
      for (int t = 0; t < 3 + i; ++t) prompts_[i].push_back((i * 31 + t * 7) % 256);
      for (int t = 0; t < 1 + 5 * i % 13; ++t) answers_[i].push_back((i * 11 + t * 17) % 256);
    }
    std::vector<PromptAnswer> rows;
    for (int i = 0; i < 8; ++i) rows.push_back({prompts_[i], answers_[i]});
    const RolloutBatch batch(rows);
    std::vector<float> logp(batch.n_places());
    policy_->logps(View<float>(logp.data(), {batch.n_places()}), batch.batch());
    for (int i = 0; i < 8; ++i) {
      const RolloutSpan& s = batch.spans()[i];
      logp_.emplace_back(logp.begin() + s.begin, logp.begin() + s.end);
    }
    for (int i = 0; i < 8; ++i)
      rows_.push_back({rows[i], logp_[i], i % 2 == 0 ? 1.0 : -1.0, i / 2});
    how_.loss = named_grpo_options("dr_grpo").value();
    how_.max_answer_tokens = 16;
    how_.lr = 1e-3;
  }
  Result<UpdateStats> update() {
    return update_policy(
        *policy_, *optimizer_, nullptr, teacher_, rows_, how_, [&] { ++n_new_weights_; },
        [&] { return stop_; });
  }
  std::vector<float> weights() const {
    std::vector<float> all;
    for (const Parameter& p : policy_->parameters())
      all.insert(all.end(), p.value.data(), p.value.data() + p.value.size());
    return all;
  }
  std::unique_ptr<TrainerModel> policy_;
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<std::vector<int32_t>> prompts_, answers_;
  std::vector<std::vector<float>> logp_;
  std::vector<UpdateRow> rows_;
  UpdateOptions how_;
  TrainerModel* teacher_ = nullptr;
  int n_new_weights_ = 0;
  bool stop_ = false;
};

TEST_F(PolicyUpdateTest, OneDifferingBitIsAnErrorAndChangesNothing) {
  for (const int64_t minibatches : {1, 2}) {
    how_.minibatches = minibatches;
    const auto before = weights();
    float& x = logp_[5][1];
    const float right = x;
    x = std::nextafter(x, 0.0f);
    const auto r = update();
    ASSERT_FALSE(r.ok());
    EXPECT_NE(r.message().find("exact numerics promise"), std::string::npos) << r.message();
    EXPECT_EQ(weights(), before);
    EXPECT_EQ(n_new_weights_, 0);
    x = right;
  }
  how_.exact = false;
  logp_[5][1] -= 0.25f;
  const auto fast = update();
  ASSERT_TRUE(fast.ok()) << fast.message();
  EXPECT_NEAR(fast.value().mismatch_max, 0.25, 1e-6);
  EXPECT_EQ(fast.value().first_ratio_max, 1.0);  // to the trainer's own probabilities
}

TEST_F(PolicyUpdateTest, EveryRatioIsOneBeforeTheFirstUpdateAndNotAfterIt) {
  how_.minibatches = 2;
  const auto r = update();
  ASSERT_TRUE(r.ok()) << r.message();
  EXPECT_EQ(r.value().n_updates, 2);
  EXPECT_EQ(n_new_weights_, 2);
  EXPECT_EQ(r.value().mismatch_max, 0.0);
  EXPECT_EQ(r.value().first_ratio_min, 1.0);
  EXPECT_EQ(r.value().first_ratio_max, 1.0);
  EXPECT_TRUE(r.value().grpo.ratio_max > 1.0 || r.value().grpo.ratio_min < 1.0);
}

TEST_F(PolicyUpdateTest, MicroBatchesOfAnySizeGiveNearlyTheSameStep) {
  std::vector<double> norms, mtp;
  for (const int64_t tokens : {10, 40, 100000}) {
    SetUp();
    how_.mtp_lambda = 0.3;
    how_.micro_batch_tokens = tokens;
    const auto r = update();
    ASSERT_TRUE(r.ok()) << r.message();
    norms.push_back(r.value().grad_norm);
    mtp.push_back(r.value().loss_mtp);
  }
  EXPECT_GT(mtp[2], 0);
  EXPECT_NEAR(norms[0], norms[2], 2e-2 * norms[2]);  // bf16 arithmetic
  EXPECT_NEAR(norms[1], norms[2], 2e-2 * norms[2]);
}

TEST_F(PolicyUpdateTest, RowsWithoutAdvantageAreNotComputedWhereThereIsNoKl) {
  for (UpdateRow& r : rows_) r.advantage = 0;
  const auto before = weights();
  const auto r = update();
  ASSERT_TRUE(r.ok()) << r.message();
  EXPECT_EQ(r.value().n_tokens, 0);
  EXPECT_EQ(r.value().n_updates, 0);
  EXPECT_EQ(weights(), before);
}

TEST_F(PolicyUpdateTest, ATeachersAdvantageIsTheLogarithmOfItsShareOfEachToken) {
  TrainOptions options;
  options.numerics = Numerics::kExact;
  auto teacher = TrainerModel::create(tiny_model_config(), 2, options);
  ASSERT_TRUE(teacher.ok()) << teacher.message();
  teacher_ = teacher.value().get();
  how_.teacher_weight = 1;
  for (UpdateRow& r : rows_) r.advantage = 0;
  double sum = 0, n = 0;
  for (const UpdateRow& row : rows_) {
    const std::vector<PromptAnswer> one = {row.tokens};
    const RolloutBatch batch(one);
    std::vector<float> logp(batch.n_places());
    teacher_->logps(View<float>(logp.data(), {batch.n_places()}), batch.batch());
    for (size_t t = 0; t < row.logp.size(); ++t, ++n)
      sum += row.logp[t] - logp[batch.spans()[0].begin + static_cast<int64_t>(t)];
  }
  const auto r = update();
  ASSERT_TRUE(r.ok()) << r.message();
  EXPECT_NEAR(r.value().teacher_kl, sum / n, 1e-6);
  EXPECT_EQ(r.value().n_updates, 1);
  // On-policy: minus the mean of ratio (1) times advantage, over the longest answer allowed.
  EXPECT_NEAR(r.value().loss, sum / (8.0 * 16), 1e-5);
}

TEST_F(PolicyUpdateTest, AStopBeforeTheFirstUpdateChangesNothing) {
  stop_ = true;
  const auto before = weights();
  const auto r = update();
  ASSERT_TRUE(r.ok()) << r.message();
  EXPECT_TRUE(r.value().stopped);
  EXPECT_EQ(weights(), before);
}

TEST_F(PolicyUpdateTest, TheRouterBiasIsFrozenUnlessAsked) {
  const auto biases = [&] {
    std::vector<float> all;
    for (const Parameter& p : policy_->parameters()) {
      if (p.router_bias) all.insert(all.end(), p.value.data(), p.value.data() + p.value.size());
    }
    return all;
  };
  const auto before = biases();
  ASSERT_TRUE(update().ok());
  EXPECT_EQ(biases(), before);
  how_.bias_gamma = 0.01;
  for (size_t i = 0; i < rows_.size(); ++i) {  // rollouts of the new weights
    const std::vector<PromptAnswer> row = {rows_[i].tokens};
    const RolloutBatch batch(row);
    std::vector<float> logp(batch.n_places());
    policy_->logps(View<float>(logp.data(), {batch.n_places()}), batch.batch());
    logp_[i].assign(logp.begin() + batch.spans()[0].begin, logp.end());
    rows_[i].logp = logp_[i];
  }
  const auto r = update();
  ASSERT_TRUE(r.ok()) << r.message();
  EXPECT_NE(biases(), before);
}

}  // namespace
}  // namespace fathom
