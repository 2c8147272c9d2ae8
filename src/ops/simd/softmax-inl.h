// The pieces of a softmax over one row, shared by the router and the loss: maximum, sum of e^(x -
// max), and the scaled result. The sum runs in 64 f32 lanes (vector-inl.h) over 4096 elements at a
// time; these partial sums are added in double, in order.
#if defined(FATHOM_OPS_SIMD_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FATHOM_OPS_SIMD_SOFTMAX_INL_H_
#undef FATHOM_OPS_SIMD_SOFTMAX_INL_H_
#else
#define FATHOM_OPS_SIMD_SOFTMAX_INL_H_
#endif

#include <algorithm>
#include <limits>

#include "ops/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

/// Largest value; whether NaN is seen is left open (sum_exp then tells).
HWY_INLINE float row_max(const float* x, int64_t n) {
  Vec32 m[4];
  for (auto& v : m) v = hn::Set(F32(), kMinusInfinity);
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int64_t j = 0; j < 4; ++j) m[j] = hn::Max(m[j], load(x + i + j * kLanes));
  }
  for (; i < n; i += kLanes) {
    m[0] = hn::Max(m[0], load(Tail<float>(x + i, std::min(kLanes, n - i), kMinusInfinity).x));
  }
  alignas(64) float lane[kLanes];
  hn::Store(hn::Max(hn::Max(m[0], m[1]), hn::Max(m[2], m[3])), F32(), lane);
  return *std::max_element(lane, lane + kLanes);
}

/// Adds 64 exponentials to the sum, and stores them where kStore.
template <bool kStore>
HWY_INLINE void add_exp(LaneSum& sum, float* e, const float* x, Vec32 max) {
#pragma GCC unroll 16
  for (int64_t j = 0; j < kSums; ++j) {
    const Vec32 v = exp(hn::Sub(load(x + j * kLanes), max));
    if constexpr (kStore) store(v, e + j * kLanes);
    sum.lane[j] = hn::Add(sum.lane[j], v);
  }
}

template <bool kStore>
HWY_INLINE double sum_exp_pass(float* e, const float* x, float max, int64_t n) {
  constexpr int64_t kPiece = 4096;
  const Vec32 vmax = hn::Set(F32(), max);
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kPiece) {
    const int64_t end = std::min(n, begin + kPiece);
    LaneSum sum;
    int64_t i = begin;
    for (; i + kSumLanes <= end; i += kSumLanes) add_exp<kStore>(sum, e + i, x + i, vmax);
    if (i < end) {
      alignas(64) float last[kSumLanes];
      add_exp<true>(sum, last, Tail<float, kSumLanes>(x + i, end - i, kMinusInfinity).x, vmax);
      if (kStore) std::memcpy(e + i, last, static_cast<size_t>(end - i) * sizeof(float));
    }
    total += sum.total();
  }
  return total;
}

/// sum e^(x[i] - max), whose terms are kept in e unless it is null; e may be x. NaN where any x is
/// NaN, or where max is infinite. The sum has the same bits either way.
HWY_INLINE double sum_exp(float* e, const float* x, float max, int64_t n) {
  return e == nullptr ? sum_exp_pass<false>(e, x, max, n) : sum_exp_pass<true>(e, x, max, n);
}

/// y[i] = scale * e[i]. y may be e where Y is float.
template <typename Y>
HWY_INLINE void scale_row(Y* y, const float* e, float scale, int64_t n) {
  const Vec32 vscale = hn::Set(F32(), scale);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(hn::Mul(load(e + i), vscale), y + i);
  if (i < n) store_tail(hn::Mul(load(Tail<float>(e + i, n - i).x), vscale), y + i, n - i);
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();
#endif  // FATHOM_OPS_SIMD_SOFTMAX_INL_H_
