#include "ops/dispatch/dispatch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ops/dispatch/dispatch_ref.h"
#include "ops/test_util.h"

namespace fathom {
namespace {

using test::bits_of;
using test::expect_near;
using test::matrix;
using test::random_values;
using test::to_double;

/// k different experts for each token.
std::vector<int32_t> choices(int64_t n, int64_t k, int64_t n_experts) {
  const Rng rng(1, 2);
  std::vector<int32_t> ids(n * k);
  for (int64_t t = 0; t < n; ++t) {
    const auto first = static_cast<int64_t>(rng.below(t, n_experts));
    for (int64_t j = 0; j < k; ++j)
      ids[t * k + j] = static_cast<int32_t>((first + j * 5) % n_experts);
  }
  return ids;
}

TEST(Dispatch, SlotsAreSortedByExpertThenToken) {
  const int64_t n = 50, k = 3, n_experts = 16;
  const auto ids = choices(n, k, n_experts);
  const DispatchPlan plan = plan_dispatch(matrix(ids, n, k), n_experts);
  ASSERT_EQ(plan.offsets.size(), 17u);
  EXPECT_EQ(plan.offsets.front(), 0);
  EXPECT_EQ(plan.offsets.back(), n * k);
  for (int64_t e = 0; e < n_experts; ++e) {
    for (int64_t s = plan.offsets[e]; s < plan.offsets[e + 1]; ++s) {
      const int32_t* of_token = &ids[plan.slot_token[s] * k];
      EXPECT_NE(std::find(of_token, of_token + k, e), of_token + k);
      if (s == plan.offsets[e]) continue;
      EXPECT_LT(plan.slot_token[s - 1], plan.slot_token[s]);
    }
  }
  for (int64_t i = 0; i < n * k; ++i) {
    EXPECT_EQ(plan.slot_token[plan.slot_of[i]], i / k);
    EXPECT_GE(plan.slot_of[i], plan.offsets[ids[i]]);
    EXPECT_LT(plan.slot_of[i], plan.offsets[ids[i] + 1]);
  }
}

TEST(Dispatch, AnExpertWithoutTokensHasNoSlots) {
  const std::vector<int32_t> ids = {3, 0, 3, 1};
  const DispatchPlan plan = plan_dispatch(matrix(ids, 2, 2), 5);
  EXPECT_EQ(plan.offsets, (std::vector<int64_t>{0, 1, 2, 2, 4, 4}));
  EXPECT_EQ(plan.slot_token, (std::vector<int32_t>{0, 1, 0, 1}));
  EXPECT_EQ(plan.slot_of, (std::vector<int32_t>{2, 0, 3, 1}));
}

TEST(Dispatch, NoTokensNoWork) {
  const DispatchPlan plan = plan_dispatch(View<const int32_t>(nullptr, {0, 4}), 8);
  EXPECT_EQ(plan.offsets, std::vector<int64_t>(9, 0));
  float y = 1;
  combine_forward<float>(View<float>(&y, {0, 4}), View<const float>(&y, {0, 4}),
                         View<const float>(&y, {0, 4}), plan);
  EXPECT_EQ(y, 1);
}

template <typename T>
void check_dispatch(int64_t n, int64_t k, int64_t dim) {
  const int64_t n_experts = 32, n_slots = n * k;
  const auto ids = choices(n, k, n_experts);
  const DispatchPlan plan = plan_dispatch(matrix(ids, n, k), n_experts);
  const auto x = random_values<T>(n * dim, 1), ys = random_values<T>(n_slots * dim, 2);
  const auto weights = random_values<float>(n * k, 3), dy = random_values<float>(n * dim, 4);

  std::vector<T> xs(n_slots * dim);
  dispatch_forward<T>(matrix(xs, n_slots, dim), matrix(x, n, dim), plan);
  for (int64_t s = 0; s < n_slots; ++s) {
    ASSERT_EQ(std::memcmp(&xs[s * dim], &x[plan.slot_token[s] * dim], dim * sizeof(T)), 0);
  }

  auto y = random_values<float>(n * dim, 5);
  auto want = to_double(y);
  combine_forward<T>(matrix(y, n, dim), matrix(ys, n_slots, dim), matrix(weights, n, k), plan);
  combine_forward_ref(want.data(), to_double(ys).data(), to_double(weights).data(),
                      plan.slot_of.data(), n, k, dim);
  expect_near(y, want, 1e-6, 3e-6);

  auto dx = random_values<float>(n * dim, 6);
  want = to_double(dx);
  dispatch_backward<T>(matrix(dx, n, dim), matrix(ys, n_slots, dim), plan);
  combine_forward_ref(want.data(), to_double(ys).data(), std::vector<double>(n * k, 1.0).data(),
                      plan.slot_of.data(), n, k, dim);
  expect_near(dx, want, 1e-6, 3e-6);

  std::vector<T> dys(n_slots * dim);
  std::vector<float> dweights(n * k);
  std::vector<double> want_dys(n_slots * dim), want_dweights(n * k);
  combine_backward<T>(matrix(dys, n_slots, dim), matrix(dweights, n, k), matrix(dy, n, dim),
                      matrix(ys, n_slots, dim), matrix(weights, n, k), plan);
  combine_backward_ref(want_dys.data(), want_dweights.data(), to_double(dy).data(),
                       to_double(ys).data(), to_double(weights).data(), plan.slot_of.data(), n, k,
                       dim);
  expect_near(dys, want_dys, 1e-6, 0);
  expect_near(dweights, want_dweights, 1e-5, 1e-4);  // a sum of up to 7168 terms of either sign
}

TEST(Dispatch, AgreesWithReference) {
  for (int64_t dim : {24, 64, 160, 512}) {
    for (int64_t n : {1, 2, 17, 300}) {
      check_dispatch<float>(n, 4, dim);
      check_dispatch<BF16>(n, 6, dim);
    }
  }
  check_dispatch<float>(2, 8, 7168);
  check_dispatch<BF16>(17, 1, 7168);
}

TEST(Dispatch, ReferenceBackwardIsTheDerivative) {
  const int64_t n = 3, k = 2, dim = 4;
  const auto ids = choices(n, k, 8);
  const DispatchPlan plan = plan_dispatch(matrix(ids, n, k), 8);
  const auto ys = to_double(random_values<float>(n * k * dim, 7)),
             weights = to_double(random_values<float>(n * k, 8));
  const auto dy = to_double(random_values<float>(n * dim, 9));
  std::vector<double> dys(n * k * dim), dweights(n * k);
  combine_backward_ref(dys.data(), dweights.data(), dy.data(), ys.data(), weights.data(),
                       plan.slot_of.data(), n, k, dim);
  const auto loss = [&](const std::vector<double>& a, const std::vector<double>& w) {
    std::vector<double> y(n * dim, 0.0);
    combine_forward_ref(y.data(), a.data(), w.data(), plan.slot_of.data(), n, k, dim);
    return test::inner(y, dy);
  };
  const auto d1 =
      test::central_differences(ys, [&](const std::vector<double>& v) { return loss(v, weights); });
  const auto d2 =
      test::central_differences(weights, [&](const std::vector<double>& v) { return loss(ys, v); });
  expect_near(std::vector<float>(dys.begin(), dys.end()), d1, 1e-6, 1e-7);
  expect_near(std::vector<float>(dweights.begin(), dweights.end()), d2, 1e-6, 1e-7);
}

TEST(Dispatch, ATokensBitsDependOnThatTokenAlone) {
  const int64_t n = 200, k = 4, dim = 88, n_experts = 32;
  const auto ids = choices(n, k, n_experts);
  const auto ys = random_values<BF16>(n * k * dim, 10);  // in the order (token, k)
  const auto weights = random_values<float>(n * k, 11), dy = random_values<float>(n * dim, 12);
  // The same tokens in batches of any size: outputs of the experts are put where that batch's plan
  // wants them.
  const auto run = [&](int64_t batch) {
    std::vector<float> y(n * dim, 0.25f), dweights(n * k);
    for (int64_t b = 0; b < n; b += batch) {
      const int64_t m = std::min(batch, n - b);
      const DispatchPlan plan = plan_dispatch(matrix(ids, n, k).slice(b, b + m), n_experts);
      std::vector<BF16> slots(m * k * dim), dys(m * k * dim);
      for (int64_t i = 0; i < m * k; ++i) {
        std::copy_n(&ys[(b * k + i) * dim], dim, &slots[plan.slot_of[i] * dim]);
      }
      combine_forward<BF16>(matrix(y, n, dim).slice(b, b + m), matrix(slots, m * k, dim),
                            matrix(weights, n, k).slice(b, b + m), plan);
      combine_backward<BF16>(matrix(dys, m * k, dim), matrix(dweights, n, k).slice(b, b + m),
                             matrix(dy, n, dim).slice(b, b + m), matrix(slots, m * k, dim),
                             matrix(weights, n, k).slice(b, b + m), plan);
    }
    return std::pair(bits_of(y), bits_of(dweights));
  };
  test::expect_same_everywhere([&] { return run(n); });
  for (int64_t batch : {1, 7, 64}) EXPECT_EQ(run(batch), run(n));
}

}  // namespace
}  // namespace fathom
