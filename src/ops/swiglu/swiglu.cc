// Checks and sharing among threads.
#include "ops/swiglu/swiglu.h"

#include "base/threads.h"
#include "ops/row_grain.h"
#include "ops/swiglu/swiglu_kernels.h"

namespace fathom {

template <typename T>
void swiglu_forward(View<T> h, View<const T> gate_up) {
  const int64_t n = h.dim(0), width = h.dim(1);
  FATHOM_CHECK(h.rank() == 2 && gate_up.rank() == 2 && gate_up.dim(0) == n &&
               gate_up.dim(1) == 2 * width);
  const auto row = std::get<SwigluForwardRow<T>>(swiglu_kernels().forward);
  parallel_ranges(n, row_grain(3 * width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      row(h.row(i), gate_up.row(i), gate_up.row(i) + width, width);
  });
}

template <typename T, typename D>
void swiglu_backward(View<T> dgate_up, View<const D> dh, View<const T> gate_up) {
  const int64_t n = dh.dim(0), width = dh.dim(1);
  FATHOM_CHECK(dh.rank() == 2 && gate_up.rank() == 2 && gate_up.dim(0) == n &&
               gate_up.dim(1) == 2 * width);
  FATHOM_CHECK(dgate_up.rank() == 2 && dgate_up.dim(0) == n && dgate_up.dim(1) == 2 * width);
  const auto row = std::get<SwigluBackwardRow<T, D>>(swiglu_kernels().backward);
  parallel_ranges(n, row_grain(5 * width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* d = dgate_up.row(i);
      const T* x = gate_up.row(i);
      row(d, d + width, dh.row(i), x, x + width, width);
    }
  });
}

template void swiglu_forward(View<float>, View<const float>);
template void swiglu_forward(View<BF16>, View<const BF16>);
template void swiglu_backward(View<float>, View<const float>, View<const float>);
template void swiglu_backward(View<float>, View<const BF16>, View<const float>);
template void swiglu_backward(View<BF16>, View<const float>, View<const BF16>);
template void swiglu_backward(View<BF16>, View<const BF16>, View<const BF16>);

}  // namespace fathom
