// Rollouts sampled by the engine on the trainer's own weights: the same for every number of slots, drawn again from their seed, and their
// log-probabilities are those that the trainer computes, to the bit, over several updates. So the ratio before a step's first update is 1.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/rng.h"
#include "config/model_config.h"
#include "engine/engine.h"
#include "model/trainer_model.h"
#include "rl/grpo.h"
#include "rl/rollout.h"
#include "rl/rollout_batch.h"
#include "train/optimizer.h"

namespace fathom {
namespace {

const char* kTinyConfig = R"({"model_type": "deepseek_v3", "vocab_size": 64, "hidden_size": 48, "num_hidden_layers": 2, "intermediate_size": 64,
  "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 256, "q_lora_rank": null, "kv_lora_rank": 32,
  "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "n_routed_experts": 8, "n_shared_experts": 1,
  "num_experts_per_tok": 2, "moe_intermediate_size": 32, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
  "scoring_func": "sigmoid", "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 1.0,
  "num_nextn_predict_layers": 0, "initializer_range": 0.2, "hidden_act": "silu", "rope_theta": 10000, "rms_norm_eps": 1e-6})";

constexpr int64_t kGroups = 3, kGroupSize = 5, kMaxAnswer = 90;

class RolloutExactness : public testing::Test {
 protected:
  void SetUp() override {
    TrainOptions options;
    options.numerics = Numerics::kExact;
    auto config = parse_model_config(kTinyConfig, "config.json");
    ASSERT_TRUE(config.ok()) << config.message();
    auto trainer = TrainerModel::create(config.value(), 3, options);
    ASSERT_TRUE(trainer.ok()) << trainer.message();
    trainer_ = std::move(trainer).value();
    auto model = Model::open(trainer_->live_checkpoint(), {});
    ASSERT_TRUE(model.ok()) << model.message();
    EngineParts parts;
    parts.where = "test";
    parts.checkpoint = trainer_->live_checkpoint();
    parts.model = model.value();
    parts.eos_ids = {1, 2};  // answers end by themselves, at many lengths
    auto engine = Engine::create(std::move(parts), {});
    ASSERT_TRUE(engine.ok()) << engine.message();
    engine_ = std::move(engine).value();
    for (int64_t g = 0; g < kGroups; ++g) {
      std::vector<int32_t> prompt;
      for (int64_t i = 0; i < 3 + 40 * g; ++i) prompt.push_back(static_cast<int32_t>(3 + Rng(9, g).below(i, 61)));
      for (int64_t i = 0; i < kGroupSize; ++i) requests_.push_back({prompt, static_cast<uint64_t>(g * kGroupSize + i)});
    }
  }
  std::vector<Rollout> sample(int64_t n_slots, uint64_t seed) {
    RolloutOptions o;
    o.n_slots = n_slots;
    o.max_answer_tokens = kMaxAnswer;
    o.seed = seed;
    RolloutStats stats;
    auto r = sample_rollouts(*engine_, requests_, o, stats);
    EXPECT_TRUE(r.ok()) << r.message();
    EXPECT_GT(stats.n_decode_tokens, 0);
    return std::move(r).value();
  }
  std::unique_ptr<TrainerModel> trainer_;
  std::unique_ptr<Engine> engine_;
  std::vector<RolloutRequest> requests_;
};

RolloutBatch batch_of(const std::vector<Rollout>& rollouts) {
  std::vector<PromptAnswer> rows;
  for (const Rollout& r : rollouts) rows.push_back({r.prompt, r.answer});
  return RolloutBatch(rows);
}

std::vector<float> logp_at_places(const RolloutBatch& batch, const std::vector<Rollout>& rollouts) {
  std::vector<std::span<const float>> logp;
  for (const Rollout& r : rollouts) logp.push_back(r.logp);
  return batch.at_places(logp);
}

TEST_F(RolloutExactness, TheNumberOfSlotsChangesNoTokenAndNoBit) {
  const auto one = sample(1, 4);
  for (const int64_t slots : {2, 7, 64}) {
    const auto many = sample(slots, 4);
    for (size_t i = 0; i < one.size(); ++i) {
      EXPECT_EQ(one[i].answer, many[i].answer) << slots << " slots, rollout " << i;
      EXPECT_EQ(std::memcmp(one[i].logp.data(), many[i].logp.data(), one[i].logp.size() * 4), 0);
      EXPECT_EQ(one[i].logp.size(), one[i].answer.size());
    }
  }
  EXPECT_NE(one[0].answer, sample(1, 5)[0].answer);
}

TEST_F(RolloutExactness, ManyStepsOfLearningHaveRatioOneBeforeEachUpdate) {
  Optimizer optimizer(trainer_->parameters(), {});
  std::set<size_t> lengths;
  for (int step = 0; step < 12; ++step) {
    const auto rollouts = sample(1 + 3 * step, 100 + step);
    RolloutBatch s = batch_of(rollouts);
    const std::vector<float> logp_rollout = logp_at_places(s, rollouts);
    GrpoOptions o;
    o.kl_beta = 0;
    // A rule that can be learnt: answers with many tokens above 32.
    for (int64_t g = 0; g < kGroups; ++g) {
      std::vector<double> rewards;
      for (int64_t i = 0; i < kGroupSize; ++i) {
        const auto& answer = rollouts[g * kGroupSize + i].answer;
        rewards.push_back(static_cast<double>(std::count_if(answer.begin(), answer.end(), [](int32_t t) { return t > 32; })) / answer.size());
        lengths.insert(answer.size());
      }
      const auto advantages = group_advantages(rewards, o.advantage);
      ASSERT_TRUE(advantages.ok()) << advantages.message();
      for (int64_t i = 0; i < kGroupSize; ++i) s.spans()[g * kGroupSize + i].advantage = advantages.value()[i];
    }
    GrpoStats stats;
    GrpoTotals totals{static_cast<int64_t>(rollouts.size()), 0, kMaxAnswer};
    trainer_->zero_gradients();
    trainer_->forward_backward(s.batch(), [&](View<float> dlogp, View<const float> logp) {
      for (const RolloutSpan& span : s.spans()) {
        EXPECT_EQ(std::memcmp(logp.data() + span.begin, logp_rollout.data() + span.begin, span.length() * 4), 0) << "step " << step;
      }
      return grpo_loss(dlogp, stats, logp, s.spans(), {logp_rollout, {}, {}}, totals, o);
    }, 1.0);
    EXPECT_EQ(stats.ratio_max, 1.0);
    EXPECT_EQ(stats.ratio_min, 1.0);
    optimizer.step(3e-3);
    trainer_->weights_changed();
    engine_->model().vectors_changed();
  }
  EXPECT_GT(lengths.size(), 20u) << "lengths were to vary";
}

}  // namespace
}  // namespace fathom
