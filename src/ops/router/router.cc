// Choosing experts row by row; affinities and gradients by row kernels. A row depends on its logits
// and the bias alone.
#include "ops/router/router.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/threads.h"
#include "ops/router/router_kernels.h"
#include "ops/row_grain.h"

namespace fathom {
namespace {

constexpr int64_t kMaxChosen = 64;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

/// The `capacity` largest of the values offered, largest first; of equals the one offered first.
class Largest {
 public:
  explicit Largest(int64_t capacity) : capacity_(capacity) {}
  void offer(float value, int32_t id) {
    if (size_ == capacity_ && value <= values_[size_ - 1]) return;
    int64_t at = size_ < capacity_ ? size_++ : size_ - 1;
    for (; at > 0 && value > values_[at - 1]; --at) {
      values_[at] = values_[at - 1];
      ids_[at] = ids_[at - 1];
    }
    values_[at] = value;
    ids_[at] = id;
  }
  int32_t* ids() { return ids_; }

 private:
  const int64_t capacity_;
  int64_t size_ = 0;
  float values_[kMaxChosen];
  int32_t ids_[kMaxChosen];
};

float maximum(const float* x, int64_t n) { return *std::max_element(x, x + n); }

float two_largest(const float* x, int64_t n) {
  if (n == 1) return x[0];
  float first = kMinusInfinity, second = kMinusInfinity;
  for (int64_t i = 0; i < n; ++i) {
    second = std::max(second, std::min(first, x[i]));
    first = std::max(first, x[i]);
  }
  const float sum = first + second;
  return sum == sum ? sum : kMinusInfinity;  // inf - inf
}

/// Offers the experts of the topk_group best groups, in the order of their ids.
void offer_best_groups(Largest& best, const float* choice, const RouterSpec& spec) {
  const int64_t group_size = spec.n_routed_experts / spec.n_group;
  const auto score = spec.topk == RouterTopk::kNoauxTc ? two_largest : maximum;
  Largest groups(spec.topk_group);
  for (int64_t g = 0; g < spec.n_group; ++g) {
    groups.offer(score(choice + g * group_size, group_size), static_cast<int32_t>(g));
  }
  std::sort(groups.ids(), groups.ids() + spec.topk_group);
  for (int64_t j = 0; j < spec.topk_group; ++j) {
    const int64_t begin = groups.ids()[j] * group_size;
    for (int64_t e = begin; e < begin + group_size; ++e)
      best.offer(choice[e], static_cast<int32_t>(e));
  }
}

/// `choice` is free of NaN, so there are always enough candidates and an order among them.
void choose(int32_t* ids, const float* choice, const RouterSpec& spec) {
  Largest best(spec.num_experts_per_tok);
  if (spec.topk == RouterTopk::kGreedy || spec.n_group == spec.topk_group) {
    for (int64_t e = 0; e < spec.n_routed_experts; ++e)
      best.offer(choice[e], static_cast<int32_t>(e));
  } else {
    offer_best_groups(best, choice, spec);
  }
  std::copy_n(best.ids(), spec.num_experts_per_tok, ids);
}

/// How affinities of the chosen become weights: router.h says where this comes from.
struct Weighting {
  bool normalize;
  float factor;
};
Weighting weighting(const RouterSpec& spec) {
  if (spec.scoring == RouterScoring::kSigmoid)
    return {spec.norm_topk_prob, spec.routed_scaling_factor};
  if (spec.topk != RouterTopk::kNoauxTc && spec.norm_topk_prob && spec.num_experts_per_tok > 1)
    return {true, 1.0f};
  return {false, spec.routed_scaling_factor};
}

/// factor, or factor over the sum of the chosen affinities.
float weight_scale(const float* affinity, const int32_t* ids, int64_t k, const Weighting& w) {
  if (!w.normalize) return w.factor;
  float sum = 0;
  for (int64_t j = 0; j < k; ++j) sum += affinity[ids[j]];
  return w.factor / (sum + 1e-20f);
}

void check_spec(const RouterSpec& spec) {
  FATHOM_CHECK(spec.num_experts_per_tok >= 1 && spec.num_experts_per_tok <= kMaxChosen);
  FATHOM_CHECK(spec.num_experts_per_tok <= spec.n_routed_experts);
  if (spec.topk == RouterTopk::kGreedy) return;
  FATHOM_CHECK(spec.n_group >= 1 && spec.n_routed_experts % spec.n_group == 0);
  FATHOM_CHECK(spec.topk_group >= 1 && spec.topk_group <= std::min(spec.n_group, kMaxChosen));
  FATHOM_CHECK(spec.topk_group * (spec.n_routed_experts / spec.n_group) >=
               spec.num_experts_per_tok);
}

template <typename T>
bool has_shape(View<T> v, int64_t rows, int64_t columns) {
  return v.rank() == 2 && v.dim(0) == rows && v.dim(1) == columns;
}

}  // namespace

void router_forward(RouterOut out, View<const float> logits,
                    View<const float> e_score_correction_bias, const RouterSpec& spec,
                    View<const int32_t> given) {
  check_spec(spec);
  const int64_t n = logits.dim(0), n_experts = spec.n_routed_experts, k = spec.num_experts_per_tok;
  FATHOM_CHECK(has_shape(logits, n, n_experts) && has_shape(out.affinity, n, n_experts));
  FATHOM_CHECK(has_shape(out.expert_ids, n, k) && has_shape(out.weights, n, k));
  FATHOM_CHECK(e_score_correction_bias.empty() || e_score_correction_bias.size() == n_experts);
  FATHOM_CHECK(given.empty() || has_shape(given, n, k));
  const RouterKernels& kernels = router_kernels();
  const auto score = spec.scoring == RouterScoring::kSigmoid ? kernels.sigmoid : kernels.softmax;
  const float* bias = spec.topk == RouterTopk::kNoauxTc ? e_score_correction_bias.data() : nullptr;
  const Weighting w = weighting(spec);
  parallel_ranges(n, row_grain(16 * n_experts), [&](int64_t begin, int64_t end) {
    std::vector<float> choice(static_cast<size_t>(n_experts));
    for (int64_t t = begin; t < end; ++t) {
      float* affinity = out.affinity.row(t);
      int32_t* ids = out.expert_ids.row(t);
      score(affinity, logits.row(t), n_experts);
      if (!given.empty() && given.row(t)[0] >= 0) {
        std::copy_n(given.row(t), k, ids);
      } else {
        kernels.choice(choice.data(), affinity, bias, n_experts);
        choose(ids, choice.data(), spec);
      }
      const float scale = weight_scale(affinity, ids, k, w);
      for (int64_t j = 0; j < k; ++j) out.weights.row(t)[j] = affinity[ids[j]] * scale;
    }
  });
}

void router_backward(View<float> dlogits, View<const float> dweights, View<const float> daffinity,
                     const RouterOut& saved, const RouterSpec& spec) {
  check_spec(spec);
  const int64_t n = dlogits.dim(0), n_experts = spec.n_routed_experts, k = spec.num_experts_per_tok;
  FATHOM_CHECK(has_shape(dlogits, n, n_experts) && has_shape(saved.affinity, n, n_experts));
  FATHOM_CHECK(has_shape(dweights, n, k) && has_shape(saved.expert_ids, n, k));
  FATHOM_CHECK(daffinity.empty() || has_shape(daffinity, n, n_experts));
  const RouterKernels& kernels = router_kernels();
  const auto through_score =
      spec.scoring == RouterScoring::kSigmoid ? kernels.sigmoid_backward : kernels.softmax_backward;
  const Weighting w = weighting(spec);
  parallel_ranges(n, row_grain(4 * n_experts), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const float* affinity = saved.affinity.row(t);
      const int32_t* ids = saved.expert_ids.row(t);
      const float* dweight = dweights.row(t);
      float* d = dlogits.row(t);
      if (daffinity.empty()) {
        std::fill_n(d, n_experts, 0.0f);
      } else {
        std::copy_n(daffinity.row(t), n_experts, d);
      }
      // weight_j = scale s_j, scale = factor / sum: a chosen s moves its own weight and, through
      // the sum, all of them.
      const float scale = weight_scale(affinity, ids, k, w);
      float mean = 0;
      if (w.normalize) {
        for (int64_t j = 0; j < k; ++j) mean += dweight[j] * affinity[ids[j]] * (scale / w.factor);
      }
      for (int64_t j = 0; j < k; ++j) d[ids[j]] += scale * (dweight[j] - mean);
      through_score(d, affinity, n_experts);
    }
  });
}

