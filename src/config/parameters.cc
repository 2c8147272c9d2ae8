// The names and shapes of a checkpoint's tensors, as the published files have them, from the config
// alone.
#include <fmt/format.h>

#include "config/model_config.h"

namespace fathom {
namespace {

class List {
 public:
  explicit List(const ModelConfig& config) : c_(config) {}
  std::vector<ParameterSpec> build();

 private:
  ParameterSpec& matrix(const char* name, int64_t rows, int64_t cols) {
    specs_.push_back({.name = prefix_ + name, .rows = rows, .cols = cols, .layer = layer_});
    return specs_.back();
  }
  ParameterSpec& vector(const char* name, int64_t n) { return matrix(name, n, 0); }
  /// A weight [rows, cols] and, where the config has one, its bias.
  void linear(const std::string& name, int64_t rows, int64_t cols, bool bias) {
    matrix((name + ".weight").c_str(), rows, cols);
    if (bias) vector((name + ".bias").c_str(), rows);
  }

  void mla();
  void gqa();
  void ffn(const std::string& name, int64_t width, bool routed);
  void moe();
  void layer(int index, const LayerSpec& spec);

  const ModelConfig& c_;
  std::vector<ParameterSpec> specs_;
  std::string prefix_;
  int layer_ = -1;
};

void List::mla() {
  const int64_t heads = c_.num_attention_heads, bias = c_.attention_bias;
  if (c_.q_lora_rank > 0) {
    linear("self_attn.q_a_proj", c_.q_lora_rank, c_.hidden_size, bias);
    vector("self_attn.q_a_layernorm.weight", c_.q_lora_rank);
    linear("self_attn.q_b_proj", heads * c_.qk_head_dim(), c_.q_lora_rank, false);
  } else {
    linear("self_attn.q_proj", heads * c_.qk_head_dim(), c_.hidden_size, false);
  }
  linear("self_attn.kv_a_proj_with_mqa", c_.kv_lora_rank + c_.qk_rope_head_dim, c_.hidden_size,
         bias);
  vector("self_attn.kv_a_layernorm.weight", c_.kv_lora_rank);
  linear("self_attn.kv_b_proj", heads * (c_.qk_nope_head_dim + c_.v_head_dim), c_.kv_lora_rank,
         false);
  linear("self_attn.o_proj", c_.hidden_size, heads * c_.v_head_dim, bias);
}

void List::gqa() {
  const int64_t q = c_.num_attention_heads * c_.head_dim, kv = c_.num_key_value_heads * c_.head_dim;
  const bool qkv_bias = c_.attention_bias || c_.qkv_bias;
  linear("self_attn.q_proj", q, c_.hidden_size, qkv_bias);
  linear("self_attn.k_proj", kv, c_.hidden_size, qkv_bias);
  linear("self_attn.v_proj", kv, c_.hidden_size, qkv_bias);
  if (c_.qk_norm) {
    vector("self_attn.q_norm.weight", c_.head_dim);
    vector("self_attn.k_norm.weight", c_.head_dim);
  }
  linear("self_attn.o_proj", c_.hidden_size, q, c_.attention_bias);
}

void List::ffn(const std::string& name, int64_t width, bool routed) {
  const size_t begin = specs_.size();
  linear(name + ".gate_proj", width, c_.hidden_size, c_.mlp_bias);
  linear(name + ".up_proj", width, c_.hidden_size, c_.mlp_bias);
  linear(name + ".down_proj", c_.hidden_size, width, c_.mlp_bias);
  for (size_t i = begin; i < specs_.size(); ++i) specs_[i].routed_expert = routed;
}

void List::moe() {
  matrix("mlp.gate.weight", c_.n_routed_experts, c_.hidden_size);
  if (c_.topk_method == TopkMethod::kNoauxTc) {
    vector("mlp.gate.e_score_correction_bias", c_.n_routed_experts).router_bias = true;
  }
  for (int64_t e = 0; e < c_.n_routed_experts; ++e) {
    ffn(fmt::format("mlp.experts.{}", e), c_.moe_intermediate_size, true);
  }
  if (c_.n_shared_experts > 0) {
    ffn("mlp.shared_experts", c_.n_shared_experts * c_.moe_intermediate_size, false);
  }
}

void List::layer(int index, const LayerSpec& spec) {
  layer_ = index;
  prefix_ = fmt::format("model.layers.{}.", index);
  if (spec.mtp) {
    matrix("embed_tokens.weight", c_.vocab_size, c_.hidden_size).mtp_copy = true;
    vector("enorm.weight", c_.hidden_size);
    vector("hnorm.weight", c_.hidden_size);
    matrix("eh_proj.weight", c_.hidden_size, 2 * c_.hidden_size);
  }
  vector("input_layernorm.weight", c_.hidden_size);
  spec.attention == AttentionKind::kMla ? mla() : gqa();
  vector("post_attention_layernorm.weight", c_.hidden_size);
  spec.ffn == FfnKind::kMoe ? moe() : ffn("mlp", c_.intermediate_size, false);
  if (spec.mtp) {
    vector("shared_head.norm.weight", c_.hidden_size);
    matrix("shared_head.head.weight", c_.vocab_size, c_.hidden_size).mtp_copy = true;
  }
}

std::vector<ParameterSpec> List::build() {
  matrix("model.embed_tokens.weight", c_.vocab_size, c_.hidden_size);
  int index = 0;
  for (const LayerSpec& spec : c_.layers()) layer(index++, spec);
  layer_ = -1;
  prefix_.clear();
  vector("model.norm.weight", c_.hidden_size);
  if (!c_.tie_word_embeddings) matrix("lm_head.weight", c_.vocab_size, c_.hidden_size);
  return std::move(specs_);
}

}  // namespace

std::vector<ParameterSpec> parameters(const ModelConfig& config) { return List(config).build(); }

}  // namespace fathom
