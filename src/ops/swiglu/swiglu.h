// SwiGLU: h = silu(gate) * up, and its backward. silu in f32.
#pragma once

#include "tensor/view.h"

namespace fathom {

/// h [n, width] T, overwritten · gate_up [n, 2 * width] T: gate in the first half of a row, up in
/// the second. T is float or BF16.
template <typename T>
void swiglu_forward(View<T> h, View<const T> gate_up);

/// dgate_up [n, 2 * width] T, overwritten, may be gate_up · dh [n, width] D (float or BF16).
template <typename T, typename D>
void swiglu_backward(View<T> dgate_up, View<const D> dh, View<const T> gate_up);

}  // namespace fathom
