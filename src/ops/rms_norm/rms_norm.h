// RMSNorm: y = x * rsqrt(mean(x^2) + eps) * weight. The mean is summed in a fixed order of f32
// lanes that depends on the width alone.
#pragma once

#include "tensor/view.h"

namespace fathom {

/// y [n, dim] T (float or BF16), overwritten; may be x where T is X
/// inv_rms [n] f32, saved for backward, or empty
/// x [n, dim] X (float or BF16) · weight [dim] f32 · rows of x and y may be strided
/// Thread-safe; uses the thread pool. Source: golden/README.md item 5.
template <typename T, typename X>
void rms_norm_forward(View<T> y, View<float> inv_rms, View<const X> x, View<const float> weight,
                      float eps);

/// dx [n, dim] f32: overwritten, or added to where accumulate; may be dy
/// dweight [dim] f32, added to: sums over blocks of 64 rows, added pairwise, for every thread count
/// dy [n, dim] f32 · x, weight, inv_rms as in forward
template <typename X>
void rms_norm_backward(View<float> dx, View<float> dweight, View<const float> dy, View<const X> x,
                       View<const float> weight, View<const float> inv_rms, bool accumulate);

}  // namespace fathom
