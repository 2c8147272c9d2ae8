// The plan is a counting sort. Every row and every sum has one writer.
#include "ops/dispatch/dispatch.h"

#include <array>
#include <cstring>

#include "base/threads.h"
#include "ops/dispatch/dispatch_kernels.h"
#include "ops/row_grain.h"

namespace fathom {
namespace {

constexpr int64_t kMaxPerToken = 64;

int64_t experts_per_token(const DispatchPlan& plan, int64_t n_tokens) {
  const int64_t n_slots = static_cast<int64_t>(plan.slot_of.size());
  FATHOM_CHECK(n_tokens > 0 && n_slots % n_tokens == 0 && n_slots / n_tokens <= kMaxPerToken);
  return n_slots / n_tokens;
}

/// y[token] += sum over k of weights[token, k] * ys[slot_of(token, k)], weights of 1 where the view
/// is empty.
template <typename T>
void sum_slots(View<float> y, View<const T> ys, View<const float> weights,
               const DispatchPlan& plan) {
  const int64_t n = y.dim(0), dim = y.dim(1);
  FATHOM_CHECK(y.rank() == 2 && ys.rank() == 2 && ys.dim(1) == dim);
  FATHOM_CHECK(ys.dim(0) == static_cast<int64_t>(plan.slot_token.size()));
  if (n == 0) return;
  const int64_t k = experts_per_token(plan, n);
  const auto combine = std::get<CombineRow<T>>(dispatch_kernels().combine);
  std::array<float, kMaxPerToken> ones;
  ones.fill(1.0f);
  parallel_ranges(n, row_grain(dim * (k + 2)), [&](int64_t begin, int64_t end) {
    const T* rows[kMaxPerToken];
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t j = 0; j < k; ++j) rows[j] = ys.row(plan.slot_of[t * k + j]);
      combine(y.row(t), rows, weights.empty() ? ones.data() : weights.row(t), k, dim);
    }
  });
}

}  // namespace

DispatchPlan plan_dispatch(View<const int32_t> expert_ids, int64_t n_routed_experts) {
  FATHOM_CHECK(expert_ids.rank() == 2 && n_routed_experts >= 1);
  const int64_t n = expert_ids.dim(0), k = expert_ids.dim(1);
  DispatchPlan plan;
  plan.offsets.assign(static_cast<size_t>(n_routed_experts + 1), 0);
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t j = 0; j < k; ++j) {
      const int32_t e = expert_ids.row(t)[j];
      FATHOM_CHECK(e >= 0 && e < n_routed_experts);
      ++plan.offsets[e + 1];
    }
  }
  for (int64_t e = 0; e < n_routed_experts; ++e) plan.offsets[e + 1] += plan.offsets[e];
  std::vector<int64_t> next(plan.offsets.begin(), plan.offsets.end() - 1);
  plan.slot_token.resize(static_cast<size_t>(n * k));
  plan.slot_of.resize(static_cast<size_t>(n * k));
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t j = 0; j < k; ++j) {
      const int64_t slot = next[expert_ids.row(t)[j]]++;
      plan.slot_token[slot] = static_cast<int32_t>(t);
      plan.slot_of[t * k + j] = static_cast<int32_t>(slot);
    }
  }
  return plan;
}

template <typename T>
void dispatch_forward(View<T> xs, View<const T> x, const DispatchPlan& plan) {
  const int64_t n_slots = xs.dim(0), dim = xs.dim(1);
  FATHOM_CHECK(xs.rank() == 2 && x.rank() == 2 && x.dim(1) == dim);
  FATHOM_CHECK(n_slots == static_cast<int64_t>(plan.slot_token.size()));
  parallel_ranges(n_slots, row_grain(2 * dim), [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      std::memcpy(xs.row(s), x.row(plan.slot_token[s]), static_cast<size_t>(dim) * sizeof(T));
    }
  });
}

template <typename D>
void dispatch_backward(View<float> dx, View<const D> dxs, const DispatchPlan& plan) {
  sum_slots(dx, dxs, {}, plan);  // a product with 1 is exact
}

template <typename T>
void combine_forward(View<float> y, View<const T> ys, View<const float> weights,
                     const DispatchPlan& plan) {
  FATHOM_CHECK(weights.rank() == 2 && weights.dim(0) == y.dim(0));
  FATHOM_CHECK(weights.size() == static_cast<int64_t>(plan.slot_of.size()));
  sum_slots(y, ys, weights, plan);
}

template <typename T>
void combine_backward(View<T> dys, View<float> dweights, View<const float> dy, View<const T> ys,
                      View<const float> weights, const DispatchPlan& plan) {
  const int64_t n = dy.dim(0), dim = dy.dim(1);
  FATHOM_CHECK(dy.rank() == 2 && dys.rank() == 2 && ys.rank() == 2 && dys.dim(1) == dim &&
               ys.dim(1) == dim);
  if (n == 0) return;
  const int64_t k = experts_per_token(plan, n);
  FATHOM_CHECK(dys.dim(0) == n * k && ys.dim(0) == n * k);
  FATHOM_CHECK(weights.dim(0) == n && weights.dim(1) == k && dweights.dim(0) == n &&
               dweights.dim(1) == k);
  const auto backward = std::get<CombineBackwardRow<T>>(dispatch_kernels().combine_backward);
  parallel_ranges(n, row_grain(3 * dim * k), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t j = 0; j < k; ++j) {
        const int64_t slot = plan.slot_of[t * k + j];
        dweights.row(t)[j] =
            backward(dys.row(slot), dy.row(t), ys.row(slot), weights.row(t)[j], dim);
      }
    }
  });
}

template void dispatch_forward(View<float>, View<const float>, const DispatchPlan&);
template void dispatch_forward(View<BF16>, View<const BF16>, const DispatchPlan&);
template void dispatch_backward(View<float>, View<const float>, const DispatchPlan&);
template void dispatch_backward(View<float>, View<const BF16>, const DispatchPlan&);
template void combine_forward(View<float>, View<const float>, View<const float>,
                              const DispatchPlan&);
template void combine_forward(View<float>, View<const BF16>, View<const float>,
                              const DispatchPlan&);
template void combine_backward(View<float>, View<float>, View<const float>, View<const float>,
                               View<const float>, const DispatchPlan&);
template void combine_backward(View<BF16>, View<float>, View<const float>, View<const BF16>,
                               View<const float>, const DispatchPlan&);

}  // namespace fathom
