// The definition of the loss in double, for tests. Shapes as in cross_entropy.h; weights and
// dlogits may be null.
#pragma once

#include <cstdint>

namespace fathom {

double cross_entropy_ref(double* losses, const double* logits, const int32_t* targets,
                         const double* weights, int64_t n, int64_t vocab);
void cross_entropy_backward_ref(double* dlogits, const double* logits, const int32_t* targets,
                                const double* weights, double scale, int64_t n, int64_t vocab);

}  // namespace fathom
