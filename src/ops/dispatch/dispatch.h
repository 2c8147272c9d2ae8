// Grouping of tokens by expert and the weighted sum of what the experts return. No token is
// dropped.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/view.h"

namespace fathom {

/// At most 64 experts a token. Slots (token, k) sorted by expert, then by token: expert e owns
/// slots [offsets[e], offsets[e+1]).
struct DispatchPlan {
  std::vector<int64_t> offsets;     // [n_routed_experts + 1]
  std::vector<int32_t> slot_token;  // [n_tokens * k]: the token of each sorted slot
  std::vector<int32_t> slot_of;     // [n_tokens * k]: where (token, k) lies among the sorted slots
};
DispatchPlan plan_dispatch(View<const int32_t> expert_ids, int64_t n_routed_experts);

/// xs [n_slots, dim] T, overwritten: row s is x[slot_token[s]].
template <typename T>
void dispatch_forward(View<T> xs, View<const T> x, const DispatchPlan& plan);
/// dx [n_tokens, dim] f32, added to: the sum over k, in the order of k, of dxs[slot_of(token, k)].
/// The k terms are summed first, then added to dx once. D is float or BF16.
template <typename D>
void dispatch_backward(View<float> dx, View<const D> dxs, const DispatchPlan& plan);

/// y [n_tokens, dim] f32, added to: sum over k, in the order of k and in f32, of
/// weights[token, k] * ys[slot_of(token, k)]. The k terms are summed first, then added to y once.
template <typename T>
void combine_forward(View<float> y, View<const T> ys, View<const float> weights,
                     const DispatchPlan& plan);
/// dys [n_slots, dim] T, overwritten: weights[token, k] * dy[token]; may be ys
/// dweights [n_tokens, k] f32, overwritten: <dy[token], ys[slot]>
template <typename T>
void combine_backward(View<T> dys, View<float> dweights, View<const float> dy, View<const T> ys,
                      View<const float> weights, const DispatchPlan& plan);

}  // namespace fathom
