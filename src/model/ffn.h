// The feed-forward half of a layer: dense SwiGLU, or DeepSeekMoE (router, experts run grouped, shared experts), forward and backward.
// Source: DeepSeek-V3 §2.1.2; golden/README.md items 6 and 7.
#pragma once

#include "model/layer_context.h"
#include "model/weights.h"
#include "ops/dispatch/dispatch.h"

namespace fathom {

/// What the layer computed on the way; the arena's. S = n * num_experts_per_tok slots, I the inner width.
template <typename T>
struct FfnActs {
  View<T> h;            // [n, hidden_size] post_attention_layernorm(x)
  View<float> inv_rms;  // [n], in training
  View<T> gate_up, act;  // dense FFN or shared experts: [n, 2 I], [n, I]
  View<float> h32, logits;  // router input and output: [n, hidden_size], [n, n_routed_experts]
  RouterOut router;
  DispatchPlan plan;
  View<T> xs, expert_gate_up, expert_act, ys;  // [S, hidden_size], [S, 2 I], [S, I], [S, hidden_size]
};

/// x [n, hidden_size] f32 += ffn(post_attention_layernorm(x)). save: keep inv_rms for backward.
template <typename T>
void ffn_forward(View<float> x, FfnActs<T>& acts, const LayerWeights& w, const LayerContext& context, bool save);

/// dx [n, hidden_size] f32 holds the gradient of the result on entry and of `x`, the layer's input to this half, on return.
/// balance_scale: weight of this layer's sequence-wise balance loss over context.pieces (all of one length); 0: none.
/// Returns that loss, unweighted; 0 where the pieces differ in length.
template <typename T>
double ffn_backward(View<float> dx, const FfnActs<T>& acts, View<const float> x, const LayerWeights& w, const LayerGradients& g,
                    float balance_scale, const LayerContext& context);

}  // namespace fathom
