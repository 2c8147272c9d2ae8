// Row functions of SwiGLU, one table per instruction set.
#pragma once

#include <cstdint>
#include <tuple>

#include "tensor/dtype.h"

namespace fathom {

/// h = silu(gate) * up, `width` of each.
template <typename T>
using SwigluForwardRow = void (*)(T* h, const T* gate, const T* up, int64_t width);
/// dgate and dup may be gate and up.
template <typename T, typename D>
using SwigluBackwardRow = void (*)(T* dgate, T* dup, const D* dh, const T* gate, const T* up,
                                   int64_t width);

struct SwigluKernels {
  std::tuple<SwigluForwardRow<float>, SwigluForwardRow<BF16>> forward;
  std::tuple<SwigluBackwardRow<float, float>, SwigluBackwardRow<float, BF16>,
             SwigluBackwardRow<BF16, float>, SwigluBackwardRow<BF16, BF16>>
      backward;
};
const SwigluKernels& swiglu_kernels();

}  // namespace fathom
