// AdamW's array functions, one table per instruction set.
#pragma once

#include <cstdint>
#include <tuple>

#include "tensor/dtype.h"

namespace fathom {

/// The numbers of a step, rounded to f32 once.
struct AdamWNumbers {
  float gradient_scale, keep, beta1, one_minus_beta1, beta2, one_minus_beta2, rate,
      inverse_root_correction2, eps, ema_share;
};

/// ema may be null.
template <typename M>
using AdamWRange = void (*)(float* p, M* m, M* v, float* ema, const float* g, int64_t n,
                            const AdamWNumbers& k);

struct AdamWKernels {
  std::tuple<AdamWRange<float>, AdamWRange<BF16>> step;
  double (*sum_of_squares)(const float* x, int64_t n);
};
const AdamWKernels& adamw_kernels();

}  // namespace fathom
