// The definition of SwiGLU in plain double loops: forward, then backward.
#include "ops/swiglu/swiglu_ref.h"

#include <cmath>

namespace fathom {

void swiglu_forward_ref(double* h, const double* gate_up, int64_t n, int64_t width) {
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t i = 0; i < width; ++i) {
      const double gate = gate_up[r * 2 * width + i], up = gate_up[r * 2 * width + width + i];
      h[r * width + i] = gate / (1 + std::exp(-gate)) * up;
    }
  }
}

void swiglu_backward_ref(double* dgate_up, const double* dh, const double* gate_up, int64_t n,
                         int64_t width) {
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t i = 0; i < width; ++i) {
      const int64_t g = r * 2 * width + i, u = g + width;
      const double gate = gate_up[g], up = gate_up[u], d = dh[r * width + i];
      const double s = 1 / (1 + std::exp(-gate));
      dgate_up[g] = d * up * (s + gate * s * (1 - s));
      dgate_up[u] = d * gate * s;
    }
  }
}

}  // namespace fathom
