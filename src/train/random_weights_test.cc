#include "train/random_weights.h"

#include <gtest/gtest.h>

#include "config/model_config.h"

namespace fathom {
namespace {

TEST(RandomWeights, OnlyTheEmbeddingAndWhatAddsToTheResidualStreamAreScaled) {
  const auto config = parse_model_config(R"({"model_type": "deepseek_v3", "vocab_size": 64,
    "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48, "num_attention_heads": 2,
    "num_key_value_heads": 2, "q_lora_rank": null, "kv_lora_rank": 16, "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8, "v_head_dim": 16, "n_routed_experts": 4, "n_shared_experts": 1,
    "num_experts_per_tok": 2, "moe_intermediate_size": 16, "first_k_dense_replace": 1,
    "n_group": 1, "topk_group": 1, "num_nextn_predict_layers": 1})",
                                         "config.json");
  ASSERT_TRUE(config.ok()) << config.message();
  const auto plain = TrainerModel::create(config.value(), 3, {}).value();
  const auto scaled = TrainerModel::create(config.value(), 3, {}).value();
  scale_random_weights(*scaled, 8, 0.25);
  int n_down = 0, n_out = 0, n_embedding = 0;
  for (size_t i = 0; i < plain->parameters().size(); ++i) {
    const Parameter &a = plain->parameters()[i], &b = scaled->parameters()[i];
    const bool out = a.name.ends_with("self_attn.o_proj.weight"),
               down = a.name.find("down_proj") != std::string::npos,
               embedding = a.name == "model.embed_tokens.weight";
    n_out += out;
    n_down += down;
    n_embedding += embedding;
    const float scale = embedding ? 8.0f : out || down ? 0.25f : 1.0f;
    for (int64_t k = 0; k < a.value.size(); ++k)
      ASSERT_EQ(b.value[k], scale * a.value[k]) << a.name;
  }
  EXPECT_EQ(n_embedding, 1);
  EXPECT_EQ(n_out, 3);                 // two layers and the MTP layer
  EXPECT_EQ(n_down, 1 + 2 * (4 + 1));  // dense; experts and the shared one of two layers
}

}  // namespace
}  // namespace fathom
