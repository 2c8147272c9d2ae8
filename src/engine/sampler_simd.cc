// The sampler's row functions on Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/sampler_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/isa.h"
#include "engine/sampler_kernels.h"
#include "ops/simd/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {

HWY_INLINE void weigh_64(LaneSum& sum, float* weights, const float* x, Vec32 max, Vec32 inv_temp) {
#pragma GCC unroll 16
  for (int64_t j = 0; j < kSums; ++j) {
    const Vec32 w = exp(hn::Mul(hn::Sub(load(x + j * kLanes), max), inv_temp));
    store(w, weights + j * kLanes);
    sum.lane[j] = hn::Add(sum.lane[j], w);
  }
}

double weigh(float* weights, const float* x, int64_t n, float max, float inv_temp) {
  const Vec32 vmax = hn::Set(F32(), max), vinv = hn::Set(F32(), inv_temp);
  LaneSum sum;
  int64_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes) weigh_64(sum, weights + i, x + i, vmax, vinv);
  if (i < n) {
    const Tail<float, kSumLanes> tail(x + i, n - i, kMinusInfinity);
    alignas(64) float padded[kSumLanes];
    weigh_64(sum, padded, tail.x, vmax, vinv);
    std::memcpy(weights + i, padded, static_cast<size_t>(n - i) * sizeof(float));
  }
  return sum.total();
}

int64_t find_above(const float* x, int64_t begin, int64_t n, float bar) {
  const Vec32 vbar = hn::Set(F32(), bar);
  int64_t i = begin;
  for (; i + kLanes <= n; i += kLanes) {
    const intptr_t first = hn::FindFirstTrue(F32(), hn::Gt(load(x + i), vbar));
    if (first >= 0) return i + first;
  }
  while (i < n && !(x[i] > bar)) ++i;
  return i;
}

const SamplerKernels* sampler_table() {
  static constexpr SamplerKernels table = {row_max, weigh, find_above};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {
HWY_EXPORT(sampler_table);
const SamplerKernels& sampler_kernels() {
  isa();  // limits Highway's choice before its first use
  return *HWY_DYNAMIC_DISPATCH(sampler_table)();
}
}  // namespace fathom
#endif
