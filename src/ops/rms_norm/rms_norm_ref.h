// The definition of RMSNorm in double, for tests.
#pragma once

#include <cstdint>

namespace fathom {

void rms_norm_forward_ref(double* y, const double* x, const double* weight, double eps, int64_t n,
                          int64_t dim);
/// dx overwritten, dweight added to.
void rms_norm_backward_ref(double* dx, double* dweight, const double* dy, const double* x,
                           const double* weight, double eps, int64_t n, int64_t dim);

}  // namespace fathom
