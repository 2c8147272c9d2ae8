// The weights of a model by their place in the layers, and the published name of each place.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/model_config.h"
#include "tensor/view.h"

namespace fathom {

/// W is Weight (for computing) or View<float> (for gradients): a place of the same shape in both. V: a vector of f32.
template <typename W, typename V>
struct LayerPlaces {
  LayerSpec spec;
  V input_layernorm, post_attention_layernorm;
  // MLA: q_proj, or q_a_proj, q_a_layernorm, q_b_proj; GQA: q_proj, k_proj, v_proj, q_norm, k_norm
  W q_proj, q_a_proj, q_b_proj, kv_a_proj_with_mqa, kv_b_proj, k_proj, v_proj, o_proj;
  V q_a_layernorm, kv_a_layernorm, q_norm, k_norm;
  V q_proj_bias, q_a_proj_bias, kv_a_proj_with_mqa_bias, k_proj_bias, v_proj_bias, o_proj_bias;
  // Dense FFN, or the shared experts of a MoE layer
  W gate_proj, up_proj, down_proj;
  V gate_proj_bias, up_proj_bias, down_proj_bias;
  W router;
  V e_score_correction_bias;
  std::vector<W> expert_gate, expert_up, expert_down;
  // MTP layer
  W eh_proj;
  V enorm, hnorm, shared_head_norm;
};

template <typename W, typename V>
struct ModelPlaces {
  W embed_tokens, lm_head;
  V norm;
  std::vector<LayerPlaces<W, V>> layers;  // main layers, then MTP layers
};

using LayerWeights = LayerPlaces<Weight, View<const float>>;
using ModelWeights = ModelPlaces<Weight, View<const float>>;
using LayerGradients = LayerPlaces<View<float>, View<float>>;
using ModelGradients = ModelPlaces<View<float>, View<float>>;

/// Fills every place that the config has, asking for each tensor by its published name. A tied head is the embedding.
template <typename W, typename V>
ModelPlaces<W, V> bind_places(const ModelConfig& config, const std::function<W(const std::string&)>& matrix,
                              const std::function<V(const std::string&)>& vector);

}  // namespace fathom
