// Conversions between element types over whole matrices, shared among the threads.
#pragma once

#include "tensor/view.h"

namespace fathom {

/// dst [n, dim] = src, rounded to nearest even where narrower. Rows may be strided. (T, S) of {float, BF16}.
template <typename T, typename S>
void convert(View<T> dst, View<const S> src);

/// dst = src quantized to e4m3 per row and 128 columns (scale = max(amax, 1e-4) / 448) and back: what a W8A8 linear sees of its input.
/// Source: DeepSeek-V3 §3.3.2; golden/README.md (`logits_w8a8`).
template <typename T>
void fp8_round_trip(View<T> dst, View<const T> src);
/// The same per column and 128 rows: the operands of the weight gradient.
template <typename T>
void fp8_round_trip_columns(View<T> dst, View<const T> src);

}  // namespace fathom
