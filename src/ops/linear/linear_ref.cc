#include "ops/linear/linear_ref.h"

namespace fathom {

std::vector<double> linear_forward_ref(const std::vector<double>& x, const std::vector<double>& w, int64_t m, int64_t n, int64_t k) {
  std::vector<double> y(m * n, 0.0);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t l = 0; l < k; ++l) y[i * n + j] += x[i * k + l] * w[j * k + l];
  return y;
}

std::vector<double> linear_backward_input_ref(const std::vector<double>& dy, const std::vector<double>& w, int64_t m, int64_t n,
                                              int64_t k) {
  std::vector<double> dx(m * k, 0.0);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t l = 0; l < k; ++l) dx[i * k + l] += dy[i * n + j] * w[j * k + l];
  return dx;
}

std::vector<double> linear_backward_weight_ref(const std::vector<double>& dy, const std::vector<double>& x, int64_t m, int64_t n,
                                               int64_t k) {
  std::vector<double> dw(n * k, 0.0);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t l = 0; l < k; ++l) dw[j * k + l] += dy[i * n + j] * x[i * k + l];
  return dw;
}

}  // namespace fathom
