#include "checkpoint/synthetic.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "quant/decode.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

ModelConfig small_config() {
  auto c =
      parse_model_config(R"({"model_type": "deepseek_v3", "vocab_size": 300, "hidden_size": 160,
    "intermediate_size": 200, "num_hidden_layers": 2, "num_attention_heads": 2, "q_lora_rank": 32, "kv_lora_rank": 16,
    "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "n_routed_experts": 4, "n_shared_experts": 1,
    "num_experts_per_tok": 2, "moe_intermediate_size": 12, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
    "attention_bias": true, "initializer_range": 0.05})",
                         "config.json");
  if (!c.ok()) throw std::runtime_error(c.message());
  return c.value();
}

class SyntheticTest : public testing::Test {
 protected:
  SyntheticTest()
      : root_(fs::path(testing::TempDir()) / ("fathom_init_" + std::to_string(getpid()))) {
    fs::remove_all(root_);
  }
  ~SyntheticTest() override { fs::remove_all(root_); }
  std::shared_ptr<CheckpointReader> make(const std::string& name, const SyntheticOptions& options) {
    const Status s = write_synthetic_checkpoint(root_ / name, small_config(), options);
    if (!s.ok()) throw std::runtime_error(s.message());
    auto c = open_checkpoint(root_ / name);
    if (!c.ok()) throw std::runtime_error(c.message());
    return c.value();
  }
  fs::path root_;
};

std::vector<float> values(const CheckpointReader& c, const std::string& name) {
  const Weight w = c.weight(name).value();
  std::vector<float> x(w.size());
  decode_rows(x.data(), w, 0, w.rows, 0, w.cols, w.cols);
  return x;
}

TEST_F(SyntheticTest, TheSeedAloneDecidesTheValues) {
  const auto a = make("a", {.seed = 7}), b = make("b", {.seed = 7, .max_shard_bytes = 50000});
  const auto c = make("c", {.seed = 8});
  EXPECT_FALSE(fs::exists(root_ / "b" / "model.safetensors"));
  int different = 0;
  for (const std::string& name : a->names()) {
    EXPECT_EQ(values(*a, name), values(*b, name)) << name;
    different += values(*a, name) != values(*c, name);
  }
  EXPECT_GT(different, 30);
}

TEST_F(SyntheticTest, ValuesFollowTheConfig) {
  const auto c = make("a", {.seed = 1, .dtype = DType::kF32});
  const std::vector<float> x = values(*c, "model.embed_tokens.weight");
  double sum = 0, squares = 0;
  for (float v : x) sum += v, squares += double{v} * v;
  const double n = static_cast<double>(x.size());
  EXPECT_NEAR(sum / n, 0, 4 * 0.05 / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(squares / n), 0.05, 0.05 * 4 / std::sqrt(2 * n));
  for (float v : values(*c, "model.layers.1.self_attn.kv_a_layernorm.weight")) EXPECT_EQ(v, 1.0f);
  EXPECT_EQ(c->weight("model.layers.1.mlp.gate.e_score_correction_bias").value().dtype,
            DType::kF32);
  EXPECT_NE(values(*c, "model.layers.1.mlp.gate.e_score_correction_bias")[0], 0.0f);
  EXPECT_EQ(values(*c, "model.layers.2.embed_tokens.weight"), x);
  EXPECT_EQ(values(*c, "model.layers.2.shared_head.head.weight"), values(*c, "lm_head.weight"));
  EXPECT_NE(values(*c, "lm_head.weight"), x);
  EXPECT_EQ(c->config().torch_dtype, "float32");
}

TEST_F(SyntheticTest, DtypesHoldTheSameValuesRounded) {
  const auto f32 = make("f32", {.seed = 3, .dtype = DType::kF32});
  const auto bf16 = make("bf16", {.seed = 3});
  const auto fp8 = make("fp8", {.seed = 3, .dtype = DType::kF8E4M3});
  EXPECT_TRUE(fp8->config().fp8);
  EXPECT_EQ(fp8->weight("model.layers.0.mlp.up_proj.weight").value().dtype, DType::kF8E4M3);
  EXPECT_EQ(fp8->weight("model.layers.2.eh_proj.weight").value().dtype, DType::kBF16);
  EXPECT_EQ(fp8->weight("model.layers.1.mlp.gate.weight").value().dtype, DType::kBF16);
  for (const std::string& name : f32->names()) {
    const auto x = values(*f32, name), y = values(*bf16, name), z = values(*fp8, name);
    for (size_t i = 0; i < x.size(); ++i) {
      const bool f32_anyway = name.ends_with("correction_bias");
      ASSERT_EQ(y[i], f32_anyway ? x[i] : static_cast<float>(BF16(x[i]))) << name;
      ASSERT_NEAR(z[i], x[i], std::fabs(x[i]) / 15.9f + 1e-6f) << name;  // half a step of e4m3
    }
  }
  EXPECT_TRUE(check_finite(*fp8).ok());
}

TEST_F(SyntheticTest, NothingIsOverwritten) {
  make("a", {});
  const Status s = write_synthetic_checkpoint(root_ / "a", small_config(), {});
  EXPECT_EQ(s.message(),
            (root_ / "a").string() + ": an empty or absent directory wanted, a full one found");
  const Status file = write_synthetic_checkpoint(root_ / "a" / "config.json", small_config(), {});
  EXPECT_EQ(file.message(), (root_ / "a" / "config.json").string() +
                                ": an empty or absent directory wanted, a file found");
}

TEST_F(SyntheticTest, ProgressEndsAtTheWhole) {
  int64_t last = 0, all = 1;
  make("a", {.progress = [&](int64_t done, int64_t total) {
         EXPECT_GT(done, last);
         last = done;
         all = total;
       }});
  EXPECT_EQ(last, all);
}

}  // namespace
}  // namespace fathom
