// The definition of combine in double, for tests: without slots, straight from (token, k).
#pragma once

#include <cstdint>

namespace fathom {

/// y[t] += sum_k weights[t, k] * ys[slot_of[t * k_per_token + k]]
void combine_forward_ref(double* y, const double* ys, const double* weights, const int32_t* slot_of,
                         int64_t n, int64_t k, int64_t dim);
void combine_backward_ref(double* dys, double* dweights, const double* dy, const double* ys,
                          const double* weights, const int32_t* slot_of, int64_t n, int64_t k,
                          int64_t dim);

}  // namespace fathom
