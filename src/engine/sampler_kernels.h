// Row functions of the sampler, one table per instruction set; the bits are the same in each.
#pragma once

#include <cstdint>

namespace fathom {

struct SamplerKernels {
  /// The largest; where the row holds NaN, anything.
  float (*max)(const float* x, int64_t n);
  /// weights[i] = e^((x[i] - max) * inv_temp), whose sum is returned.
  double (*weigh)(float* weights, const float* x, int64_t n, float max, float inv_temp);
  /// The first i >= begin with x[i] > bar; n where there is none.
  int64_t (*find_above)(const float* x, int64_t begin, int64_t n, float bar);
};
const SamplerKernels& sampler_kernels();

}  // namespace fathom
