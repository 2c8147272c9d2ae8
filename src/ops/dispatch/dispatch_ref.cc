// The definition of combine in plain double loops: forward, then backward. dispatch_backward is
// combine_forward with weights of 1.
#include "ops/dispatch/dispatch_ref.h"

namespace fathom {

void combine_forward_ref(double* y, const double* ys, const double* weights, const int32_t* slot_of,
                         int64_t n, int64_t k, int64_t dim) {
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t j = 0; j < k; ++j) {
      for (int64_t i = 0; i < dim; ++i)
        y[t * dim + i] += weights[t * k + j] * ys[slot_of[t * k + j] * dim + i];
    }
  }
}

void combine_backward_ref(double* dys, double* dweights, const double* dy, const double* ys,
                          const double* weights, const int32_t* slot_of, int64_t n, int64_t k,
                          int64_t dim) {
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t j = 0; j < k; ++j) {
      const int64_t slot = slot_of[t * k + j];
      dweights[t * k + j] = 0;
      for (int64_t i = 0; i < dim; ++i) {
        dys[slot * dim + i] = weights[t * k + j] * dy[t * dim + i];
        dweights[t * k + j] += dy[t * dim + i] * ys[slot * dim + i];
      }
    }
  }
}

}  // namespace fathom
