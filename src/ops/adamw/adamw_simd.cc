// AdamW's array functions on Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/adamw/adamw_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/isa.h"
#include "ops/adamw/adamw_kernels.h"
#include "ops/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {
namespace {

struct Numbers {
  explicit Numbers(const AdamWNumbers& k)
      : gradient_scale(hn::Set(F32(), k.gradient_scale)),
        keep(hn::Set(F32(), k.keep)),
        beta1(hn::Set(F32(), k.beta1)),
        one_minus_beta1(hn::Set(F32(), k.one_minus_beta1)),
        beta2(hn::Set(F32(), k.beta2)),
        one_minus_beta2(hn::Set(F32(), k.one_minus_beta2)),
        rate(hn::Set(F32(), k.rate)),
        inverse_root_correction2(hn::Set(F32(), k.inverse_root_correction2)),
        eps(hn::Set(F32(), k.eps)) {}
  Vec32 gradient_scale, keep, beta1, one_minus_beta1, beta2, one_minus_beta2, rate,
      inverse_root_correction2, eps;
};

HWY_INLINE void step_vector(Vec32& p, Vec32& m, Vec32& v, Vec32 g, const Numbers& k) {
  g = hn::Mul(g, k.gradient_scale);
  m = hn::MulAdd(k.beta1, m, hn::Mul(k.one_minus_beta1, g));
  v = hn::MulAdd(k.beta2, v, hn::Mul(k.one_minus_beta2, hn::Mul(g, g)));
  const Vec32 denominator = hn::MulAdd(hn::Sqrt(v), k.inverse_root_correction2, k.eps);
  p = hn::NegMulAdd(k.rate, hn::Div(m, denominator), hn::Mul(p, k.keep));
}

template <bool kEma, typename M>
HWY_INLINE void step_full(float* p, M* m, M* v, float* ema, const float* g, const Numbers& k,
                          Vec32 ema_share) {
  Vec32 vp = load(p), vm = load(m), vv = load(v);
  step_vector(vp, vm, vv, load(g), k);
  store(vp, p);
  store(vm, m);
  store(vv, v);
  if constexpr (kEma) {
    const Vec32 e = load(ema);
    store(hn::MulAdd(ema_share, hn::Sub(vp, e), e), ema);
  }
}

template <bool kEma, typename M>
HWY_INLINE void step_pass(float* p, M* m, M* v, float* ema, const float* g, int64_t n,
                          const AdamWNumbers& numbers) {
  const Numbers k(numbers);
  const Vec32 share = hn::Set(F32(), numbers.ema_share);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    step_full<kEma>(p + i, m + i, v + i, ema + i, g + i, k, share);
  if (i < n) {  // the same on padded copies
    const int64_t rest = n - i;
    Tail<float> tp(p + i, rest), te(kEma ? ema + i : p + i, rest), tg(g + i, rest);
    Tail<M> tm(m + i, rest), tv(v + i, rest);
    step_full<kEma>(tp.x, tm.x, tv.x, te.x, tg.x, k, share);
    const size_t elements = static_cast<size_t>(rest);
    std::memcpy(p + i, tp.x, elements * sizeof(float));
    std::memcpy(m + i, tm.x, elements * sizeof(M));
    std::memcpy(v + i, tv.x, elements * sizeof(M));
    if (kEma) std::memcpy(ema + i, te.x, elements * sizeof(float));
  }
}

template <typename M>
void step_range(float* p, M* m, M* v, float* ema, const float* g, int64_t n,
                const AdamWNumbers& k) {
  if (ema != nullptr) {
    step_pass<true>(p, m, v, ema, g, n, k);
  } else {
    step_pass<false>(p, m, v, p, g, n, k);
  }
}

using F64 = hn::ScalableTag<double>;
constexpr int64_t kDoubles = hn::MaxLanes(F64());
constexpr int64_t kDoubleLanes = 32;
constexpr int64_t kDoubleSums = kDoubleLanes / kDoubles;

HWY_INLINE void add_squares(hn::Vec<F64> (&sum)[kDoubleSums], const float* x) {
  const hn::Rebind<float, F64> narrow;
#pragma GCC unroll 16
  for (int64_t j = 0; j < kDoubleSums; ++j) {
    const auto v = hn::PromoteTo(F64(), hn::LoadU(narrow, x + j * kDoubles));
    sum[j] = hn::MulAdd(v, v, sum[j]);
  }
}

/// Element i in lane i % 32; then lanes are added in halves.
double sum_of_squares_range(const float* x, int64_t n) {
  hn::Vec<F64> sum[kDoubleSums];
#pragma GCC unroll 16
  for (int64_t j = 0; j < kDoubleSums; ++j) sum[j] = hn::Zero(F64());
  int64_t i = 0;
  for (; i + kDoubleLanes <= n; i += kDoubleLanes) add_squares(sum, x + i);
  if (i < n) add_squares(sum, Tail<float, kDoubleLanes>(x + i, n - i).x);
  alignas(64) double lane[kDoubleLanes];
#pragma GCC unroll 16
  for (int64_t j = 0; j < kDoubleSums; ++j) hn::Store(sum[j], F64(), lane + j * kDoubles);
  for (int64_t half = kDoubleLanes / 2; half >= 1; half /= 2) {
    for (int64_t j = 0; j < half; ++j) lane[j] += lane[j + half];
  }
  return lane[0];
}

}  // namespace

const AdamWKernels* adamw_table() {
  static constexpr AdamWKernels table = {{step_range<float>, step_range<BF16>},
                                         sum_of_squares_range};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {
HWY_EXPORT(adamw_table);
const AdamWKernels& adamw_kernels() {
  isa();  // limits Highway's choice before its first use
  return *HWY_DYNAMIC_DISPATCH(adamw_table)();
}
}  // namespace fathom
#endif
