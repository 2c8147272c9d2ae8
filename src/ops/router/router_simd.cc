// The router's row functions on Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/router/router_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <limits>

#include "device/isa.h"
#include "ops/router/router_kernels.h"
#include "ops/simd/softmax-inl.h"
#include "ops/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {
namespace {

void sigmoid_row(float* affinity, const float* logits, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(sigmoid(load(logits + i)), affinity + i);
  if (i < n) store_tail(sigmoid(load(Tail<float>(logits + i, n - i).x)), affinity + i, n - i);
}

void softmax_row(float* affinity, const float* logits, int64_t n) {
  const float max = row_max(logits, n);
  const double sum = sum_exp(affinity, logits, max, n);
  scale_row(affinity, affinity, static_cast<float>(1.0 / sum), n);
}

HWY_INLINE Vec32 finite_order(Vec32 v) {
  return hn::IfThenElse(hn::IsNaN(v), hn::Set(F32(), -std::numeric_limits<float>::infinity()), v);
}

void choice_row(float* choice, const float* affinity, const float* bias, int64_t n) {
  const Vec32 zero = hn::Zero(F32());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    store(finite_order(hn::Add(load(affinity + i), bias ? load(bias + i) : zero)), choice + i);
  }
  if (i < n) {
    const Tail<float> a(affinity + i, n - i);
    const Vec32 b = bias ? load(Tail<float>(bias + i, n - i).x) : zero;
    store_tail(finite_order(hn::Add(load(a.x), b)), choice + i, n - i);
  }
}

HWY_INLINE Vec32 sigmoid_derivative(Vec32 d, Vec32 s) {
  return hn::Mul(d, hn::Mul(s, hn::Sub(hn::Set(F32(), 1.0f), s)));
}

void sigmoid_backward_row(float* d, const float* s, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(sigmoid_derivative(load(d + i), load(s + i)), d + i);
  if (i < n) {
    const Tail<float> ds(d + i, n - i), ss(s + i, n - i);
    store_tail(sigmoid_derivative(load(ds.x), load(ss.x)), d + i, n - i);
  }
}

void softmax_backward_row(float* d, const float* s, int64_t n) {
  const Vec32 mean = hn::Set(F32(), dot(d, s, n));
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    store(hn::Mul(load(s + i), hn::Sub(load(d + i), mean)), d + i);
  if (i < n) {
    const Tail<float> ds(d + i, n - i), ss(s + i, n - i);
    store_tail(hn::Mul(load(ss.x), hn::Sub(load(ds.x), mean)), d + i, n - i);
  }
}

HWY_INLINE Vec32 balance_gradient(Vec32 f, Vec32 mean, Vec32 scale) {
  return hn::Mul(hn::Sub(f, mean), scale);
}

float balance_row(float* daffinity, const float* affinity, const float* f, float scale, int64_t n) {
  const float total = row_sum(affinity, n);
  const float mean = dot(affinity, f, n) / total;
  if (daffinity == nullptr) return mean;
  const Vec32 m = hn::Set(F32(), mean), c = hn::Set(F32(), scale / total);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(balance_gradient(load(f + i), m, c), daffinity + i);
  if (i < n) {
    store_tail(balance_gradient(load(Tail<float>(f + i, n - i).x), m, c), daffinity + i, n - i);
  }
  return mean;
}

}  // namespace

const RouterKernels* router_table() {
  static constexpr RouterKernels table = {sigmoid_row,          softmax_row,          choice_row,
                                          sigmoid_backward_row, softmax_backward_row, balance_row};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {
HWY_EXPORT(router_table);
const RouterKernels& router_kernels() {
  isa();  // limits Highway's choice before its first use
  return *HWY_DYNAMIC_DISPATCH(router_table)();
}
}  // namespace fathom
#endif
