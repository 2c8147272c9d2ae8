// The definition of linear in plain double loops, for tests.
#pragma once

#include <vector>

#include "tensor/view.h"

namespace fathom {

/// y[m][n] = sum_k x[m][k] w[n][k]; matrices row-major.
std::vector<double> linear_forward_ref(const std::vector<double>& x, const std::vector<double>& w, int64_t m, int64_t n, int64_t k);
/// dx[m][k] = sum_n dy[m][n] w[n][k]
std::vector<double> linear_backward_input_ref(const std::vector<double>& dy, const std::vector<double>& w, int64_t m, int64_t n, int64_t k);
/// dw[n][k] = sum_m dy[m][n] x[m][k]
std::vector<double> linear_backward_weight_ref(const std::vector<double>& dy, const std::vector<double>& x, int64_t m, int64_t n, int64_t k);

}  // namespace fathom
