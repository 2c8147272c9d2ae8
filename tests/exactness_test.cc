// Promise 1, bit for bit: in exact mode every prefill chunk, batch composition, thread count and token-by-token decode gives the same
// logits, in bf16 and f32, for every attention and router that fathom has. docs/numerics.md says how.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/rng.h"
#include "base/threads.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/synthetic.h"
#include "model/model.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

const char* kV3 = R"({"model_type": "deepseek_v3", "vocab_size": 160, "hidden_size": 96, "num_hidden_layers": 3, "intermediate_size": 144,
  "num_attention_heads": 6, "num_key_value_heads": 6, "max_position_embeddings": 4096, "q_lora_rank": 48, "kv_lora_rank": 40,
  "qk_nope_head_dim": 24, "qk_rope_head_dim": 16, "v_head_dim": 20, "n_routed_experts": 12, "n_shared_experts": 1,
  "num_experts_per_tok": 3, "moe_intermediate_size": 40, "first_k_dense_replace": 1, "n_group": 4, "topk_group": 2,
  "scoring_func": "sigmoid", "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 2.5,
  "num_nextn_predict_layers": 0, "initializer_range": 0.1, "hidden_act": "silu", "rope_theta": 10000, "rms_norm_eps": 1e-6,
  "rope_scaling": {"type": "yarn", "factor": 8, "original_max_position_embeddings": 64, "beta_fast": 32, "beta_slow": 1,
                   "mscale": 1.0, "mscale_all_dim": 1.0}})";
const char* kV2 = R"({"model_type": "deepseek_v2", "vocab_size": 130, "hidden_size": 64, "num_hidden_layers": 3, "intermediate_size": 96,
  "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 4096, "q_lora_rank": null, "kv_lora_rank": 32,
  "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "n_routed_experts": 8, "n_shared_experts": 2,
  "num_experts_per_tok": 3, "moe_intermediate_size": 32, "first_k_dense_replace": 1, "n_group": 4, "topk_group": 2,
  "scoring_func": "softmax", "topk_method": "group_limited_greedy", "norm_topk_prob": false, "routed_scaling_factor": 4.0,
  "initializer_range": 0.1, "hidden_act": "silu", "rope_theta": 10000, "rms_norm_eps": 1e-6, "rope_scaling": null})";
const char* kQwen3 = R"({"model_type": "qwen3", "vocab_size": 130, "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 96,
  "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 24, "max_position_embeddings": 4096, "initializer_range": 0.1,
  "hidden_act": "silu", "rope_theta": 10000, "rms_norm_eps": 1e-6, "tie_word_embeddings": true})";

class Exactness : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() / ("fathom-exactness-" + std::to_string(getpid()));
    fs::remove_all(directory_);
    auto config = parse_model_config(GetParam(), "config.json");
    ASSERT_TRUE(config.ok()) << config.message();
    ASSERT_TRUE(write_synthetic_checkpoint(directory_, config.value(), {.seed = 3}).ok());
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::shared_ptr<Model> open(Compute compute, Numerics numerics = Numerics::kExact) {
    auto r = open_checkpoint(directory_);
    EXPECT_TRUE(r.ok()) << r.message();
    auto m = Model::open(r.value(), {numerics, compute});
    EXPECT_TRUE(m.ok()) << m.message();
    return m.value();
  }
  std::vector<int32_t> tokens(int64_t n, uint64_t stream, int64_t vocab) {
    std::vector<int32_t> t(n);
    for (int64_t i = 0; i < n; ++i) t[i] = static_cast<int32_t>(Rng(5, stream).below(i, vocab));
    return t;
  }
  fs::path directory_;
};

using Logits = std::vector<float>;

Logits prefill(Model& m, const std::vector<int32_t>& tokens, int64_t chunk) {
  const int64_t vocab = m.config().vocab_size, n = static_cast<int64_t>(tokens.size());
  Logits out(n * vocab);
  SequenceCache cache(&m.cache());
  for (int64_t b = 0; b < n; b += chunk) {
    const int64_t len = std::min(chunk, n - b);
    const SequenceChunk c{&cache, std::span(tokens).subspan(b, len), true};
    m.forward(View<float>(out.data() + b * vocab, {len, vocab}), std::span(&c, 1));
  }
  return out;
}

