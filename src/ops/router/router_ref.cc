// The definition of the router in plain double loops: whole sorts, no shortcuts.
#include "ops/router/router_ref.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace fathom {
namespace {

constexpr double kMinusInfinityF64 = -std::numeric_limits<double>::infinity();

/// Indices of x, largest value first, the lower index first among equals.
std::vector<int32_t> descending(const std::vector<double>& x) {
  std::vector<int32_t> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return x[a] > x[b]; });
  return order;
}

void affinity_row(double* s, const double* logits, const RouterSpec& spec) {
  const int64_t n = spec.n_routed_experts;
  if (spec.scoring == RouterScoring::kSigmoid) {
    for (int64_t e = 0; e < n; ++e) s[e] = 1 / (1 + std::exp(-logits[e]));
    return;
  }
  const double max = *std::max_element(logits, logits + n);
  double sum = 0;
  for (int64_t e = 0; e < n; ++e) sum += s[e] = std::exp(logits[e] - max);
  for (int64_t e = 0; e < n; ++e) s[e] /= sum;
}

void weights_row(double* weights, const double* s, const int32_t* ids, const RouterSpec& spec) {
  const int64_t k = spec.num_experts_per_tok;
  const bool softmax = spec.scoring == RouterScoring::kSoftmax,
             noaux = spec.topk == RouterTopk::kNoauxTc;
  const bool normalize = spec.norm_topk_prob && (!softmax || (!noaux && k > 1));
  double sum = 0;
  for (int64_t j = 0; j < k; ++j) sum += s[ids[j]];
  for (int64_t j = 0; j < k; ++j) {
    weights[j] = normalize ? s[ids[j]] / (sum + 1e-20) : s[ids[j]];
    if (!(softmax && normalize)) weights[j] *= spec.routed_scaling_factor;
  }
}

std::vector<int32_t> choose(std::vector<double> choice, const RouterSpec& spec) {
  if (spec.topk != RouterTopk::kGreedy) {
    const int64_t size = spec.n_routed_experts / spec.n_group;
    std::vector<double> score(spec.n_group);
    for (int64_t g = 0; g < spec.n_group; ++g) {
      std::vector<double> group(choice.begin() + g * size, choice.begin() + (g + 1) * size);
      std::sort(group.rbegin(), group.rend());
      score[g] = group[0] + (spec.topk == RouterTopk::kNoauxTc && size > 1 ? group[1] : 0);
    }
    const auto order = descending(score);
    for (int64_t j = spec.topk_group; j < spec.n_group; ++j) {
      std::fill_n(choice.begin() + order[j] * size, size, kMinusInfinityF64);
    }
  }
  auto ids = descending(choice);
  ids.resize(spec.num_experts_per_tok);
  return ids;
}

}  // namespace

RouterRef router_forward_ref(const double* logits, const double* bias, int64_t n_tokens,
                             const RouterSpec& spec) {
  const int64_t n = spec.n_routed_experts, k = spec.num_experts_per_tok;
  RouterRef out;
  out.weights.resize(n_tokens * k);
  out.affinity.resize(n_tokens * n);
  for (int64_t t = 0; t < n_tokens; ++t) {
    double* s = &out.affinity[t * n];
    affinity_row(s, logits + t * n, spec);
    std::vector<double> choice(s, s + n);
    if (bias != nullptr && spec.topk == RouterTopk::kNoauxTc) {
      for (int64_t e = 0; e < n; ++e) choice[e] += bias[e];
    }
    const auto ids = choose(choice, spec);
    weights_row(&out.weights[t * k], s, ids.data(), spec);
    out.expert_ids.insert(out.expert_ids.end(), ids.begin(), ids.end());
  }
  return out;
}

void router_weights_ref(double* weights, double* affinity, const double* logits,
                        const int32_t* expert_ids, int64_t n_tokens, const RouterSpec& spec) {
  const int64_t n = spec.n_routed_experts, k = spec.num_experts_per_tok;
  for (int64_t t = 0; t < n_tokens; ++t) {
    affinity_row(affinity + t * n, logits + t * n, spec);
    weights_row(weights + t * k, affinity + t * n, expert_ids + t * k, spec);
  }
}

void router_backward_ref(double* dlogits, const double* dweights, const double* daffinity,
                         const double* logits, const int32_t* expert_ids, int64_t n_tokens,
                         const RouterSpec& spec) {
  const int64_t n = spec.n_routed_experts, k = spec.num_experts_per_tok;
  const bool softmax = spec.scoring == RouterScoring::kSoftmax,
             noaux = spec.topk == RouterTopk::kNoauxTc;
  const bool normalize = spec.norm_topk_prob && (!softmax || (!noaux && k > 1));
  const double factor = softmax && normalize ? 1.0 : spec.routed_scaling_factor;
  std::vector<double> s(n), d(n);
  for (int64_t t = 0; t < n_tokens; ++t) {
    affinity_row(s.data(), logits + t * n, spec);
    for (int64_t e = 0; e < n; ++e) d[e] = daffinity != nullptr ? daffinity[t * n + e] : 0.0;
    const int32_t* ids = expert_ids + t * k;
    double sum = 1e-20;
    for (int64_t j = 0; j < k; ++j) sum += s[ids[j]];
    for (int64_t i = 0; i < k; ++i) {
      for (int64_t j = 0; j < k; ++j) {  // d weight_j / d s_i
        const double own = i == j ? 1.0 : 0.0;
        const double derivative = normalize ? (own - s[ids[j]] / sum) / sum : own;
        d[ids[i]] += dweights[t * k + j] * factor * derivative;
      }
    }
    double mean = 0;
    for (int64_t e = 0; e < n; ++e) mean += d[e] * s[e];
    for (int64_t e = 0; e < n; ++e)
      dlogits[t * n + e] = s[e] * (softmax ? d[e] - mean : d[e] * (1 - s[e]));
  }
}

double balance_loss_ref(const double* affinity, const int32_t* expert_ids, int64_t n_tokens,
                        int64_t n_sequences, const RouterSpec& spec) {
  const int64_t n = spec.n_routed_experts, k = spec.num_experts_per_tok,
                length = n_tokens / n_sequences;
  double loss = 0;
  for (int64_t q = 0; q < n_sequences; ++q) {
    std::vector<double> f(n, 0.0), p(n, 0.0);
    for (int64_t t = q * length; t < (q + 1) * length; ++t) {
      double sum = 0;
      for (int64_t e = 0; e < n; ++e) sum += affinity[t * n + e];
      for (int64_t e = 0; e < n; ++e)
        p[e] += affinity[t * n + e] / sum / static_cast<double>(length);
      for (int64_t j = 0; j < k; ++j)
        f[expert_ids[t * k + j]] += static_cast<double>(n) / static_cast<double>(k * length);
    }
    for (int64_t e = 0; e < n; ++e) loss += f[e] * p[e] / static_cast<double>(n_sequences);
  }
  return loss;
}

}  // namespace fathom
