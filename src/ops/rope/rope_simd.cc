// Rotations on Highway. Each output is one product and one fused multiply-add.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/rope/rope_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/isa.h"
#include "ops/rope/rope_kernels.h"
#include "ops/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE Vec32 rotate_pairs(Vec32 x, Vec32 cos, Vec32 sin) {
  return hn::MulAdd(hn::Reverse2(F32(), x), sin, hn::Mul(x, cos));
}

template <typename T>
void interleaved_row(T* x, int64_t n_heads, int64_t stride, const float* cos, const float* sin,
                     int64_t pairs) {
  const int64_t dim = 2 * pairs;
  for (int64_t h = 0; h < n_heads; ++h, x += stride) {
    int64_t i = 0;
    for (; i + kLanes <= dim; i += kLanes)
      store(rotate_pairs(load(x + i), load(cos + i), load(sin + i)), x + i);
    if (i < dim) {
      const int64_t n = dim - i;
      const Tail<float> c(cos + i, n), s(sin + i, n);
      store_tail(rotate_pairs(load(Tail<T>(x + i, n).x), load(c.x), load(s.x)), x + i, n);
    }
  }
}

HWY_INLINE void rotate_halves(Vec32& a, Vec32& b, Vec32 cos, Vec32 sin) {
  const Vec32 first = hn::NegMulAdd(b, sin, hn::Mul(a, cos));
  b = hn::MulAdd(a, sin, hn::Mul(b, cos));
  a = first;
}

template <typename T>
void halves_row(T* x, int64_t n_heads, int64_t stride, const float* cos, const float* sin,
                int64_t pairs) {
  for (int64_t h = 0; h < n_heads; ++h, x += stride) {
    T* y = x + pairs;
    int64_t i = 0;
    for (; i + kLanes <= pairs; i += kLanes) {
      Vec32 a = load(x + i), b = load(y + i);
      rotate_halves(a, b, load(cos + i), load(sin + i));
      store(a, x + i);
      store(b, y + i);
    }
    if (i < pairs) {
      const int64_t n = pairs - i;
      const Tail<float> c(cos + i, n), s(sin + i, n);
      Vec32 a = load(Tail<T>(x + i, n).x), b = load(Tail<T>(y + i, n).x);
      rotate_halves(a, b, load(c.x), load(s.x));
      store_tail(a, x + i, n);
      store_tail(b, y + i, n);
    }
  }
}

}  // namespace

const RopeKernels* rope_table() {
  static constexpr RopeKernels table = {{interleaved_row<float>, interleaved_row<BF16>},
                                        {halves_row<float>, halves_row<BF16>}};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {
HWY_EXPORT(rope_table);
const RopeKernels& rope_kernels() {
  isa();  // limits Highway's choice before its first use
  return *HWY_DYNAMIC_DISPATCH(rope_table)();
}
}  // namespace fathom
#endif
