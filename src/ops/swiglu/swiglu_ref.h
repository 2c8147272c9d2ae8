// The definition of SwiGLU in double, for tests. Shapes as in swiglu.h.
#pragma once

#include <cstdint>

namespace fathom {

void swiglu_forward_ref(double* h, const double* gate_up, int64_t n, int64_t width);
void swiglu_backward_ref(double* dgate_up, const double* dh, const double* gate_up, int64_t n,
                         int64_t width);

}  // namespace fathom
