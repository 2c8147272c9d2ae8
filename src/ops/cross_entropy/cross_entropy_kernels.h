// Row functions of the loss, one table per instruction set.
#pragma once

#include <cstdint>
#include <tuple>

#include "tensor/dtype.h"

namespace fathom {

/// d[i] = scale * e^(logits[i] - max). d may be logits where D is float.
template <typename D>
using ScaledExpRow = void (*)(D* d, const float* logits, float max, float scale, int64_t vocab);

struct CrossEntropyKernels {
  float (*max)(const float* logits, int64_t vocab);
  double (*sum_exp)(const float* logits, float max, int64_t vocab);
  std::tuple<ScaledExpRow<float>, ScaledExpRow<BF16>> scaled_exp;
};
const CrossEntropyKernels& cross_entropy_kernels();

}  // namespace fathom
