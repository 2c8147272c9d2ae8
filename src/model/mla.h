// Multi-head latent attention: projections, the latent cache, attention in absorbed form (decode, exact) or expanded form (training, fast
// prefill), and backward. Source: DeepSeek-V2 §2.1, DeepSeek-V3 §2.1.1; layout of the weights: golden/README.md items 1 to 5.
#pragma once

#include "model/layer_context.h"
#include "model/weights.h"

namespace fathom {

/// What the layer computed on the way; the arena's. n = n_tokens, H = num_attention_heads. inv_rms*, lse and the expanded form are filled in training.
template <typename T>
struct MlaActs {
  View<T> h;              // [n, hidden_size] input_layernorm(x)
  View<T> q_a, q_a_norm;  // [n, q_lora_rank]
  View<T> q;              // [n, H * (qk_nope_head_dim + qk_rope_head_dim)], rotated
  View<T> kv_a;           // [n, kv_lora_rank + qk_rope_head_dim], the latter rotated
  View<T> latent;         // [n, kv_lora_rank] kv_a_layernorm
  View<float> inv_rms, q_inv_rms, kv_inv_rms;  // [n]
  View<T> kv_b;      // [n, H * (qk_nope_head_dim + v_head_dim)]
  View<T> k;         // [n, H * (qk_nope_head_dim + qk_rope_head_dim)]
  View<T> out;       // [n, H * v_head_dim]
  View<float> lse;   // [n, H]
};

/// x [n, hidden_size] f32 += attention(input_layernorm(x)); appends entries of layer `layer_idx` to the caches of context.pieces
/// (already grown). exact: absorbed, whatever the chunk. fast: expanded where that takes fewer FLOPs.
template <typename T>
void mla_forward_cached(View<float> x, const LayerWeights& w, const LayerContext& context, int64_t layer_idx);

/// y = x + attention(input_layernorm(x)) over the sequences of context.pieces from position 0, without a cache; keeps what backward needs.
/// first_visible [n] i32 or empty: the first position (within its sequence) that each token may see.
template <typename T>
void mla_train_forward(View<float> y, MlaActs<T>& acts, View<const float> x, View<const int32_t> first_visible, const LayerWeights& w,
                       const LayerContext& context);

/// dx [n, hidden_size] f32 holds the gradient of y on entry and of x on return. Parameter gradients are added to g.
template <typename T>
void mla_backward(View<float> dx, const MlaActs<T>& acts, View<const float> x, View<const int32_t> first_visible, const LayerWeights& w,
                  const LayerGradients& g, const LayerContext& context);

}  // namespace fathom