// Three sequences advance together with chunks of changing length; returns the first one's logits.
Logits batched(Model& m, const std::vector<int32_t>& tokens, const std::vector<int32_t>& b, const std::vector<int32_t>& c) {
  const int64_t vocab = m.config().vocab_size;
  const std::vector<const std::vector<int32_t>*> all = {&b, &tokens, &c};
  std::vector<SequenceCache> caches(3, SequenceCache(&m.cache()));
  Logits out;
  std::vector<size_t> at(3, 0);
  for (int64_t step = 0; at[1] < tokens.size(); ++step) {
    std::vector<SequenceChunk> chunks;
    int64_t rows = 0, first_row = 0, mine = 0;
    for (int s = 0; s < 3; ++s) {
      const size_t len = std::min<size_t>(all[s]->size() - at[s], 1 + (7 * step + 13 * s) % 29);
      if (len == 0) continue;
      chunks.push_back({&caches[s], std::span(*all[s]).subspan(at[s], len), true});
      if (s == 1) first_row = rows, mine = static_cast<int64_t>(len);
      rows += static_cast<int64_t>(len);
      at[s] += len;
    }
    Logits step_logits(rows * vocab);
    m.forward(View<float>(step_logits.data(), {rows, vocab}), chunks);
    out.insert(out.end(), step_logits.begin() + first_row * vocab, step_logits.begin() + (first_row + mine) * vocab);
  }
  return out;
}

bool same_bits(const Logits& a, const Logits& b) { return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0; }

TEST_P(Exactness, ChunksBatchesThreadsAndDecodeGiveTheSameBits) {
  for (Compute compute : {Compute::kBf16, Compute::kF32}) {
    const auto m = open(compute);
    const int64_t vocab = m->config().vocab_size;
    const auto t = tokens(150, 1, vocab), b = tokens(40, 2, vocab), c = tokens(300, 3, vocab);
    set_num_threads(1);
    const Logits whole = prefill(*m, t, 150);
    for (float x : whole) ASSERT_TRUE(std::isfinite(x));
    for (int threads : {1, 2, 3}) {
      set_num_threads(threads);
      for (int64_t chunk : {1, 7, 64, 150}) {
        EXPECT_TRUE(same_bits(whole, prefill(*m, t, chunk))) << "chunk " << chunk << ", " << threads << " threads";
      }
      EXPECT_TRUE(same_bits(whole, batched(*m, t, b, c))) << threads << " threads";
    }
    set_num_threads(available_threads());
  }
}

TEST_P(Exactness, DecodeAfterAnotherSequencesPrefixGivesTheSameBits) {
  const auto m = open(Compute::kBf16);
  const int64_t vocab = m->config().vocab_size;
  auto t = tokens(140, 1, vocab);
  const Logits whole = prefill(*m, t, 140);
  SequenceCache first(&m->cache()), second(&m->cache());
  Logits row(vocab);
  const SequenceChunk warm{&first, std::span(t).first(130), false};
  m->forward(View<float>(row.data(), {1, vocab}), std::span(&warm, 1));
  second.share_prefix(first, 100);
  Logits rest(40 * vocab);
  const SequenceChunk tail{&second, std::span(t).subspan(100), true};
  m->forward(View<float>(rest.data(), {40, vocab}), std::span(&tail, 1));
  EXPECT_EQ(std::memcmp(rest.data(), whole.data() + 100 * vocab, rest.size() * 4), 0);
}

TEST_P(Exactness, SeveralSegmentsOfContextGiveTheSameBits) {
  const auto m = open(Compute::kBf16);
  const auto t = tokens(1100, 4, m->config().vocab_size);  // three segments of 512 positions
  set_num_threads(1);
  const Logits whole = prefill(*m, t, 1100);
  set_num_threads(2);
  const Logits pieces = prefill(*m, t, 137);
  set_num_threads(available_threads());
  EXPECT_TRUE(same_bits(whole, pieces));
}

TEST_P(Exactness, FastIsNearExact) {
  const auto exact = open(Compute::kF32), fast = open(Compute::kF32, Numerics::kFast);
  const auto t = tokens(200, 1, exact->config().vocab_size);
  const Logits a = prefill(*exact, t, 200), b = prefill(*fast, t, 200);
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
  EXPECT_LT(worst, 1e-3);  // another order of f32 sums over three layers of unit scale
}

INSTANTIATE_TEST_SUITE_P(Architectures, Exactness, testing::Values(kV3, kV2, kQwen3));

}  // namespace
}  // namespace fathom
