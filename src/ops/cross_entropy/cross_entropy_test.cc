#include "ops/cross_entropy/cross_entropy.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>

#include "ops/cross_entropy/cross_entropy_ref.h"
#include "ops/test_util.h"

namespace fathom {
namespace {

using test::bits_of;
using test::expect_near;
using test::matrix;
using test::random_values;
using test::to_double;
using test::vec;

/// Every fifth target is negative: skipped.
std::vector<int32_t> targets_of(int64_t n, int64_t vocab) {
  const Rng rng(5, 6);
  std::vector<int32_t> t(n);
  for (int64_t i = 0; i < n; ++i)
    t[i] = i % 5 == 4 ? -1 : static_cast<int32_t>(rng.below(i, vocab));
  return t;
}

template <typename D>
void check_rows(int64_t n, int64_t vocab, bool weighted) {
  const auto logits = random_values<float>(n * vocab, 1, 4.0);
  const auto targets = targets_of(n, vocab);
  const auto weights = random_values<float>(n, 2);
  std::vector<D> d(n * vocab);
  std::vector<float> losses(n);
  const double got =
      cross_entropy<D>(matrix(d, n, vocab), vec(losses), matrix(logits, n, vocab), vec(targets),
                       weighted ? vec(weights) : View<const float>(), 0.5f);
  std::vector<double> want_d(n * vocab), want_losses(n);
  const auto w = to_double(weights);
  const double want = cross_entropy_ref(want_losses.data(), to_double(logits).data(),
                                        targets.data(), weighted ? w.data() : nullptr, n, vocab);
  cross_entropy_backward_ref(want_d.data(), to_double(logits).data(), targets.data(),
                             weighted ? w.data() : nullptr, 0.5, n, vocab);
  EXPECT_NEAR(got, want, 1e-6 * static_cast<double>(n));
  expect_near(losses, want_losses, 1e-6, 1e-6);
  expect_near(d, want_d, 2e-6, 1e-37);
}

TEST(CrossEntropy, AgreesWithReference) {
  for (int64_t vocab : {1, 24, 160, 512, 4100, 7168}) {
    for (int64_t n : {1, 2, 17}) {
      check_rows<float>(n, vocab, n == 17);
      check_rows<BF16>(n, vocab, n != 17);
    }
  }
  check_rows<float>(300, 160, true);
  check_rows<BF16>(2, 129280, true);
}

TEST(CrossEntropy, ReferenceBackwardIsTheDerivative) {
  const int64_t n = 6, vocab = 5;
  const auto logits = to_double(random_values<float>(n * vocab, 3));
  const auto weights = to_double(random_values<float>(n, 4));
  const auto targets = targets_of(n, vocab);
  std::vector<double> d(n * vocab), losses(n);
  cross_entropy_backward_ref(d.data(), logits.data(), targets.data(), weights.data(), 1.0, n,
                             vocab);
  const auto loss = [&](const std::vector<double>& v) {
    return cross_entropy_ref(losses.data(), v.data(), targets.data(), weights.data(), n, vocab);
  };
  expect_near(std::vector<float>(d.begin(), d.end()), test::central_differences(logits, loss), 1e-6,
              1e-7);
}

TEST(CrossEntropy, TheSamplersLogProbabilityHasTheSameBits) {
  for (int64_t vocab : {24, 1000, 8192}) {
    const int64_t n = 40;
    const auto logits = random_values<float>(n * vocab, 5, 3.0);
    const auto targets = targets_of(n, vocab);
    std::vector<float> losses(n);
    cross_entropy<float>({}, vec(losses), matrix(logits, n, vocab), vec(targets), {}, 1.0f);
    for (int64_t i = 0; i < n; ++i) {
      if (targets[i] < 0) continue;
      const float logp = log_softmax_at(&logits[i * vocab], vocab, targets[i]);
      EXPECT_EQ(std::bit_cast<uint32_t>(-logp), std::bit_cast<uint32_t>(losses[i]));
    }
  }
}

TEST(CrossEntropy, GradientInPlaceAndWithoutLosses) {
  const int64_t n = 3, vocab = 100;
  auto logits = random_values<float>(n * vocab, 6);
  const auto targets = targets_of(n, vocab);
  std::vector<float> d(n * vocab), losses(n);
  const double a = cross_entropy<float>(matrix(d, n, vocab), vec(losses), matrix(logits, n, vocab),
                                        vec(targets), {}, 1.0f);
  const double b = cross_entropy<float>(matrix(logits, n, vocab), {}, matrix(logits, n, vocab),
                                        vec(targets), {}, 1.0f);
  EXPECT_EQ(a, b);
  EXPECT_EQ(bits_of(d), bits_of(logits));
}

TEST(CrossEntropy, MaskedLogitsHaveNoProbabilityAndNanShows) {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> logits = {1.0f, -inf, 2.0f};
  EXPECT_EQ(log_softmax_at(logits.data(), 3, 1), -inf);
  EXPECT_NEAR(log_softmax_at(logits.data(), 3, 2), -std::log1p(std::exp(-1.0)), 1e-6);
  logits[0] = std::nanf("");
  EXPECT_TRUE(std::isnan(log_softmax_at(logits.data(), 3, 2)));
}

TEST(CrossEntropy, ASamplingSetIsAllThatHasProbabilityAndAllThatHasAGradient) {
  const int64_t vocab = 300;
  auto logits = random_values<float>(vocab, 11, 3.0);
  const std::vector<int32_t> set = {7, 40, 299}, target = {40};
  double sum = 0;
  for (const int32_t id : set) sum += std::exp(static_cast<double>(logits[id]));
  const double want = logits[40] - std::log(sum);
  auto all = logits;
  keep_sampling_set(all.data(), vocab, {});
  EXPECT_EQ(bits_of(all), bits_of(logits));
  keep_sampling_set(logits.data(), vocab, set);
  EXPECT_NEAR(log_softmax_at(logits.data(), vocab, 40), want, 1e-6);
  std::vector<float> d(vocab);
  cross_entropy<float>(matrix(d, 1, vocab), {}, matrix(logits, 1, vocab), vec(target), {}, 1.0f);
  for (int32_t id = 0; id < vocab; ++id) {
    const bool kept = std::find(set.begin(), set.end(), id) != set.end();
    EXPECT_EQ(d[id] != 0, kept) << id;
  }
}

TEST(CrossEntropy, ARowsBitsDependOnThatRowAlone) {
  for (int64_t vocab : {24, 5000}) {
    const int64_t n = 50, stride = vocab + 8;
    const auto logits = random_values<float>(n * stride, 7, 3.0);
    const auto rows = View<const float>::rows(logits.data(), n, vocab, stride);
    const auto targets = targets_of(n, vocab);
    const auto weights = random_values<float>(n, 8);
    const auto run = [&](int64_t batch) {
      std::vector<BF16> d(n * vocab);
      std::vector<float> losses(n);
      double total = 0;
      for (int64_t b = 0; b < n; b += batch) {
        const int64_t e = std::min(n, b + batch);
        total = cross_entropy<BF16>(matrix(d, n, vocab).slice(b, e), vec(losses).slice(b, e),
                                    rows.slice(b, e), vec(targets).slice(b, e),
                                    vec(weights).slice(b, e), 0.1f);
      }
      return std::tuple(bits_of(d), bits_of(losses), batch == n ? total : 0.0);
    };
    test::expect_same_everywhere([&] { return run(n); });
    for (int64_t batch : {1, 7}) {
      EXPECT_EQ(std::get<0>(run(batch)), std::get<0>(run(n)));
      EXPECT_EQ(std::get<1>(run(batch)), std::get<1>(run(n)));
    }
  }
}

}  // namespace
}  // namespace fathom
