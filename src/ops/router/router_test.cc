#include "ops/router/router.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "ops/router/router_ref.h"
#include "ops/test_util.h"

namespace fathom {
namespace {

using test::bits_of;
using test::expect_near;
using test::matrix;
using test::random_values;
using test::to_double;
using test::vec;

constexpr float kInf = std::numeric_limits<float>::infinity();

/// Owns what router_forward writes.
struct Routed {
  Routed(int64_t n_tokens, const RouterSpec& spec)
      : n(n_tokens),
        ids(n_tokens * spec.num_experts_per_tok, -1),
        weights(n_tokens * spec.num_experts_per_tok),
        affinity(n_tokens * spec.n_routed_experts),
        k(spec.num_experts_per_tok),
        n_experts(spec.n_routed_experts) {}
  RouterOut out() {
    return {matrix(ids, n, k), matrix(weights, n, k), matrix(affinity, n, n_experts)};
  }
  int64_t n;
  std::vector<int32_t> ids;
  std::vector<float> weights, affinity;
  int64_t k, n_experts;
};

Routed route(const std::vector<float>& logits, const std::vector<float>& bias,
             const RouterSpec& spec) {
  const int64_t n = static_cast<int64_t>(logits.size()) / spec.n_routed_experts;
  Routed r(n, spec);
  router_forward(r.out(), matrix(logits, n, spec.n_routed_experts),
                 bias.empty() ? View<const float>() : vec(bias), spec);
  return r;
}

/// Every method with every scoring, with and without groups and normalization, at the family's
/// sizes and odd ones.
std::vector<RouterSpec> specs() {
  std::vector<RouterSpec> all;
  for (auto topk : {RouterTopk::kNoauxTc, RouterTopk::kGreedy, RouterTopk::kGroupLimitedGreedy}) {
    for (auto scoring : {RouterScoring::kSigmoid, RouterScoring::kSoftmax}) {
      for (bool norm : {true, false}) {
        all.push_back({256, 8, 8, 4, scoring, topk, norm, 2.5f});
        all.push_back({160, 6, 8, 3, scoring, topk, norm, 16.0f});
        all.push_back({64, 6, 1, 1, scoring, topk, norm, 1.0f});
        all.push_back({21, 3, 7, 2, scoring, topk, norm, 1.5f});
        all.push_back({8, 1, 4, 2, scoring, topk, norm, 2.0f});
      }
    }
  }
  return all;
}

TEST(Router, ForwardAgreesWithReference) {
  for (const RouterSpec& spec : specs()) {
    for (int64_t n : {1, 2, 17, 300}) {
      const auto logits = random_values<float>(n * spec.n_routed_experts, 1, 1.5);
      const auto bias = random_values<float>(spec.n_routed_experts, 2, 0.05);
      Routed got = route(logits, bias, spec);
      const RouterRef want =
          router_forward_ref(to_double(logits).data(), to_double(bias).data(), n, spec);
      ASSERT_EQ(got.ids, want.expert_ids);
      expect_near(got.affinity, want.affinity, 1e-6, 0);
      expect_near(got.weights, want.weights, 2e-6, 0);
    }
  }
}

TEST(Router, AChoiceThatIsGivenIsKeptAndWeighedByItsOwnAffinities) {
  for (const RouterSpec& spec : specs()) {
    const int64_t n = 5, n_experts = spec.n_routed_experts, k = spec.num_experts_per_tok;
    const auto logits = random_values<float>(n * n_experts, 14, 1.5);
    const Routed own = route(logits, {}, spec);
    std::vector<int32_t> given(n * k);
    for (int64_t i = 0; i < n * k; ++i)
      given[i] = static_cast<int32_t>((i / k + 2 * (i % k)) % n_experts);
    given[3 * k] = -1;  // the fourth token chooses for itself
    Routed kept(n, spec);
    router_forward(kept.out(), matrix(logits, n, n_experts), {}, spec, matrix(given, n, k));
    EXPECT_TRUE(
        std::equal(own.ids.begin() + 3 * k, own.ids.begin() + 4 * k, kept.ids.begin() + 3 * k));
    std::copy(own.ids.begin() + 3 * k, own.ids.begin() + 4 * k, given.begin() + 3 * k);
    EXPECT_EQ(kept.ids, given);
    std::vector<double> weights(n * k), affinity(n * n_experts);
    router_weights_ref(weights.data(), affinity.data(), to_double(logits).data(), given.data(), n,
                       spec);
    expect_near(kept.weights, weights, 2e-6, 0);
    expect_near(kept.affinity, affinity, 1e-6, 0);
  }
}

TEST(Router, BiasMovesTheChoiceNotTheWeight) {
  const RouterSpec spec{.n_routed_experts = 4, .num_experts_per_tok = 2};
  const std::vector<float> logits = {2.0f, 1.0f, 0.0f, -1.0f};
  const Routed plain = route(logits, {}, spec);
  EXPECT_EQ(plain.ids, (std::vector<int32_t>{0, 1}));
  const Routed moved = route(logits, {0.0f, 0.0f, 0.0f, 1.0f}, spec);
  EXPECT_EQ(moved.ids, (std::vector<int32_t>{3, 0}));
  const double s0 = 1 / (1 + std::exp(-2.0)), s3 = 1 / (1 + std::exp(1.0));
  EXPECT_NEAR(moved.weights[0], s3 / (s0 + s3), 1e-6);
}

TEST(Router, TheBiasIsNotReadByGreedyMethods) {
  for (auto topk : {RouterTopk::kGreedy, RouterTopk::kGroupLimitedGreedy}) {
    const RouterSpec spec{4, 2, 2, 2, RouterScoring::kSoftmax, topk};
    EXPECT_EQ(route({2, 1, 0, -1}, {0, 0, 0, 9}, spec).ids, (std::vector<int32_t>{0, 1}));
  }
}

TEST(Router, AGroupsScoreIsItsTwoLargestOrItsMaximum) {
  // Group 0 has the largest expert, group 1 the largest pair.
  const std::vector<float> logits = {3.0f, -9.0f, 2.0f, 2.0f};
  RouterSpec spec{4, 1, 2, 1, RouterScoring::kSigmoid, RouterTopk::kNoauxTc};
  EXPECT_EQ(route(logits, {}, spec).ids[0], 2);
  spec.topk = RouterTopk::kGroupLimitedGreedy;
  EXPECT_EQ(route(logits, {}, spec).ids[0], 0);
  spec.topk = RouterTopk::kGreedy;
  EXPECT_EQ(route(logits, {}, spec).ids[0], 0);
}

TEST(Router, TiesGoToTheLowerId) {
  for (auto topk : {RouterTopk::kNoauxTc, RouterTopk::kGreedy, RouterTopk::kGroupLimitedGreedy}) {
    const RouterSpec spec{16, 3, 4, 2, RouterScoring::kSigmoid, topk};
    EXPECT_EQ(route(std::vector<float>(16, 0.5f), {}, spec).ids, (std::vector<int32_t>{0, 1, 2}));
  }
  // The second group is better, the first two of its equals come before its third.
  const RouterSpec spec{8, 2, 2, 1, RouterScoring::kSigmoid, RouterTopk::kNoauxTc};
  EXPECT_EQ(route({1, 1, 1, 1, 0, 2, 2, 2}, {}, spec).ids, (std::vector<int32_t>{5, 6}));
}

TEST(Router, SoftmaxWeightsFollowTheCodePublishedWithV2AndV3) {
  const std::vector<float> logits = {1, 0, 2, -1};
  const double z = std::exp(1.0) + 1 + std::exp(2.0) + std::exp(-1.0);
  const double p2 = std::exp(2.0) / z, p0 = std::exp(1.0) / z;
  RouterSpec spec{4, 2, 1, 1, RouterScoring::kSoftmax, RouterTopk::kGreedy, false, 16.0f};
  EXPECT_NEAR(route(logits, {}, spec).weights[0], 16 * p2, 1e-5);
  spec.norm_topk_prob = true;
  EXPECT_NEAR(route(logits, {}, spec).weights[0], p2 / (p2 + p0), 1e-6);
  spec.topk = RouterTopk::kNoauxTc;
  EXPECT_NEAR(route(logits, {}, spec).weights[0], 16 * p2, 1e-5);
  spec.topk = RouterTopk::kGreedy;
  spec.num_experts_per_tok = 1;
  EXPECT_NEAR(route(logits, {}, spec).weights[0], 16 * p2, 1e-5);
}

TEST(Router, InfinitiesAndNanChooseDeterministically) {
  const float nan = std::nanf("");
  for (const RouterSpec& spec : specs()) {
    const int64_t n = spec.n_routed_experts;
    for (float fill : {nan, -kInf, kInf}) {
      const Routed all = route(std::vector<float>(n, fill), {}, spec);
      for (int64_t j = 0; j < spec.num_experts_per_tok; ++j) EXPECT_EQ(all.ids[j], j);
      std::vector<float> logits = random_values<float>(n, 3);
      logits[n / 2] = fill;
      logits[0] = -kInf;
      const Routed one = route(logits, {}, spec);
      const std::set<int32_t> distinct(one.ids.begin(), one.ids.end());
      EXPECT_EQ(static_cast<int64_t>(distinct.size()), spec.num_experts_per_tok);
      for (int32_t e : distinct) EXPECT_TRUE(e >= 0 && e < n);
      EXPECT_EQ(one.ids, route(logits, {}, spec).ids);
    }
  }
}

TEST(Router, ANanLogitIsChosenLast) {
  const RouterSpec spec{.n_routed_experts = 4, .num_experts_per_tok = 3};
  EXPECT_EQ(route({std::nanf(""), -50, 1, 2}, {}, spec).ids, (std::vector<int32_t>{3, 2, 1}));
}

TEST(Router, ReferenceBackwardIsTheDerivative) {
  for (const RouterSpec& spec : specs()) {
    if (spec.n_routed_experts > 21) continue;
    const int64_t n = 2, n_experts = spec.n_routed_experts, k = spec.num_experts_per_tok;
    const auto logits = to_double(random_values<float>(n * n_experts, 4));
    const auto ids = router_forward_ref(logits.data(), nullptr, n, spec).expert_ids;
    const auto dweights = to_double(random_values<float>(n * k, 5)),
               daffinity = to_double(random_values<float>(n * n_experts, 6));
    std::vector<double> d(n * n_experts), weights(n * k), affinity(n * n_experts);
    router_backward_ref(d.data(), dweights.data(), daffinity.data(), logits.data(), ids.data(), n,
                        spec);
    const auto loss = [&](const std::vector<double>& v) {
      router_weights_ref(weights.data(), affinity.data(), v.data(), ids.data(), n, spec);
      return test::inner(weights, dweights) + test::inner(affinity, daffinity);
    };
    expect_near(std::vector<float>(d.begin(), d.end()), test::central_differences(logits, loss),
                1e-6, 1e-7);
  }
}

TEST(Router, BackwardAgreesWithReference) {
  for (const RouterSpec& spec : specs()) {
    for (int64_t n : {1, 17, 300}) {
      const int64_t n_experts = spec.n_routed_experts, k = spec.num_experts_per_tok;
      const auto logits = random_values<float>(n * n_experts, 7);
      Routed saved = route(logits, {}, spec);
      const auto dweights = random_values<float>(n * k, 8),
                 daffinity = random_values<float>(n * n_experts, 9);
      for (bool with_balance : {false, true}) {
        std::vector<float> d(n * n_experts);
        std::vector<double> want(n * n_experts);
        router_backward(matrix(d, n, n_experts), matrix(dweights, n, k),
                        with_balance ? matrix(daffinity, n, n_experts) : View<const float>(),
                        saved.out(), spec);
        router_backward_ref(want.data(), to_double(dweights).data(),
                            with_balance ? to_double(daffinity).data() : nullptr,
                            to_double(logits).data(), saved.ids.data(), n, spec);
        expect_near(d, want, 1e-5, 1e-6 * spec.routed_scaling_factor);
      }
    }
  }
}

TEST(Router, BalanceLossAndItsGradient) {
  for (const RouterSpec& spec :
       {RouterSpec{8, 2, 4, 2}, RouterSpec{21, 3, 7, 2}, RouterSpec{256, 8, 8, 4}}) {
    const int64_t n_sequences = 3, n = 3 * 5, n_experts = spec.n_routed_experts;
    Routed saved = route(random_values<float>(n * n_experts, 10), {}, spec);
    std::vector<float> d(n * n_experts);
    const double got = balance_loss(matrix(d, n, n_experts), saved.out(), n_sequences, 0.5f, spec);
    const auto loss = [&](const std::vector<double>& s) {
      return balance_loss_ref(s.data(), saved.ids.data(), n, n_sequences, spec);
    };
    const auto s = to_double(saved.affinity);
    EXPECT_NEAR(got, loss(s), 1e-6);
    EXPECT_EQ(balance_loss({}, saved.out(), n_sequences, 0.5f, spec), got);
    auto want = n_experts > 100 ? std::vector<double>() : test::central_differences(s, loss, 1e-4);
    for (double& x : want) x *= 0.5;
    if (!want.empty()) expect_near(d, want, 1e-5, 1e-8);
  }
}

TEST(Router, ExpertLoadCountsTokens) {
  const std::vector<int32_t> ids = {3, 0, 3, 1};
  std::vector<int64_t> load(5, 99);
  expert_load(vec(load), matrix(ids, 2, 2));
  EXPECT_EQ(load, (std::vector<int64_t>{1, 1, 0, 2, 0}));
}

TEST(Router, ARowsBitsDependOnThatRowAlone) {
  for (const RouterSpec& spec :
       {RouterSpec{256, 8, 8, 4}, RouterSpec{21, 3, 7, 2, RouterScoring::kSoftmax}}) {
    const int64_t n = 300, n_experts = spec.n_routed_experts, k = spec.num_experts_per_tok;
    const auto logits = random_values<float>(n * n_experts, 11);
    const auto dweights = random_values<float>(n * k, 12);
    const auto run = [&](int64_t batch) {
      Routed r(n, spec);
      std::vector<float> d(n * n_experts), db(n * n_experts);
      for (int64_t b = 0; b < n; b += batch) {
        const int64_t e = std::min(n, b + batch);
        RouterOut out = r.out();
        out = {out.expert_ids.slice(b, e), out.weights.slice(b, e), out.affinity.slice(b, e)};
        router_forward(out, matrix(logits, n, n_experts).slice(b, e), {}, spec);
        router_backward(matrix(d, n, n_experts).slice(b, e), matrix(dweights, n, k).slice(b, e), {},
                        out, spec);
      }
      const double loss = balance_loss(matrix(db, n, n_experts), r.out(), 2, 1.0f, spec);
      return std::tuple(r.ids, bits_of(r.weights), bits_of(r.affinity), bits_of(d), bits_of(db),
                        loss);
    };
    test::expect_same_everywhere([&] { return run(n); });
    for (int64_t batch : {1, 7, 64}) EXPECT_TRUE(run(batch) == run(n));
  }
}

}  // namespace
}  // namespace fathom
