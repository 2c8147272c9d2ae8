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

HWY_INLINE void add_exp(LaneSum& sum, const float* x, Vec32 max) {
#pragma GCC unroll 16
  for (int64_t j = 0; j < kSums; ++j) {
    sum.lane[j] = hn::Add(sum.lane[j], exp(hn::Sub(load(x + j * kLanes), max)));
  }
}

/// sum e^(x[i] - max). NaN where any x is NaN, or where max is infinite.
HWY_INLINE double sum_exp(const float* x, float max, int64_t n) {
  constexpr int64_t kPiece = 4096;
  const Vec32 vmax = hn::Set(F32(), max);
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kPiece) {
    const int64_t end = std::min(n, begin + kPiece);
    LaneSum sum;
    int64_t i = begin;
    for (; i + kSumLanes <= end; i += kSumLanes) add_exp(sum, x + i, vmax);
    if (i < end) add_exp(sum, Tail<float, kSumLanes>(x + i, end - i, kMinusInfinity).x, vmax);
    total += sum.total();
  }
  return total;
}

/// y[i] = scale * e^(x[i] - max). y may be x where Y is float.
template <typename Y>
HWY_INLINE void scaled_exp(Y* y, const float* x, float max, float scale, int64_t n) {
  const Vec32 vmax = hn::Set(F32(), max), vscale = hn::Set(F32(), scale);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    store(hn::Mul(exp(hn::Sub(load(x + i), vmax)), vscale), y + i);
  if (i < n) {
    const Tail<float> xs(x + i, n - i);
    store_tail(hn::Mul(exp(hn::Sub(load(xs.x), vmax)), vscale), y + i, n - i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();
#endif  // FATHOM_OPS_SIMD_SOFTMAX_INL_H_
