// Row functions of dispatch and combine, one table per instruction set.
#pragma once

#include <cstdint>
#include <tuple>

#include "tensor/dtype.h"

namespace fathom {

/// y += sum over k, in order, of weights[k] * rows[k]; the terms are summed first (fused
/// multiply-add from 0), then added once.
template <typename T>
using CombineRow = void (*)(float* y, const T* const* rows, const float* weights, int64_t k,
                            int64_t dim);
/// dys = weight * dy; returns <dy, ys>. dys may be ys.
template <typename T>
using CombineBackwardRow = float (*)(T* dys, const float* dy, const T* ys, float weight,
                                     int64_t dim);

struct DispatchKernels {
  std::tuple<CombineRow<float>, CombineRow<BF16>> combine;
  std::tuple<CombineBackwardRow<float>, CombineBackwardRow<BF16>> combine_backward;
};
const DispatchKernels& dispatch_kernels();

}  // namespace fathom
