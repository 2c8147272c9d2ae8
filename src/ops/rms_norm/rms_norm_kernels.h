// Row functions of RMSNorm, one table per instruction set.
#pragma once

#include <cstdint>
#include <tuple>

#include "tensor/dtype.h"

namespace fathom {

/// y = x * inv_rms * weight; returns inv_rms = 1 / sqrt(mean(x²) + eps). y may be x.
template <typename T, typename X>
using RmsNormForwardRow = float (*)(T* y, const X* x, const float* weight, float eps, int64_t dim);

/// With n = x * inv_rms and g = dy * weight: dx = inv_rms * (g - n * mean(g n)), overwritten or
/// added; dweight += dy * n. dx may be dy.
template <typename X>
using RmsNormBackwardRow = void (*)(float* dx, float* dweight, const float* dy, const X* x,
                                    const float* weight, float inv_rms, bool accumulate,
                                    int64_t dim);

struct RmsNormKernels {
  std::tuple<RmsNormForwardRow<float, float>, RmsNormForwardRow<float, BF16>,
             RmsNormForwardRow<BF16, float>, RmsNormForwardRow<BF16, BF16>>
      forward;
  std::tuple<RmsNormBackwardRow<float>, RmsNormBackwardRow<BF16>> backward;
};
const RmsNormKernels& rms_norm_kernels();

}  // namespace fathom
