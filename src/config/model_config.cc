#include "config/model_config.h"

#include <cmath>

namespace fathom {

double yarn_get_mscale(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

std::vector<LayerSpec> ModelConfig::layers() const {
  const bool mla =
      architecture == Architecture::kDeepseekV2 || architecture == Architecture::kDeepseekV3;
  std::vector<LayerSpec> schedule;
  for (int64_t i = 0; i < num_hidden_layers + num_nextn_predict_layers; ++i) {
    // The MTP layers follow the same rule by their own index.
    const bool moe = n_routed_experts > 0 && i >= first_k_dense_replace && i % moe_layer_freq == 0;
    schedule.push_back({mla ? AttentionKind::kMla : AttentionKind::kGqa,
                        moe ? FfnKind::kMoe : FfnKind::kDense, i >= num_hidden_layers});
  }
  return schedule;
}

int64_t ModelConfig::cache_entry_dim() const {
  return kv_lora_rank > 0 ? kv_lora_rank + qk_rope_head_dim : 2 * num_key_value_heads * head_dim;
}

int64_t ModelConfig::qk_head_dim() const {
  return kv_lora_rank > 0 ? qk_nope_head_dim + qk_rope_head_dim : head_dim;
}

double ModelConfig::softmax_scale() const {
  double scale = 1.0 / std::sqrt(static_cast<double>(qk_head_dim()));
  const bool mla = kv_lora_rank > 0;
  if (mla && rope.scaling == RopeScaling::kYarn) {
    const double m = yarn_get_mscale(rope.factor, rope.mscale_all_dim);
    scale *= m * m;
  }
  return scale;
}

}  // namespace fathom
