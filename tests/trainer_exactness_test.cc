// The trainer's forward pass in exact numerics is the engine's, to the bit: log-probabilities of sequences of several lengths in one batch,
// recomputed by the trainer, equal those that the engine's decode gives token by token, before an update and after it, on the trainer's own
// weights in place. Reinforcement learning stands on this: the ratio before a step's first update is 1.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "base/rng.h"
#include "base/threads.h"
#include "checkpoint/checkpoint.h"
#include "config/model_config.h"
#include "model/model.h"
#include "model/trainer_model.h"
#include "ops/cross_entropy/cross_entropy.h"

namespace fathom {
namespace {

const char* kV3 = R"({"model_type": "deepseek_v3", "vocab_size": 96, "hidden_size": 64, "num_hidden_layers": 3, "intermediate_size": 96,
  "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 1024, "q_lora_rank": 32, "kv_lora_rank": 40,
  "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 12, "n_routed_experts": 8, "n_shared_experts": 1,
  "num_experts_per_tok": 2, "moe_intermediate_size": 32, "first_k_dense_replace": 1, "n_group": 2, "topk_group": 1,
  "scoring_func": "sigmoid", "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 2.0,
  "num_nextn_predict_layers": 1, "initializer_range": 0.15, "hidden_act": "silu", "rope_theta": 10000, "rms_norm_eps": 1e-6})";

struct Batch {
  std::vector<int32_t> tokens, lengths;
  int64_t stride;
  Batch(const std::vector<int64_t>& wanted, int64_t vocab) : stride(0) {
    for (const int64_t n : wanted) stride = std::max(stride, n + 1);
    for (size_t s = 0; s < wanted.size(); ++s) {
      lengths.push_back(static_cast<int32_t>(wanted[s]));
      for (int64_t t = 0; t < stride; ++t) {
        tokens.push_back(t <= wanted[s] ? static_cast<int32_t>(Rng(11, s).below(static_cast<uint64_t>(t), vocab)) : -1);
      }
    }
  }
  int64_t n_places() const {
    int64_t n = 0;
    for (const int32_t l : lengths) n += l;
    return n;
  }
  TrainBatch view() const {
    const int64_t n = static_cast<int64_t>(lengths.size());
    TrainBatch b;
    b.tokens = View<const int32_t>(tokens.data(), {n, stride});
    b.lengths = View<const int32_t>(lengths.data(), {n});
    return b;
  }
};

// Every next token's log-probability as a rollout has it: one token after the other, all sequences in one pass, dropping out as they end.
std::vector<float> decoded(Model& m, const Batch& batch) {
  const int64_t vocab = m.config().vocab_size;
  const size_t n = batch.lengths.size();
  std::vector<SequenceCache> caches(n, SequenceCache(&m.cache()));
  std::vector<std::vector<float>> logp(n);
  for (int64_t t = 0; t + 1 < batch.stride; ++t) {
    std::vector<SequenceChunk> chunks;
    std::vector<size_t> who;
    for (size_t s = 0; s < n; ++s) {
      if (t >= batch.lengths[s]) continue;
      chunks.push_back({&caches[s], std::span(batch.tokens).subspan(s * batch.stride + t, 1), false});
      who.push_back(s);
    }
    std::vector<float> logits(who.size() * vocab);
    m.forward(View<float>(logits.data(), {static_cast<int64_t>(who.size()), vocab}), chunks);
    for (size_t i = 0; i < who.size(); ++i) {
      const int32_t next = batch.tokens[who[i] * batch.stride + t + 1];
      logp[who[i]].push_back(log_softmax_at(logits.data() + i * vocab, vocab, next));
    }
  }
  std::vector<float> all;
  for (const auto& l : logp) all.insert(all.end(), l.begin(), l.end());
  return all;
}

std::vector<float> recomputed(TrainerModel& trainer, const Batch& batch) {
  std::vector<float> logp(batch.n_places());
  trainer.logps(View<float>(logp.data(), {batch.n_places()}), batch.view());
  return logp;
}

