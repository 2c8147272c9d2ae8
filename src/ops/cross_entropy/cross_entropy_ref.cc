// The definition of the loss in plain double loops: forward, then backward.
#include "ops/cross_entropy/cross_entropy_ref.h"

#include <algorithm>
#include <cmath>

namespace fathom {
namespace {

double log_sum_exp(const double* logits, int64_t vocab) {
  const double max = *std::max_element(logits, logits + vocab);
  double sum = 0;
  for (int64_t v = 0; v < vocab; ++v) sum += std::exp(logits[v] - max);
  return max + std::log(sum);
}

}  // namespace

double cross_entropy_ref(double* losses, const double* logits, const int32_t* targets,
                         const double* weights, int64_t n, int64_t vocab) {
  double total = 0;
  for (int64_t i = 0; i < n; ++i, logits += vocab) {
    losses[i] = targets[i] < 0 ? 0 : log_sum_exp(logits, vocab) - logits[targets[i]];
    total += (weights != nullptr ? weights[i] : 1) * losses[i];
  }
  return total;
}

void cross_entropy_backward_ref(double* dlogits, const double* logits, const int32_t* targets,
                                const double* weights, double scale, int64_t n, int64_t vocab) {
  for (int64_t i = 0; i < n; ++i, logits += vocab, dlogits += vocab) {
    const double lse = log_sum_exp(logits, vocab),
                 c = targets[i] < 0 ? 0 : scale * (weights != nullptr ? weights[i] : 1);
    for (int64_t v = 0; v < vocab; ++v)
      dlogits[v] = c * (std::exp(logits[v] - lse) - (v == targets[i] ? 1 : 0));
  }
}

}  // namespace fathom
