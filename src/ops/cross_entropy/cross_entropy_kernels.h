// Row functions of the loss, one table per instruction set.
#pragma once

#include <cstdint>
#include <tuple>

#include "tensor/dtype.h"

namespace fathom {

/// d[i] = scale * e[i]. d may be e where D is float.
template <typename D>
using ScaleRow = void (*)(D* d, const float* e, float scale, int64_t vocab);

struct CrossEntropyKernels {
  float (*max)(const float* logits, int64_t vocab);
  /// Sum of e^(logit - max); the terms are kept in e (which may be logits) unless it is null.
  double (*sum_exp)(float* e, const float* logits, float max, int64_t vocab);
  std::tuple<ScaleRow<float>, ScaleRow<BF16>> scale;
};
const CrossEntropyKernels& cross_entropy_kernels();

}  // namespace fathom
