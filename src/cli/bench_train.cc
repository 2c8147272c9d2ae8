// The shapes that fathom bench --train offers and the loop that it times. The shapes are those of
// a plain PyTorch model that it is compared with (docs/performance.md).
#include "cli/bench_train.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/rng.h"
#include "train/optimizer.h"

namespace fathom {
namespace {

struct PresetShape {
  int64_t hidden_size, num_attention_heads, q_lora_rank, kv_lora_rank, intermediate_size;
  int64_t n_routed_experts, moe_intermediate_size, vocab_size;
};

constexpr PresetShape kNano = {256, 4, 96, 64, 704, 16, 128, 4096};
constexpr PresetShape kSmall = {512, 8, 192, 128, 1408, 32, 256, 8192};

std::vector<int32_t> random_tokens(int64_t n, int64_t vocab_size) {
  const Rng rng(0, 0);
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<int32_t>(rng.below(i, static_cast<uint64_t>(vocab_size)));
  }
  return tokens;
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

}  // namespace

ModelConfig bench_preset(const std::string& name, int64_t n_tokens) {
  const PresetShape& s = name == "nano" ? kNano : kSmall;
  ModelConfig c;
  c.architecture = Architecture::kDeepseekV3;
  c.model_type = "deepseek_v3";
  c.vocab_size = s.vocab_size;
  c.hidden_size = s.hidden_size;
  c.num_hidden_layers = 8;
  c.intermediate_size = s.intermediate_size;
  c.num_attention_heads = c.num_key_value_heads = s.num_attention_heads;
  c.max_position_embeddings = n_tokens;
  c.q_lora_rank = s.q_lora_rank;
  c.kv_lora_rank = s.kv_lora_rank;
  c.qk_nope_head_dim = 64;
  c.qk_rope_head_dim = 32;
  c.v_head_dim = 64;
  c.n_routed_experts = s.n_routed_experts;
  c.n_shared_experts = 1;
  c.num_experts_per_tok = 4;
  c.moe_intermediate_size = s.moe_intermediate_size;
  c.first_k_dense_replace = 1;
  c.routed_scaling_factor = 2.5;
  c.norm_topk_prob = true;
  c.scoring_func = ScoringFunc::kSigmoid;
  c.topk_method = TopkMethod::kNoauxTc;
  return c;
}

Result<TrainBenchResult> bench_train(const TrainBenchSpec& spec,
                                     const std::function<void(int64_t n_done)>& on_step) {
  const ModelConfig config = bench_preset(spec.preset, spec.n_tokens);
  TrainOptions options;
  options.compute = spec.compute;
  FATHOM_ASSIGN_OR_RETURN(const auto model, TrainerModel::create(config, 0, options));
  Optimizer optimizer(model->parameters(), AdamWOptions{});
  const auto tokens = random_tokens(spec.n_sequences * (spec.n_tokens + 1), config.vocab_size);
  TrainBatch batch;
  batch.tokens = View<const int32_t>(tokens.data(), {spec.n_sequences, spec.n_tokens + 1});
  TrainBenchResult result;
  std::vector<double> seconds;
  for (int64_t i = 0; i <= spec.n_steps; ++i) {
    const auto start = std::chrono::steady_clock::now();
    model->zero_gradients();
    result.loss = model->forward_backward(batch, 1.0).loss_total;
    optimizer.step(3e-4);
    model->weights_changed();
    const std::chrono::duration<double> step = std::chrono::steady_clock::now() - start;
    if (i > 0) seconds.push_back(step.count());
    on_step(i);
  }
  for (const Parameter& p : model->parameters()) result.n_parameters += p.value.size();
  result.step_s = median(seconds);
  result.tokens_per_s = static_cast<double>(spec.n_sequences * spec.n_tokens) / result.step_s;
  result.flops_per_token = model->flops_per_token(spec.n_tokens);
  return result;
}

}  // namespace fathom
