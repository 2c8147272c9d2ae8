// Rotation of one head, one table per instruction set.
#pragma once

#include <cstdint>
#include <tuple>

#include "tensor/dtype.h"

namespace fathom {

/// Rotates n_heads heads, `stride` elements apart, in place. `pairs` is dim/2.
/// Interleaved: cos and sin hold 2 * pairs values, each angle twice, the first sine of a pair
/// negated. Halves: cos and sin hold `pairs` values.
template <typename T>
using RopeRow = void (*)(T* x, int64_t n_heads, int64_t stride, const float* cos, const float* sin,
                         int64_t pairs);

struct RopeKernels {
  std::tuple<RopeRow<float>, RopeRow<BF16>> interleaved, halves;
};
const RopeKernels& rope_kernels();

}  // namespace fathom