double balance_loss(View<float> daffinity, const RouterOut& saved, int64_t n_sequences, float scale,
                    const RouterSpec& spec) {
  const int64_t n = saved.affinity.dim(0), n_experts = spec.n_routed_experts,
                k = spec.num_experts_per_tok;
  FATHOM_CHECK(n_sequences >= 1 && n > 0 && n % n_sequences == 0);
  FATHOM_CHECK(has_shape(saved.affinity, n, n_experts) && has_shape(saved.expert_ids, n, k));
  FATHOM_CHECK(daffinity.empty() || has_shape(daffinity, n, n_experts));
  const int64_t length = n / n_sequences;
  std::vector<float> f(static_cast<size_t>(n_sequences * n_experts),
                       0.0f);  // counts, exact below 2^24
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t j = 0; j < k; ++j) f[t / length * n_experts + saved.expert_ids.row(t)[j]] += 1.0f;
  }
  const float per_count =
      static_cast<float>(static_cast<double>(n_experts) / static_cast<double>(k * length));
  for (float& x : f) x *= per_count;

  // sum_i f_i P_i is the mean over the sequence's tokens of sum_i f_i s_i / sum_j s_j: one number a
  // row.
  std::vector<float> of_row(static_cast<size_t>(n));
  const auto row = router_kernels().balance;
  const float row_scale = static_cast<float>(scale / static_cast<double>(n));
  parallel_ranges(n, row_grain(4 * n_experts), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      float* d = daffinity.empty() ? nullptr : daffinity.row(t);
      of_row[t] = row(d, saved.affinity.row(t), &f[t / length * n_experts], row_scale, n_experts);
    }
  });
  double sum = 0;
  for (float x : of_row) sum += x;
  return sum / static_cast<double>(n);
}

void expert_load(View<int64_t> load, View<const int32_t> expert_ids) {
  std::fill_n(load.data(), load.size(), 0);
  for (int64_t t = 0; t < expert_ids.dim(0); ++t) {
    for (int64_t j = 0; j < expert_ids.dim(1); ++j) {
      const int32_t e = expert_ids.row(t)[j];
      FATHOM_CHECK(e >= 0 && e < load.size());
      ++load[e];
    }
  }
}

}  // namespace fathom
