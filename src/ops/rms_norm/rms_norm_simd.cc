// RMSNorm's row functions on Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/rms_norm/rms_norm_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "device/isa.h"
#include "ops/rms_norm/rms_norm_kernels.h"
#include "ops/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {
namespace {

template <typename T, typename X>
float forward_row(T* y, const X* x, const float* weight, float eps, int64_t dim) {
  const float inv_rms = 1.0f / std::sqrt(dot(x, x, dim) / static_cast<float>(dim) + eps);
  const Vec32 scale = hn::Set(F32(), inv_rms);
  int64_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) {
    store(hn::Mul(hn::Mul(load(x + i), scale), load(weight + i)), y + i);
  }
  if (i < dim) {
    const int64_t n = dim - i;
    const Tail<X> xs(x + i, n);
    const Tail<float> ws(weight + i, n);
    store_tail(hn::Mul(hn::Mul(load(xs.x), scale), load(ws.x)), y + i, n);
  }
  return inv_rms;
}

/// One vector of the backward pass; dx and dweight hold what is added to on entry and the result on
/// return.
template <bool kAccumulate>
HWY_INLINE void backward_vector(Vec32& dx, Vec32& dweight, Vec32 dy, Vec32 x, Vec32 weight,
                                Vec32 inv_rms, Vec32 mean) {
  const Vec32 normed = hn::Mul(x, inv_rms);
  const Vec32 d = hn::Mul(inv_rms, hn::NegMulAdd(normed, mean, hn::Mul(dy, weight)));
  dx = kAccumulate ? hn::Add(dx, d) : d;
  dweight = hn::MulAdd(dy, normed, dweight);
}

template <bool kAccumulate, typename X>
HWY_INLINE void backward_pass(float* dx, float* dweight, const float* dy, const X* x,
                              const float* weight, Vec32 inv_rms, Vec32 mean, int64_t dim) {
  int64_t i = 0;
  Vec32 vdx = hn::Zero(F32());
  for (; i + kLanes <= dim; i += kLanes) {
    if constexpr (kAccumulate) vdx = load(dx + i);
    Vec32 vdw = load(dweight + i);
    backward_vector<kAccumulate>(vdx, vdw, load(dy + i), load(x + i), load(weight + i), inv_rms,
                                 mean);
    store(vdx, dx + i);
    store(vdw, dweight + i);
  }
  if (i < dim) {
    const int64_t n = dim - i;
    const Tail<float> dys(dy + i, n), ws(weight + i, n), dws(dweight + i, n);
    const Tail<X> xs(x + i, n);
    if constexpr (kAccumulate) vdx = load(Tail<float>(dx + i, n).x);
    Vec32 vdw = load(dws.x);
    backward_vector<kAccumulate>(vdx, vdw, load(dys.x), load(xs.x), load(ws.x), inv_rms, mean);
    store_tail(vdx, dx + i, n);
    store_tail(vdw, dweight + i, n);
  }
}

template <typename X>
void backward_row(float* dx, float* dweight, const float* dy, const X* x, const float* weight,
                  float inv_rms, bool accumulate, int64_t dim) {
  const Vec32 mean = hn::Set(F32(), dot(dy, weight, x, dim) * inv_rms / static_cast<float>(dim));
  const Vec32 scale = hn::Set(F32(), inv_rms);
  if (accumulate) {
    backward_pass<true>(dx, dweight, dy, x, weight, scale, mean, dim);
  } else {
    backward_pass<false>(dx, dweight, dy, x, weight, scale, mean, dim);
  }
}

}  // namespace

const RmsNormKernels* rms_norm_table() {
  static constexpr RmsNormKernels table = {{forward_row<float, float>, forward_row<float, BF16>,
                                            forward_row<BF16, float>, forward_row<BF16, BF16>},
                                           {backward_row<float>, backward_row<BF16>}};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {
HWY_EXPORT(rms_norm_table);
const RmsNormKernels& rms_norm_kernels() {
  isa();  // limits Highway's choice before its first use
  return *HWY_DYNAMIC_DISPATCH(rms_norm_table)();
}
}  // namespace fathom
#endif
