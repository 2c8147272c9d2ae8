// One row at a time: maximum, sum of exponentials, log-probability, gradient. A row of logits stays
// in the second-level cache between these passes, so memory sees one read and one write.
#include "ops/cross_entropy/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/threads.h"
#include "ops/cross_entropy/cross_entropy_kernels.h"
#include "ops/row_grain.h"

namespace fathom {
namespace {

struct RowSums {
  float max;
  double sum;  // of e^(logit - max)
};

/// The exponentials are kept in e unless it is null.
RowSums row_sums(float* e, const float* logits, int64_t vocab) {
  const auto& kernels = cross_entropy_kernels();
  const float max = kernels.max(logits, vocab);
  return {max, kernels.sum_exp(e, logits, max, vocab)};
}

/// The one place where a log-probability is made.
float log_probability(float logit, const RowSums& row) {
  return static_cast<float>(static_cast<double>(logit) - static_cast<double>(row.max) -
                            std::log(row.sum));
}

/// d = scale * (softmax - onehot), from the row's exponentials.
template <typename D>
void gradient_row(D* d, const float* e, int64_t vocab, int32_t target, float logp, double sum,
                  double scale) {
  std::get<ScaleRow<D>>(cross_entropy_kernels().scale)(d, e, static_cast<float>(scale / sum),
                                                       vocab);
  // p - 1 without cancellation
  d[target] = from_f32<D>(static_cast<float>(scale * std::expm1(static_cast<double>(logp))));
}

}  // namespace

float log_softmax_at(const float* logits, int64_t vocab, int32_t id) {
  FATHOM_CHECK(id >= 0 && id < vocab);
  return log_probability(logits[id], row_sums(nullptr, logits, vocab));
}

void keep_sampling_set(float* logits, int64_t vocab, std::span<const int32_t> set) {
  if (set.empty()) return;
  std::vector<float> kept;
  for (const int32_t id : set) {
    FATHOM_CHECK(id >= 0 && id < vocab);
    kept.push_back(logits[id]);
  }
  std::fill_n(logits, vocab, -std::numeric_limits<float>::infinity());
  for (size_t i = 0; i < set.size(); ++i) logits[set[i]] = kept[i];
}

template <typename D>
double cross_entropy(View<D> dlogits, View<float> losses, View<const float> logits,
                     View<const int32_t> targets, View<const float> weights, float scale) {
  const int64_t n = logits.dim(0), vocab = logits.dim(1);
  FATHOM_CHECK(logits.rank() == 2 && targets.size() == n);
  FATHOM_CHECK(dlogits.empty() ||
               (dlogits.rank() == 2 && dlogits.dim(0) == n && dlogits.dim(1) == vocab));
  FATHOM_CHECK((losses.empty() || losses.size() == n) && (weights.empty() || weights.size() == n));
  std::vector<float> own_losses(losses.empty() ? static_cast<size_t>(n) : 0);
  float* loss = losses.empty() ? own_losses.data() : losses.data();
  // Exponentials wait for their sum: in dlogits where they fit, else in a row of each thread.
  constexpr bool kInPlace = std::is_same_v<D, float>;
  Tensor<float> scratch;
  if (!kInPlace && !dlogits.empty()) scratch = Tensor<float>({num_threads(), vocab});
  const auto exponentials = [&](int64_t i) -> float* {
    if (dlogits.empty()) return nullptr;
    if constexpr (kInPlace) return dlogits.row(i);
    return scratch.view().row(thread_idx());
  };
  parallel_ranges(n, row_grain(4 * vocab), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int32_t target = targets[i];
      FATHOM_CHECK(target < vocab);
      if (target < 0) {
        loss[i] = 0;
        if (!dlogits.empty()) std::fill_n(dlogits.row(i), vocab, D(0.0f));
        continue;
      }
      const float logit = logits.row(i)[target];  // dlogits may be logits
      float* e = exponentials(i);
      const RowSums row = row_sums(e, logits.row(i), vocab);
      const float logp = log_probability(logit, row);
      loss[i] = -logp;
      if (dlogits.empty()) continue;
      const double weight = weights.empty() ? 1.0 : weights[i];
      gradient_row(dlogits.row(i), e, vocab, target, logp, row.sum, scale * weight);
    }
  });
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += weights.empty() ? loss[i] : static_cast<double>(weights[i]) * loss[i];
  return sum;
}

template double cross_entropy(View<float>, View<float>, View<const float>, View<const int32_t>,
                              View<const float>, float);
template double cross_entropy(View<BF16>, View<float>, View<const float>, View<const int32_t>,
                              View<const float>, float);

}  // namespace fathom
