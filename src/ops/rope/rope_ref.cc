// The definition of the rotation in plain double loops. The backward pass is the rotation by minus
// the angle: a rotation's transpose is its inverse (times table_scale squared where the tables are
// scaled, which is what multiplying by the same tables gives).
#include "ops/rope/rope_ref.h"

#include <cmath>

namespace fathom {

void rope_apply_ref(double* x, int64_t n, int64_t n_heads, int64_t head_dim, int64_t offset,
                    const int32_t* positions, const RopeSpec& spec, bool inverse) {
  const std::vector<double> inv_freq = rope_inv_freq(spec);
  const int64_t pairs = spec.dim / 2;
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t h = 0; h < n_heads; ++h) {
      double* head = x + (t * n_heads + h) * head_dim + offset;
      for (int64_t i = 0; i < pairs; ++i) {
        const double angle = (inverse ? -1 : 1) * positions[t] * inv_freq[i];
        const double c = std::cos(angle) * spec.table_scale, s = std::sin(angle) * spec.table_scale;
        double& a = head[spec.pairs == RopePairs::kInterleaved ? 2 * i : i];
        double& b = head[spec.pairs == RopePairs::kInterleaved ? 2 * i + 1 : i + pairs];
        const double first = a * c - b * s;
        b = b * c + a * s;
        a = first;
      }
    }
  }
}

}  // namespace fathom
