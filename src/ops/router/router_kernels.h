// Row functions of the router, one table per instruction set.
#pragma once

#include <cstdint>

namespace fathom {

struct RouterKernels {
  /// affinity = sigmoid(logits), or softmax over the row. NaN stays NaN.
  void (*sigmoid)(float* affinity, const float* logits, int64_t n);
  void (*softmax)(float* affinity, const float* logits, int64_t n);
  /// choice = affinity + bias (bias may be null), NaN replaced by -inf.
  void (*choice)(float* choice, const float* affinity, const float* bias, int64_t n);
  /// In place, from d/d affinity to d/d logits.
  void (*sigmoid_backward)(float* d, const float* affinity, int64_t n);
  void (*softmax_backward)(float* d, const float* affinity, int64_t n);
  /// With Z = sum of affinity: returns a = sum_i f_i affinity_i / Z; daffinity_i = scale * (f_i -
  /// a) / Z unless null.
  float (*balance)(float* daffinity, const float* affinity, const float* f, float scale, int64_t n);
};
const RouterKernels& router_kernels();

}  // namespace fathom
