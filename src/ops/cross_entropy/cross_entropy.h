// Softmax cross-entropy over the vocabulary, forward and backward in one call; sums in f32 lanes
// within a row, in double over rows.
#pragma once

#include <span>

#include "tensor/view.h"

namespace fathom {

/// Returns sum_i weights[i] * -log softmax(logits[i])[targets[i]] (weights empty: 1 each), summed
/// in double in the order of rows. logits [n, vocab] f32 · targets [n] i32, a negative one is
/// skipped (loss 0, gradient 0) losses [n] f32 or empty: each row's unweighted loss dlogits [n,
/// vocab] D (float or BF16) or empty: overwritten with scale * weights[i] * (softmax - onehot); may
/// not alias logits unless D is float. A row's log-probability is computed by the same steps here
/// and in log_softmax_at (sampling), to the bit. Requires: targets[i] < vocab.
template <typename D>
double cross_entropy(View<D> dlogits, View<float> losses, View<const float> logits,
                     View<const int32_t> targets, View<const float> weights, float scale);

/// Makes -inf of the logits [vocab] of all tokens that are not in `set`; an empty set keeps all.
/// What stands in the softmax then is the distribution that was sampled from, in training and in
/// sampling alike.
void keep_sampling_set(float* logits, int64_t vocab, std::span<const int32_t> set);

/// log softmax(logits)[id] of one row of `vocab` values, the same bits as the losses above
/// (negated).
float log_softmax_at(const float* logits, int64_t vocab, int32_t id);

}  // namespace fathom
