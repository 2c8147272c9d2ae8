#include "model/weights.h"

#include <fmt/format.h>

namespace fathom {
namespace {

template <typename W, typename V>
struct Binder {
  const ModelConfig& config;
  const std::function<W(const std::string&)>& matrix;
  const std::function<V(const std::string&)>& vector;

  void mla(LayerPlaces<W, V>& l, const std::string& p) const {
    if (config.q_lora_rank > 0) {
      l.q_a_proj = matrix(p + "q_a_proj.weight");
      l.q_a_layernorm = vector(p + "q_a_layernorm.weight");
      l.q_b_proj = matrix(p + "q_b_proj.weight");
    } else {
      l.q_proj = matrix(p + "q_proj.weight");
    }
    l.kv_a_proj_with_mqa = matrix(p + "kv_a_proj_with_mqa.weight");
    l.kv_a_layernorm = vector(p + "kv_a_layernorm.weight");
    l.kv_b_proj = matrix(p + "kv_b_proj.weight");
    l.o_proj = matrix(p + "o_proj.weight");
    if (!config.attention_bias) return;
    if (config.q_lora_rank > 0) l.q_a_proj_bias = vector(p + "q_a_proj.bias");
    l.kv_a_proj_with_mqa_bias = vector(p + "kv_a_proj_with_mqa.bias");
    l.o_proj_bias = vector(p + "o_proj.bias");
  }

  void gqa(LayerPlaces<W, V>& l, const std::string& p) const {
    l.q_proj = matrix(p + "q_proj.weight");
    l.k_proj = matrix(p + "k_proj.weight");
    l.v_proj = matrix(p + "v_proj.weight");
    l.o_proj = matrix(p + "o_proj.weight");
    if (config.qk_norm) {
      l.q_norm = vector(p + "q_norm.weight");
      l.k_norm = vector(p + "k_norm.weight");
    }
    if (config.attention_bias || config.qkv_bias) {
      l.q_proj_bias = vector(p + "q_proj.bias");
      l.k_proj_bias = vector(p + "k_proj.bias");
      l.v_proj_bias = vector(p + "v_proj.bias");
    }
    if (config.attention_bias) l.o_proj_bias = vector(p + "o_proj.bias");
  }

  void swiglu(W& gate, W& up, W& down, const std::string& p) const {
    gate = matrix(p + "gate_proj.weight");
    up = matrix(p + "up_proj.weight");
    down = matrix(p + "down_proj.weight");
  }

  void moe(LayerPlaces<W, V>& l, const std::string& p) const {
    l.router = matrix(p + "gate.weight");
    if (config.topk_method == TopkMethod::kNoauxTc) l.e_score_correction_bias = vector(p + "gate.e_score_correction_bias");
    const size_t n = static_cast<size_t>(config.n_routed_experts);
    l.expert_gate.resize(n);
    l.expert_up.resize(n);
    l.expert_down.resize(n);
    for (size_t e = 0; e < n; ++e) {
      swiglu(l.expert_gate[e], l.expert_up[e], l.expert_down[e], fmt::format("{}experts.{}.", p, e));
    }
    if (config.n_shared_experts > 0) swiglu(l.gate_proj, l.up_proj, l.down_proj, p + "shared_experts.");
  }

  LayerPlaces<W, V> layer(const LayerSpec& spec, int64_t idx) const {
    LayerPlaces<W, V> l;
    l.spec = spec;
    const std::string p = fmt::format("model.layers.{}.", idx);
    l.input_layernorm = vector(p + "input_layernorm.weight");
    l.post_attention_layernorm = vector(p + "post_attention_layernorm.weight");
    if (spec.attention == AttentionKind::kMla) {
      mla(l, p + "self_attn.");
    } else {
      gqa(l, p + "self_attn.");
    }
    if (spec.ffn == FfnKind::kMoe) {
      moe(l, p + "mlp.");
    } else {
      swiglu(l.gate_proj, l.up_proj, l.down_proj, p + "mlp.");
      if (config.mlp_bias) {
        l.gate_proj_bias = vector(p + "mlp.gate_proj.bias");
        l.up_proj_bias = vector(p + "mlp.up_proj.bias");
        l.down_proj_bias = vector(p + "mlp.down_proj.bias");
      }
    }
    if (spec.mtp) {
      l.eh_proj = matrix(p + "eh_proj.weight");
      l.enorm = vector(p + "enorm.weight");
      l.hnorm = vector(p + "hnorm.weight");
      l.shared_head_norm = vector(p + "shared_head.norm.weight");
    }
    return l;
  }
};

}  // namespace

template <typename W, typename V>
ModelPlaces<W, V> bind_places(const ModelConfig& config, const std::function<W(const std::string&)>& matrix,
                              const std::function<V(const std::string&)>& vector) {
  const Binder<W, V> binder{config, matrix, vector};
  ModelPlaces<W, V> m;
  m.embed_tokens = matrix("model.embed_tokens.weight");
  m.norm = vector("model.norm.weight");
  m.lm_head = config.tie_word_embeddings ? m.embed_tokens : matrix("lm_head.weight");
  const auto specs = config.layers();
  for (size_t i = 0; i < specs.size(); ++i) m.layers.push_back(binder.layer(specs[i], static_cast<int64_t>(i)));
  return m;
}

template ModelWeights bind_places(const ModelConfig&, const std::function<Weight(const std::string&)>&,
                                  const std::function<View<const float>(const std::string&)>&);
template ModelGradients bind_places(const ModelConfig&, const std::function<View<float>(const std::string&)>&,
                                    const std::function<View<float>(const std::string&)>&);

}  // namespace fathom
