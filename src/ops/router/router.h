// The router of DeepSeekMoE: from logits to a choice of experts and their weights; all in f32.
#pragma once

#include <cstdint>

#include "tensor/view.h"

namespace fathom {

enum class RouterScoring { kSigmoid, kSoftmax };
enum class RouterTopk { kNoauxTc, kGreedy, kGroupLimitedGreedy };

struct RouterSpec {
  int64_t n_routed_experts = 0, num_experts_per_tok = 0, n_group = 1, topk_group = 1;
  RouterScoring scoring = RouterScoring::kSigmoid;
  RouterTopk topk = RouterTopk::kNoauxTc;
  bool norm_topk_prob = true;
  float routed_scaling_factor = 1.0f;
};

struct RouterOut {
  /// [n_tokens, num_experts_per_tok], largest choice value first; ties go to the lower id
  View<int32_t> expert_ids;
  View<float> weights;   // same shape, routed_scaling_factor included
  View<float> affinity;  // [n_tokens, n_routed_experts]: of the logits, saved for backward
};

/// Chooses num_experts_per_tok experts for each token: the topk_group best of n_group expert
/// groups, then the best experts within them.
///   noaux_tc: by affinity + bias; a group's score is the sum of its two largest.
///   group_limited_greedy: by affinity; a group's score is its maximum.
///   greedy: by affinity, plain top-k.
/// NaN counts as -inf in the choice and stays NaN in the weights.
/// The weight is the unbiased affinity of the chosen expert, by the code published with each model:
///   sigmoid: over the sum of the chosen ones (+ 1e-20) where norm_topk_prob, times
///   routed_scaling_factor (V3, Hugging Face code);
///   softmax, greedy or group_limited_greedy: where norm_topk_prob and num_experts_per_tok > 1 over
///   the sum and NOT times the factor, else times the factor (V2, Hugging Face code);
///   softmax, noaux_tc: times the factor, never over the sum (V3, inference code).
/// logits [n_tokens, n_routed_experts] f32 · e_score_correction_bias [n_routed_experts] f32 or
/// empty Requires: topk_group groups hold at least num_experts_per_tok experts; num_experts_per_tok
/// and topk_group <= 64. Source: DeepSeek-V3 §2.1.2; DeepSeek-V2 §2.1.2-2.2; golden/README.md items
/// 6, 7.
/// given: empty, or [n_tokens, num_experts_per_tok] i32: the choice made elsewhere, which is kept,
/// order included (V3.2's keep routing, arXiv 2512.02556 §3.1); a row that begins with a negative
/// id chooses for itself.
void router_forward(RouterOut out, View<const float> logits,
                    View<const float> e_score_correction_bias, const RouterSpec& spec,
                    View<const int32_t> given = {});

/// dlogits [n_tokens, n_routed_experts] f32, overwritten: through the weights of the chosen experts
/// (the choice itself is constant) plus, where `daffinity` is not empty, the gradient that reaches
/// every affinity directly (from the balance loss), same shape.
/// dweights [n_tokens, num_experts_per_tok] f32.
void router_backward(View<float> dlogits, View<const float> dweights, View<const float> daffinity,
                     const RouterOut& saved, const RouterSpec& spec);

/// Sequence-wise balance loss of one MoE layer: mean over sequences of sum_i f_i P_i, with f_i
/// counting the experts actually chosen; golden/train-tiny manifest, `balance` and
/// `balance_selected`. Rows [s*T, (s+1)*T) of `saved` are sequence s, n_sequences * T = n_tokens.
/// Returns the value; daffinity [n_tokens, n_routed_experts], overwritten with
/// scale * d(value)/d(affinity), or empty.
double balance_loss(View<float> daffinity, const RouterOut& saved, int64_t n_sequences, float scale,
                    const RouterSpec& spec);

/// Tokens per expert. load [n_routed_experts] i64, overwritten.
void expert_load(View<int64_t> load, View<const int32_t> expert_ids);

}  // namespace fathom
