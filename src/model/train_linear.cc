#include "model/train_linear.h"

#include "model/convert.h"

namespace fathom {
namespace {

template <typename T>
View<const T> column_tiles(View<const T> m, const LayerContext& c) {
  if (!c.fp8_activations) return m;
  const View<T> y = c.arena.take<T>({m.dim(0), m.dim(1)});
  fp8_round_trip_columns(y, m);
  return y;
}

}  // namespace

template <typename T, typename Y>
void linear_backward(View<Y> dx, Store store, View<float> dw, View<const T> dy, View<const T> x, const Weight& w,
                     const LayerContext& c) {
  linear_backward_input<T, Y>(dx, linear_input<T>(dy, c), w, store);
  linear_backward_weight<T>(dw, column_tiles<T>(dy, c), column_tiles<T>(x, c));
}

template void linear_backward(View<float>, Store, View<float>, View<const float>, View<const float>, const Weight&, const LayerContext&);
template void linear_backward(View<float>, Store, View<float>, View<const BF16>, View<const BF16>, const Weight&, const LayerContext&);
template void linear_backward(View<BF16>, Store, View<float>, View<const BF16>, View<const BF16>, const Weight&, const LayerContext&);

}  // namespace fathom
