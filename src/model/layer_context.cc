#include "model/layer_context.h"

#include "model/convert.h"

namespace fathom {

RopeSpec rope_spec(const ModelConfig& config) {
  RopeSpec s;
  const bool mla = config.layers().front().attention == AttentionKind::kMla;
  s.dim = mla ? config.qk_rope_head_dim : config.head_dim;
  s.rope_theta = config.rope.rope_theta;
  s.pairs = config.rope.layout == RopeLayout::kInterleaved ? RopePairs::kInterleaved : RopePairs::kHalves;
  switch (config.rope.scaling) {
    case RopeScaling::kNone: s.scaling = RopeScalingKind::kNone; break;
    case RopeScaling::kYarn: s.scaling = RopeScalingKind::kYarn; break;
    case RopeScaling::kLinear: s.scaling = RopeScalingKind::kLinear; break;
    case RopeScaling::kLlama3: s.scaling = RopeScalingKind::kLlama3; break;
  }
  s.factor = config.rope.factor;
  s.beta_fast = config.rope.beta_fast;
  s.beta_slow = config.rope.beta_slow;
  s.original_max_position_embeddings = config.rope.original_max_position_embeddings;
  s.low_freq_factor = config.rope.low_freq_factor;
  s.high_freq_factor = config.rope.high_freq_factor;
  s.table_scale = config.rope.attention_factor;
  return s;
}

RouterSpec router_spec(const ModelConfig& config) {
  RouterSpec s;
  s.n_routed_experts = config.n_routed_experts;
  s.num_experts_per_tok = config.num_experts_per_tok;
  s.n_group = config.n_group;
  s.topk_group = config.topk_group;
  s.scoring = config.scoring_func == ScoringFunc::kSigmoid ? RouterScoring::kSigmoid : RouterScoring::kSoftmax;
  switch (config.topk_method) {
    case TopkMethod::kNoauxTc: s.topk = RouterTopk::kNoauxTc; break;
    case TopkMethod::kGreedy: s.topk = RouterTopk::kGreedy; break;
    case TopkMethod::kGroupLimitedGreedy: s.topk = RouterTopk::kGroupLimitedGreedy; break;
  }
  s.norm_topk_prob = config.norm_topk_prob;
  s.routed_scaling_factor = static_cast<float>(config.routed_scaling_factor);
  return s;
}

template <typename T>
View<const T> linear_input(View<const T> x, const LayerContext& context) {
  if (!context.fp8_activations) return x;
  const View<T> y = context.arena.take<T>({x.dim(0), x.dim(1)});
  fp8_round_trip(y, x);
  return y;
}
template View<const float> linear_input(View<const float>, const LayerContext&);
template View<const BF16> linear_input(View<const BF16>, const LayerContext&);

}  // namespace fathom
