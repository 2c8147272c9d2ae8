// SwiGLU's row functions on Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/swiglu/swiglu_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/isa.h"
#include "ops/simd/vector-inl.h"
#include "ops/swiglu/swiglu_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {
namespace {

/// gate up / (1 + e^-gate)
HWY_INLINE Vec32 silu_times(Vec32 gate, Vec32 up) {
  return hn::Div(hn::Mul(gate, up), hn::Add(hn::Set(F32(), 1.0f), exp(hn::Neg(gate))));
}

template <typename T>
void forward_row(T* h, const T* gate, const T* up, int64_t width) {
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) store(silu_times(load(gate + i), load(up + i)), h + i);
  if (i < width) {
    const int64_t n = width - i;
    store_tail(silu_times(load(Tail<T>(gate + i, n).x), load(Tail<T>(up + i, n).x)), h + i, n);
  }
}

/// With s = sigmoid(gate): dgate = dh up s (1 + gate (1 - s)); dup = dh gate s.
HWY_INLINE void backward_vector(Vec32& dgate, Vec32& dup, Vec32 dh, Vec32 gate, Vec32 up) {
  const Vec32 one = hn::Set(F32(), 1.0f);
  const Vec32 s = sigmoid(gate);
  dup = hn::Mul(dh, hn::Mul(gate, s));
  dgate = hn::Mul(hn::Mul(dh, up), hn::Mul(s, hn::MulAdd(gate, hn::Sub(one, s), one)));
}

template <typename T, typename D>
void backward_row(T* dgate, T* dup, const D* dh, const T* gate, const T* up, int64_t width) {
  int64_t i = 0;
  Vec32 dg, du;
  for (; i + kLanes <= width; i += kLanes) {
    backward_vector(dg, du, load(dh + i), load(gate + i), load(up + i));
    store(dg, dgate + i);
    store(du, dup + i);
  }
  if (i < width) {
    const int64_t n = width - i;
    const Tail<T> gates(gate + i, n), ups(up + i, n);
    const Tail<D> dhs(dh + i, n);
    backward_vector(dg, du, load(dhs.x), load(gates.x), load(ups.x));
    store_tail(dg, dgate + i, n);
    store_tail(du, dup + i, n);
  }
}

}  // namespace

const SwigluKernels* swiglu_table() {
  static constexpr SwigluKernels table = {{forward_row<float>, forward_row<BF16>},
                                          {backward_row<float, float>, backward_row<float, BF16>,
                                           backward_row<BF16, float>, backward_row<BF16, BF16>}};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {
HWY_EXPORT(swiglu_table);
const SwigluKernels& swiglu_kernels() {
  isa();  // limits Highway's choice before its first use
  return *HWY_DYNAMIC_DISPATCH(swiglu_table)();
}
}  // namespace fathom
#endif
