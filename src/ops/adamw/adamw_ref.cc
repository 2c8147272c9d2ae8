// The definition of an AdamW step in a plain double loop.
#include "ops/adamw/adamw_ref.h"

#include <cmath>

namespace fathom {

void adamw_step_ref(double* p, double* m, double* v, double* ema, const double* g, int64_t n,
                    const AdamWStep& s) {
  const double k = static_cast<double>(s.step);
  for (int64_t i = 0; i < n; ++i) {
    const double gi = g[i] * s.gradient_scale;
    p[i] *= 1 - s.lr * s.weight_decay;
    m[i] = s.beta1 * m[i] + (1 - s.beta1) * gi;
    v[i] = s.beta2 * v[i] + (1 - s.beta2) * gi * gi;
    p[i] -= s.lr * (m[i] / (1 - std::pow(s.beta1, k))) /
            (std::sqrt(v[i] / (1 - std::pow(s.beta2, k))) + s.eps);
    if (ema != nullptr) ema[i] = s.ema_decay * ema[i] + (1 - s.ema_decay) * p[i];
  }
}

}  // namespace fathom
