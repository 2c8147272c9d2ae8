// TrainOptions::mtp_detached: the MTP loss moves the MTP layer alone. Every other gradient is, to
// the bit, that of a model whose MTP layer rests; sequences of one length and of several.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "config/model_config.h"
#include "model/trainer_model.h"

namespace fathom {
namespace {

const char* kMtpConfig = R"({"model_type": "deepseek_v3", "vocab_size": 64, "hidden_size": 48,
  "num_hidden_layers": 2, "intermediate_size": 64, "num_attention_heads": 4,
  "num_key_value_heads": 4, "max_position_embeddings": 64, "q_lora_rank": null, "kv_lora_rank": 32,
  "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "n_routed_experts": 8,
  "n_shared_experts": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
  "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1, "scoring_func": "sigmoid",
  "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 1.0,
  "num_nextn_predict_layers": 1, "initializer_range": 0.2, "hidden_act": "silu",
  "rope_theta": 10000, "rms_norm_eps": 1e-6})";

using Gradients = std::map<std::string, std::vector<float>>;

struct Case {
  bool of_several_lengths, log_probabilities;
};

Gradients gradients_of(const TrainOptions& options, const Case& c) {
  auto config = parse_model_config(kMtpConfig, "config.json");
  EXPECT_TRUE(config.ok()) << config.message();
  auto model = TrainerModel::create(config.value(), 3, options);
  EXPECT_TRUE(model.ok()) << model.message();
  std::vector<int32_t> tokens;
  for (int i = 0; i < 3 * 21; ++i) tokens.push_back(static_cast<int32_t>(Rng(1, 2).below(i, 64)));
  const std::vector<int32_t> lengths = {20, 1, 7};
  TrainBatch batch;
  batch.tokens = View<const int32_t>(tokens.data(), {3, 21});
  if (c.of_several_lengths) batch.lengths = View<const int32_t>(lengths.data(), {3});
  model.value()->zero_gradients();
  const LogpLoss loss = [](View<float> dlogp, View<const float> logp) {
    double sum = 0;
    for (int64_t i = 0; i < logp.size(); ++i) {
      dlogp[i] = i % 3 == 0 ? 0.5f : -0.25f;
      sum += dlogp[i] * logp[i];
    }
    return sum;
  };
  const TrainStats stats = c.log_probabilities ? model.value()->forward_backward(batch, loss, 1.0)
                                               : model.value()->forward_backward(batch, 1.0);
  EXPECT_EQ(stats.loss_mtp > 0, options.mtp_lambda > 0);
  Gradients g;
  for (const Parameter& p : model.value()->parameters()) {
    g[p.name].assign(p.gradient.data(), p.gradient.data() + p.gradient.size());
  }
  return g;
}

bool is_mtp(const std::string& name) { return name.starts_with("model.layers.2."); }

bool equal_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
}

bool all_zero(const std::vector<float>& a) {
  for (const float x : a) {
    if (x != 0) return false;
  }
  return true;
}

TEST(MtpDetached, TheTrunkLearnsAsIfTheMtpLayerRestedAndTheMtpLayerLearns) {
  for (const Case c : {Case{false, false}, Case{true, false}, Case{true, true}}) {
    SCOPED_TRACE(std::string(c.of_several_lengths ? "several lengths" : "one length") +
                 (c.log_probabilities ? ", log-probabilities" : ""));
    TrainOptions resting, detached, attached;
    detached.mtp_lambda = attached.mtp_lambda = 0.3;
    detached.mtp_detached = true;
    const Gradients without = gradients_of(resting, c), with = gradients_of(detached, c),
                    moved = gradients_of(attached, c);
    int n_moved = 0;
    for (const auto& [name, gradient] : with) {
      if (gradient.empty()) continue;  // a router bias
      if (is_mtp(name)) {
        EXPECT_TRUE(name.find("experts.") != std::string::npos || !all_zero(gradient)) << name;
        EXPECT_TRUE(equal_bits(gradient, moved.at(name))) << name;
      } else {
        EXPECT_TRUE(equal_bits(gradient, without.at(name))) << name;
        n_moved += !equal_bits(gradient, moved.at(name));
      }
    }
    EXPECT_GT(n_moved, 10) << "attached, the trunk would have moved";
  }
}

}  // namespace
}  // namespace fathom
