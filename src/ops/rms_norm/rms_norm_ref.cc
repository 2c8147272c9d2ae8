// The definition of RMSNorm in plain double loops: forward, then backward.
#include "ops/rms_norm/rms_norm_ref.h"

#include <cmath>

namespace fathom {
namespace {

double inverse_rms(const double* x, double eps, int64_t dim) {
  double sum = 0;
  for (int64_t i = 0; i < dim; ++i) sum += x[i] * x[i];
  return 1.0 / std::sqrt(sum / static_cast<double>(dim) + eps);
}

}  // namespace

void rms_norm_forward_ref(double* y, const double* x, const double* weight, double eps, int64_t n,
                          int64_t dim) {
  for (int64_t r = 0; r < n; ++r, x += dim, y += dim) {
    const double inv = inverse_rms(x, eps, dim);
    for (int64_t i = 0; i < dim; ++i) y[i] = x[i] * inv * weight[i];
  }
}

void rms_norm_backward_ref(double* dx, double* dweight, const double* dy, const double* x,
                           const double* weight, double eps, int64_t n, int64_t dim) {
  for (int64_t r = 0; r < n; ++r, x += dim, dx += dim, dy += dim) {
    const double inv = inverse_rms(x, eps, dim);
    double mean = 0;
    for (int64_t i = 0; i < dim; ++i)
      mean += dy[i] * weight[i] * x[i] * inv / static_cast<double>(dim);
    for (int64_t i = 0; i < dim; ++i) {
      dx[i] = inv * (dy[i] * weight[i] - x[i] * inv * mean);
      dweight[i] += dy[i] * x[i] * inv;
    }
  }
}

}  // namespace fathom
