// Row functions of dispatch and combine on Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/dispatch/dispatch_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/isa.h"
#include "ops/dispatch/dispatch_kernels.h"
#include "ops/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {
namespace {

template <typename T>
void combine_row(float* y, const T* const* rows, const float* weights, int64_t k, int64_t dim) {
  constexpr int64_t kAtOnce = 4;  // vectors, so that the chains over k overlap
  int64_t i = 0;
  for (; i + kAtOnce * kLanes <= dim; i += kAtOnce * kLanes) {
    Vec32 sum[kAtOnce] = {hn::Zero(F32()), hn::Zero(F32()), hn::Zero(F32()), hn::Zero(F32())};
    for (int64_t j = 0; j < k; ++j) {
      const Vec32 weight = hn::Set(F32(), weights[j]);
#pragma GCC unroll 4
      for (int64_t v = 0; v < kAtOnce; ++v)
        sum[v] = hn::MulAdd(weight, load(rows[j] + i + v * kLanes), sum[v]);
    }
#pragma GCC unroll 4
    for (int64_t v = 0; v < kAtOnce; ++v)
      store(hn::Add(load(y + i + v * kLanes), sum[v]), y + i + v * kLanes);
  }
  for (; i < dim; i += kLanes) {
    const int64_t n = HWY_MIN(kLanes, dim - i);
    Vec32 sum = hn::Zero(F32());
    for (int64_t j = 0; j < k; ++j) {
      sum = hn::MulAdd(hn::Set(F32(), weights[j]), load(Tail<T>(rows[j] + i, n).x), sum);
    }
    store_tail(hn::Add(load(Tail<float>(y + i, n).x), sum), y + i, n);
  }
}

template <typename T>
float combine_backward_row(T* dys, const float* dy, const T* ys, float weight, int64_t dim) {
  const Vec32 w = hn::Set(F32(), weight);
  LaneSum sum;
  int64_t i = 0;
  for (; i + kSumLanes <= dim; i += kSumLanes) {
    add_products(sum, dy + i, ys + i);
#pragma GCC unroll 16
    for (int64_t j = i; j < i + kSumLanes; j += kLanes) store(hn::Mul(w, load(dy + j)), dys + j);
  }
  if (i < dim) {
    const Tail<float, kSumLanes> d(dy + i, dim - i);
    add_products(sum, d.x, Tail<T, kSumLanes>(ys + i, dim - i).x);
    alignas(64) T scaled[kSumLanes];
    for (int64_t j = 0; j < kSumLanes; j += kLanes) store(hn::Mul(w, load(d.x + j)), scaled + j);
    std::memcpy(dys + i, scaled, static_cast<size_t>(dim - i) * sizeof(T));
  }
  return sum.total();
}

}  // namespace

const DispatchKernels* dispatch_table() {
  static constexpr DispatchKernels table = {
      {combine_row<float>, combine_row<BF16>},
      {combine_backward_row<float>, combine_backward_row<BF16>}};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {
HWY_EXPORT(dispatch_table);
const DispatchKernels& dispatch_kernels() {
  isa();  // limits Highway's choice before its first use
  return *HWY_DYNAMIC_DISPATCH(dispatch_table)();
}
}  // namespace fathom
#endif
