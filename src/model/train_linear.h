// Both gradients of one linear layer, with V3's FP8 recipe where the pass asks for it.
#pragma once

#include "model/layer_context.h"
#include "ops/linear/linear.h"

namespace fathom {

/// dx [n, w.cols] Y = dy W (overwritten or added to) · dw [w.rows, w.cols] f32 += dy^T x · dy [n, w.rows] T · x [n, w.cols] T as forward had it.
/// FP8: dy per 1x128 for dx, dy and x per 128x1 for dw; w is already what FP8 made of it. Source: DeepSeek-V3 §3.3.
template <typename T, typename Y>
void linear_backward(View<Y> dx, Store store, View<float> dw, View<const T> dy, View<const T> x, const Weight& w,
                     const LayerContext& context);

}  // namespace fathom