int64_t n_different(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  int64_t n = 0;
  for (size_t i = 0; i < a.size(); ++i) n += std::memcmp(&a[i], &b[i], 4) != 0;
  return n;
}

class TrainerExactness : public testing::TestWithParam<Compute> {
 protected:
  std::unique_ptr<TrainerModel> trainer(Numerics numerics) {
    TrainOptions options;
    options.compute = GetParam();
    options.numerics = numerics;
    auto config = parse_model_config(kV3, "config.json");
    EXPECT_TRUE(config.ok()) << config.message();
    auto t = TrainerModel::create(config.value(), 7, options);
    EXPECT_TRUE(t.ok()) << t.message();
    return std::move(t).value();
  }
  void TearDown() override { set_num_threads(available_threads()); }
};

// A step up the gradient, as an optimizer would.
void update(TrainerModel& t, const Batch& batch) {
  t.zero_gradients();
  t.forward_backward(batch.view(), 1.0);
  for (Parameter& p : t.parameters()) {
    for (int64_t i = 0; i < p.gradient.size(); ++i) p.value[i] -= 0.05f * p.gradient[i];
  }
  t.weights_changed();
}

TEST_P(TrainerExactness, RecomputedLogProbabilitiesAreTheRolloutsBitForBitAcrossUpdates) {
  const auto t = trainer(Numerics::kExact);
  auto engine = Model::open(t->live_checkpoint(), {Numerics::kExact, GetParam()});
  ASSERT_TRUE(engine.ok()) << engine.message();
  const Batch batch({1, 70, 3, 131, 64, 17}, 96);
  for (int step = 0; step < 3; ++step) {
    for (const int threads : {1, 2}) {
      set_num_threads(threads);
      EXPECT_EQ(n_different(decoded(*engine.value(), batch), recomputed(*t, batch)), 0) << "step " << step << ", " << threads << " threads";
    }
    const auto before = recomputed(*t, batch);
    update(*t, batch);
    engine.value()->vectors_changed();
    EXPECT_GT(n_different(before, recomputed(*t, batch)), 0);
  }
}

TEST_P(TrainerExactness, LogProbabilitiesInsideAStepAreThoseOutsideIt) {
  const auto t = trainer(Numerics::kExact);
  const Batch batch({9, 80, 33}, 96);
  const auto outside = recomputed(*t, batch);
  t->zero_gradients();
  t->forward_backward(batch.view(), [&](View<float> dlogp, View<const float> logp) {
    EXPECT_EQ(std::memcmp(logp.data(), outside.data(), outside.size() * 4), 0);
    for (int64_t i = 0; i < dlogp.size(); ++i) dlogp[i] = 1e-2f;
    return 0.0;
  }, 1.0);
}

TEST_P(TrainerExactness, ExactAndFastAgreeButForRounding) {
  const auto exact = trainer(Numerics::kExact), fast = trainer(Numerics::kFast);
  const Batch batch({40, 90}, 96);
  exact->zero_gradients();
  fast->zero_gradients();
  const double a = exact->forward_backward(batch.view(), 1.0).loss_ce, b = fast->forward_backward(batch.view(), 1.0).loss_ce;
  const bool bf16 = GetParam() == Compute::kBf16;
  EXPECT_NEAR(a, b, bf16 ? 2e-2 : 1e-5);  // bf16: 8 significant bits in every activation
  for (size_t i = 0; i < exact->parameters().size(); ++i) {
    const Parameter &p = exact->parameters()[i], &q = fast->parameters()[i];
    double difference = 0, norm = 0;
    for (int64_t j = 0; j < p.gradient.size(); ++j) {
      difference += (double{p.gradient[j]} - q.gradient[j]) * (double{p.gradient[j]} - q.gradient[j]);
      norm += double{q.gradient[j]} * q.gradient[j];
    }
    EXPECT_LE(difference, (bf16 ? 0.04 : 1e-6) * norm + 1e-12) << p.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Compute, TrainerExactness, testing::Values(Compute::kF32, Compute::kBf16),
                         [](const auto& info) { return std::string(info.param == Compute::kF32 ? "f32" : "bf16"); });

}  // namespace
}  // namespace fathom
