#include "cost/flops.h"

#include <gtest/gtest.h>

#include "cost/test_planner.h"

namespace fathom {
namespace {

// Published training FLOPs per token at 4K: V3 250 GFLOP, V2 155 (Zhao et al., "Insights into
// DeepSeek-V3", ISCA 2025, table 2).
TEST(Flops, V3TrainsAtThePublished250GflopPerToken) {
  const FlopsPerToken f = forward_flops(fixture("deepseek-v3"), 4096);
  EXPECT_NEAR(3 * f.total / 1e9, 250, 0.03 * 250);
  EXPECT_NEAR(3 * f.attention_core / 1e9, 31, 1);
  EXPECT_GT(f.mtp, 0.02 * f.total);
  EXPECT_NEAR(3 * forward_flops(fixture("deepseek-v2"), 4096).total / 1e9, 155, 0.03 * 155);
}

// One run of V3, three numerators: 385 TFLOP/s a GPU causal, 432 non-causal (the same paper, table
// 4), over the bf16 peak of 989.
TEST(Flops, V3HasAnMfuForEachDefinition) {
  const ModelConfig c = fixture("deepseek-v3");
  const double tokens_per_s = 272.8e9 / 86400 / 2048;  // a GPU
  const auto mfu = [&](FlopsDefinition d) {
    return training_flops_per_token(c, 4096, d, 37e9) * tokens_per_s / 989e12;
  };
  EXPECT_NEAR(mfu(FlopsDefinition::kNonCausal), 0.437, 0.004);
  EXPECT_NEAR(mfu(FlopsDefinition::kCausal), 0.390, 0.004);
  EXPECT_NEAR(mfu(FlopsDefinition::kSixN), 0.346, 0.001);
}

TEST(Flops, PartsAddUpToTheTotal) {
  for (const char* name : {"deepseek-v3", "deepseek-v2-lite", "llama-3.1-8b", "qwen3-0.6b"}) {
    const FlopsPerToken f = forward_flops(fixture(name), 1000);
    EXPECT_DOUBLE_EQ(f.total, f.attention_core + f.attention_projections + f.routed_experts +
                                  f.shared_experts + f.dense_ffn + f.router + f.head);
  }
}

// Every active matrix but the embedding is one multiply-add per number; the rest is the attention
// core.
TEST(Flops, FollowFromTheActiveParameters) {
  for (const char* name :
       {"deepseek-v3", "deepseek-v2-lite", "moonlight-16b-a3b", "llama-3.1-8b"}) {
    const ModelConfig c = fixture(name);
    const FlopsPerToken f = forward_flops(c, 1);
    const double matrices =
        static_cast<double>(count_parameters(c).active - c.vocab_size * c.hidden_size);
    EXPECT_NEAR((f.total - f.attention_core) / (2 * matrices), 1.0, 1e-4)
        << name;  // norms and biases
  }
}

TEST(Flops, OnlyTheCoreGrowsWithContext) {
  const ModelConfig c = fixture("deepseek-v3");
  const FlopsPerToken a = forward_flops(c, 1), b = forward_flops(c, 8191);
  EXPECT_DOUBLE_EQ(b.attention_core, 4096 * a.attention_core);
  EXPECT_DOUBLE_EQ(b.total - b.attention_core, a.total - a.attention_core);
}

TEST(Cost, ActiveParametersAreThePublishedOnes) {
  const struct {
    const char* name;
    double total, active;
  } published[] = {{"deepseek-v3", 671, 37},
                   {"deepseek-v2", 236, 21},
                   {"kimi-k2", 1026, 32},
                   {"llama-3.1-8b", 8.03, 8.03}};
  for (const auto& p : published) {
    const ParameterCount n = count_parameters(fixture(p.name));
    EXPECT_NEAR(static_cast<double>(n.total) / 1e9, p.total, 0.01 * p.total) << p.name;
    EXPECT_NEAR(static_cast<double>(n.active) / 1e9, p.active, 0.03 * p.active) << p.name;
  }
  EXPECT_EQ(count_parameters(fixture("llama-3.1-8b")).mtp, 0);
}

TEST(Cost, CacheBytesAreThePublishedOnes) {
  EXPECT_EQ(cache_bytes_per_token(fixture("deepseek-v3")), 70272);
  EXPECT_EQ(cache_bytes_per_token(fixture("llama-3.1-8b")), 2 * 8 * 128 * 32 * 2);
}

}  // namespace
}  // namespace fathom
