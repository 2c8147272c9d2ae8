// One step of AdamW over a flat array of parameters, and the sum of squares that the gradient norm
// is made of. Both read and write memory once; what a training loop does with them is train/'s.
#pragma once

#include <cstdint>

#include "tensor/view.h"

namespace fathom {

struct AdamWStep {
  double lr = 0.0;
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8;
  double weight_decay = 0.0;    // 0 where the tensor is not decayed
  double gradient_scale = 1.0;  // every gradient is multiplied by this first: the clip coefficient
  double ema_decay = 0.0;       // of the average of the weights, where there is one
  int64_t step = 1;             // counts from 1
};

/// p *= 1 - lr * weight_decay; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g²;
/// p -= lr * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps); ema += (1 - ema_decay) (p
/// - ema). p, g [n] f32 · m, v [n] M (float or BF16), read as stored, used in f32, stored rounded
/// to nearest even · ema [n] f32 or empty. An element depends on that element alone: the same bits
/// for every split and thread count. Contiguous views of any rank. Source: Loshchilov & Hutter
/// 2019; golden/train-tiny manifest, `adamw`; DeepSeek-V3 §3.3.3 (bf16 moments).
template <typename M>
void adamw_step(View<float> p, View<M> m, View<M> v, View<float> ema, View<const float> g,
                const AdamWStep& step);

/// sum x[i]² in double: 32 lanes over blocks of 65536 elements, the blocks' sums added pairwise;
/// the same bits for every thread count. x contiguous.
double sum_of_squares(View<const float> x);

}  // namespace fathom
