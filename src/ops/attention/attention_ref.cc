#include "ops/attention/attention_ref.h"

#include <algorithm>
#include <cmath>

namespace fathom {

std::vector<double> attention_forward_ref(const std::vector<double>& q, const std::vector<double>& k, const std::vector<double>& v,
                                          const AttentionRefShape& s) {
  std::vector<double> out(s.n * s.n_heads * s.v_dim, 0.0);
  for (int64_t i = 0; i < s.n; ++i) {
    for (int64_t h = 0; h < s.n_heads; ++h) {
      const int64_t kv = h / (s.n_heads / s.n_kv_heads), begin = s.first_visible.empty() ? 0 : s.first_visible[i];
      std::vector<double> score(i + 1, 0.0);
      double top = -1e300, sum = 0;
      for (int64_t j = begin; j <= i; ++j) {
        for (int64_t d = 0; d < s.qk_dim; ++d) {
          score[j] += s.scale * q[(i * s.n_heads + h) * s.qk_dim + d] * k[(j * s.n_kv_heads + kv) * s.qk_dim + d];
        }
        top = std::max(top, score[j]);
      }
      for (int64_t j = begin; j <= i; ++j) sum += score[j] = std::exp(score[j] - top);
      for (int64_t j = begin; j <= i; ++j) {
        for (int64_t d = 0; d < s.v_dim; ++d) {
          out[(i * s.n_heads + h) * s.v_dim + d] += score[j] / sum * v[(j * s.n_kv_heads + kv) * s.v_dim + d];
        }
      }
    }
  }
  return out;
}

}  // namespace fathom
