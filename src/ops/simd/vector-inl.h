// What the row kernels share, compiled once per instruction set (Highway's -inl convention: include
// inside foreach_target): loads and stores of float and BF16 as f32 vectors, tails, exp, and sums
// of products. A sum always runs in 64 lanes (element i in lane i % 64, fused multiply-add) that
// are added in halves, 64 → 32 → … → 1, so a row's bits depend on its width alone and are the same
// for AVX2 and AVX-512.
#if defined(FATHOM_OPS_SIMD_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FATHOM_OPS_SIMD_VECTOR_INL_H_
#undef FATHOM_OPS_SIMD_VECTOR_INL_H_
#else
#define FATHOM_OPS_SIMD_VECTOR_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

#include "tensor/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using U32 = hn::RebindToUnsigned<F32>;
using U16 = hn::Rebind<uint16_t, F32>;
using Vec32 = hn::Vec<F32>;

constexpr int64_t kLanes = hn::MaxLanes(F32());
constexpr int64_t kSumLanes = 64;
constexpr int64_t kSums = kSumLanes / kLanes;  // vectors that hold one sum
static_assert(kSumLanes % kLanes == 0);

// ---- float and BF16 as f32 vectors ----

HWY_INLINE Vec32 load(const float* p) { return hn::LoadU(F32(), p); }
HWY_INLINE Vec32 load(const BF16* p) {
  const auto bits = hn::LoadU(U16(), reinterpret_cast<const uint16_t*>(p));
  return hn::BitCast(F32(), hn::ShiftLeft<16>(hn::PromoteTo(U32(), bits)));
}

HWY_INLINE void store(Vec32 v, float* p) { hn::StoreU(v, F32(), p); }
/// Rounds as BF16(float) does: to nearest even, NaN stays NaN.
HWY_INLINE void store(Vec32 v, BF16* p) {
  const U32 du;
  const auto u = hn::BitCast(du, v);
  const auto upper = hn::ShiftRight<16>(u);
  const auto odd = hn::And(upper, hn::Set(du, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(u, hn::Add(odd, hn::Set(du, 0x7fff))));
  const auto nan = hn::RebindMask(du, hn::IsNaN(v));
  const auto bits = hn::IfThenElse(nan, hn::Or(upper, hn::Set(du, 0x40)), rounded);
  hn::StoreU(hn::TruncateTo(U16(), bits), U16(), reinterpret_cast<uint16_t*>(p));
}

// ---- tails: the same vector code on a padded copy ----

/// The last n < kLength elements of a row, followed by `pad`.
template <typename T, int64_t kLength = kLanes>
struct Tail {
  HWY_INLINE Tail(const T* from, int64_t n, T pad = T{}) {
    for (int64_t i = n; i < kLength; ++i) x[i] = pad;
    std::memcpy(x, from, static_cast<size_t>(n) * sizeof(T));
  }
  alignas(64) T x[kLength];
};

/// Stores the first n < kLanes lanes.
template <typename T>
HWY_INLINE void store_tail(Vec32 v, T* p, int64_t n) {
  alignas(64) T buffer[kLanes];
  store(v, buffer);
  std::memcpy(p, buffer, static_cast<size_t>(n) * sizeof(T));
}

// ---- sums ----

/// 64 lanes in registers.
struct LaneSum {
  Vec32 lane[kSums];
  HWY_INLINE LaneSum() {
#pragma GCC unroll 16
    for (int64_t j = 0; j < kSums; ++j) lane[j] = hn::Zero(F32());
  }
  HWY_INLINE float total() {
#pragma GCC unroll 16
    for (int64_t half = kSums / 2; half >= 1; half /= 2) {
#pragma GCC unroll 16
      for (int64_t j = 0; j < half; ++j) lane[j] = hn::Add(lane[j], lane[j + half]);
    }
    alignas(64) float x[kLanes];
    hn::Store(lane[0], F32(), x);
#pragma GCC unroll 16
    for (int64_t half = kLanes / 2; half >= 1; half /= 2) {
#pragma GCC unroll 16
      for (int64_t j = 0; j < half; ++j) x[j] += x[j + half];
    }
    return x[0];
  }
};

template <typename A, typename B>
HWY_INLINE void add_products(LaneSum& sum, const A* a, const B* b) {
#pragma GCC unroll 16
  for (int64_t j = 0; j < kSums; ++j) {
    sum.lane[j] = hn::MulAdd(load(a + j * kLanes), load(b + j * kLanes), sum.lane[j]);
  }
}
/// sum a[i] * b[i]
template <typename A, typename B>
HWY_INLINE float dot(const A* a, const B* b, int64_t n) {
  LaneSum sum;
  int64_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes) add_products(sum, a + i, b + i);
  if (i < n) {
    const Tail<A, kSumLanes> ta(a + i, n - i);
    const Tail<B, kSumLanes> tb(b + i, n - i);
    add_products(sum, ta.x, tb.x);
  }
  return sum.total();
}

template <typename A, typename B, typename C>
HWY_INLINE void add_products(LaneSum& sum, const A* a, const B* b, const C* c) {
#pragma GCC unroll 16
  for (int64_t j = 0; j < kSums; ++j) {
    const Vec32 ab = hn::Mul(load(a + j * kLanes), load(b + j * kLanes));
    sum.lane[j] = hn::MulAdd(ab, load(c + j * kLanes), sum.lane[j]);
  }
}
/// sum a[i] * b[i] * c[i]
template <typename A, typename B, typename C>
HWY_INLINE float dot(const A* a, const B* b, const C* c, int64_t n) {
  LaneSum sum;
  int64_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes) add_products(sum, a + i, b + i, c + i);
  if (i < n) {
    const Tail<A, kSumLanes> ta(a + i, n - i);
    const Tail<B, kSumLanes> tb(b + i, n - i);
    const Tail<C, kSumLanes> tc(c + i, n - i);
    add_products(sum, ta.x, tb.x, tc.x);
  }
  return sum.total();
}

HWY_INLINE void add_values(LaneSum& sum, const float* x) {
#pragma GCC unroll 16
  for (int64_t j = 0; j < kSums; ++j) sum.lane[j] = hn::Add(sum.lane[j], load(x + j * kLanes));
}
/// sum x[i]
HWY_INLINE float row_sum(const float* x, int64_t n) {
  LaneSum sum;
  int64_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes) add_values(sum, x + i);
  if (i < n) add_values(sum, Tail<float, kSumLanes>(x + i, n - i).x);
  return sum.total();
}

// ---- exp ----

/// x * 2^n, rounded once. n is a whole number in [-152, 129].
HWY_INLINE Vec32 scale_by_power(Vec32 x, Vec32 n) {
#if HWY_TARGET == HWY_AVX3
  return Vec32{_mm512_scalef_ps(x.raw, n.raw)};
#else
  // In two steps, the first of them exact: 2^n itself may leave the range of f32.
  const hn::RebindToSigned<F32> di;
  const auto whole = hn::ConvertTo(di, n);
  const auto half = hn::ShiftRight<1>(whole);
  const auto bias = hn::Set(di, 127);
  const Vec32 a = hn::BitCast(F32(), hn::ShiftLeft<23>(hn::Add(half, bias)));
  const Vec32 b = hn::BitCast(F32(), hn::ShiftLeft<23>(hn::Add(hn::Sub(whole, half), bias)));
  return hn::Mul(hn::Mul(x, a), b);
#endif
}

/// e^x within 1.5 ulp over all of f32, subnormal results included; 0 below, inf above; NaN stays
/// NaN. x = n ln 2 + r, |r| <= ln 2 / 2; e^r = 1 + r + r² q(r), q the minimax polynomial of degree
/// 4 (relative error 3e-9).
HWY_INLINE Vec32 exp(Vec32 x) {
  const F32 d;
  // Bounds first in Max and last in Min: x86's max(a, b) is b where either is NaN, and NaN must
  // come through.
  x = hn::Max(hn::Set(d, -105.0f), x);
  x = hn::Min(hn::Set(d, 89.0f), x);
  const Vec32 magic = hn::Set(d, 0x1.8p+23f);  // adding it rounds to a whole number
  const Vec32 n = hn::Sub(hn::MulAdd(x, hn::Set(d, 0x1.715476p+0f), magic), magic);
  // ln 2 in two parts: the first has 15 bits, so n times it is exact.
  Vec32 r = hn::NegMulAdd(n, hn::Set(d, 0x1.62e4p-1f), x);
  r = hn::NegMulAdd(n, hn::Set(d, 0x1.7f7d1cp-20f), r);
  Vec32 q = hn::MulAdd(hn::Set(d, 0x1.6a23ccp-10f), r, hn::Set(d, 0x1.123a2p-7f));
  q = hn::MulAdd(q, r, hn::Set(d, 0x1.5558f2p-5f));
  q = hn::MulAdd(q, r, hn::Set(d, 0x1.555492p-3f));
  q = hn::MulAdd(q, r, hn::Set(d, 0x1.fffffcp-2f));
  const Vec32 e = hn::Add(hn::MulAdd(q, hn::Mul(r, r), r), hn::Set(d, 1.0f));
  return scale_by_power(e, n);
}

/// 1 / (1 + e^-x)
HWY_INLINE Vec32 sigmoid(Vec32 x) {
  const Vec32 one = hn::Set(F32(), 1.0f);
  return hn::Div(one, hn::Add(one, exp(hn::Neg(x))));
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();
#endif  // FATHOM_OPS_SIMD_VECTOR_INL_H_
