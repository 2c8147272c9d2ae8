#include "ops/rms_norm/rms_norm.h"

#include <gtest/gtest.h>

#include "ops/rms_norm/rms_norm_ref.h"
#include "ops/test_util.h"

namespace fathom {
namespace {

using test::bits_of;
using test::expect_near;
using test::matrix;
using test::random_values;
using test::to_double;
using test::vec;

constexpr float kEps = 1e-6f;

template <typename T, typename X>
void check_forward(int64_t n, int64_t dim) {
  const auto x = random_values<X>(n * dim, 1, 3.0);
  const auto weight = random_values<float>(dim, 2);
  std::vector<T> y(n * dim);
  std::vector<float> inv(n);
  rms_norm_forward<T, X>(matrix(y, n, dim), vec(inv), matrix(x, n, dim), vec(weight), kEps);
  std::vector<double> want(n * dim);
  rms_norm_forward_ref(want.data(), to_double(x).data(), to_double(weight).data(), kEps, n, dim);
  expect_near(y, want, 1e-6, 1e-30);  // f32: a sum of positive terms, four roundings after it
}

TEST(RmsNorm, ForwardAgreesWithReference) {
  for (int64_t dim : {1, 24, 64, 160, 512, 7168}) {
    for (int64_t n : {1, 2, 17, 300}) {
      if (n * dim > 200000) continue;  // the two large ones together cost time and tell nothing new
      check_forward<float, float>(n, dim);
      check_forward<float, BF16>(n, dim);
      check_forward<BF16, float>(n, dim);
      check_forward<BF16, BF16>(n, dim);
    }
  }
}

TEST(RmsNorm, StridedRowsAndNothingBeside) {
  const int64_t n = 5, dim = 24, stride = 40;
  const auto x = random_values<BF16>(n * stride, 3);
  const auto weight = random_values<float>(dim, 4);
  std::vector<float> y(n * stride, 7.0f), inv(n);
  rms_norm_forward<float, BF16>(View<float>::rows(y.data(), n, dim, stride), vec(inv),
                                View<const BF16>::rows(x.data(), n, dim, stride), vec(weight),
                                kEps);
  for (int64_t r = 0; r < n; ++r) {
    const auto row =
        to_double(std::vector<BF16>(x.begin() + r * stride, x.begin() + r * stride + dim));
    std::vector<double> want(dim);
    rms_norm_forward_ref(want.data(), row.data(), to_double(weight).data(), kEps, 1, dim);
    expect_near(std::vector<float>(y.begin() + r * stride, y.begin() + r * stride + dim), want,
                1e-6, 0);
    for (int64_t i = dim; i < stride; ++i) EXPECT_EQ(y[r * stride + i], 7.0f);
  }
}

TEST(RmsNorm, ARowsBitsDependOnThatRowAlone) {
  for (int64_t dim : {24, 100, 512}) {
    const int64_t n = 300;
    const auto x = random_values<float>(n * dim, 5);
    const auto weight = random_values<float>(dim, 6);
    const auto run = [&] {
      std::vector<BF16> y(n * dim);
      rms_norm_forward<BF16, float>(matrix(y, n, dim), {}, matrix(x, n, dim), vec(weight), kEps);
      return bits_of(y);
    };
    test::expect_same_everywhere(run);
    std::vector<BF16> alone(n * dim);
    for (int64_t r = 0; r < n; ++r) {
      rms_norm_forward<BF16, float>(matrix(alone, n, dim).slice(r, r + 1), {},
                                    matrix(x, n, dim).slice(r, r + 1), vec(weight), kEps);
    }
    EXPECT_EQ(bits_of(alone), run());
  }
}

TEST(RmsNorm, InPlaceGivesTheSameBits) {
  const int64_t n = 3, dim = 72;
  auto x = random_values<float>(n * dim, 7);
  const auto weight = random_values<float>(dim, 8);
  std::vector<float> y(n * dim);
  rms_norm_forward<float, float>(matrix(y, n, dim), {}, matrix(x, n, dim), vec(weight), kEps);
  rms_norm_forward<float, float>(matrix(x, n, dim), {}, matrix(x, n, dim), vec(weight), kEps);
  EXPECT_EQ(bits_of(x), bits_of(y));
}

TEST(RmsNorm, ReferenceBackwardIsTheDerivative) {
  const int64_t n = 2, dim = 5;
  const auto x = to_double(random_values<float>(n * dim, 9));
  const auto weight = to_double(random_values<float>(dim, 10));
  const auto dy = to_double(random_values<float>(n * dim, 11));
  std::vector<double> dx(n * dim), dweight(dim, 0.0), y(n * dim);
  rms_norm_backward_ref(dx.data(), dweight.data(), dy.data(), x.data(), weight.data(), 1e-2, n,
                        dim);
  const auto of_x = [&](const std::vector<double>& v) {
    rms_norm_forward_ref(y.data(), v.data(), weight.data(), 1e-2, n, dim);
    return test::inner(y, dy);
  };
  const auto of_weight = [&](const std::vector<double>& v) {
    rms_norm_forward_ref(y.data(), x.data(), v.data(), 1e-2, n, dim);
    return test::inner(y, dy);
  };
  expect_near(std::vector<float>(dx.begin(), dx.end()), test::central_differences(x, of_x), 1e-6,
              1e-7);
  expect_near(std::vector<float>(dweight.begin(), dweight.end()),
              test::central_differences(weight, of_weight), 1e-6, 1e-7);
}

template <typename X>
void check_backward(int64_t n, int64_t dim, bool accumulate) {
  const auto x = random_values<X>(n * dim, 12, 2.0);
  const auto weight = random_values<float>(dim, 13);
  const auto dy = random_values<float>(n * dim, 14);
  std::vector<float> inv(n), y(n * dim);
  rms_norm_forward<float, X>(matrix(y, n, dim), vec(inv), matrix(x, n, dim), vec(weight), kEps);
  auto dx = random_values<float>(n * dim, 15);
  auto dweight = random_values<float>(dim, 16);
  std::vector<double> want_dx(n * dim), want_dweight = to_double(dweight);
  rms_norm_backward_ref(want_dx.data(), want_dweight.data(), to_double(dy).data(),
                        to_double(x).data(), to_double(weight).data(), kEps, n, dim);
  if (accumulate) {
    for (int64_t i = 0; i < n * dim; ++i) want_dx[i] += dx[i];
  }
  rms_norm_backward<X>(matrix(dx, n, dim), vec(dweight), matrix(dy, n, dim), matrix(x, n, dim),
                       vec(weight), vec(inv), accumulate);
  expect_near(dx, want_dx, 1e-5, 2e-6);
  expect_near(dweight, want_dweight, 1e-5, 1e-5);  // up to 300 terms of either sign
}

TEST(RmsNorm, BackwardAgreesWithReference) {
  for (int64_t dim : {24, 160, 512, 7168}) {
    for (int64_t n : {1, 2, 17, 300}) {
      if (n * dim > 200000) continue;  // the two large ones together cost time and tell nothing new
      check_backward<float>(n, dim, false);
      check_backward<BF16>(n, dim, true);
    }
  }
}

TEST(RmsNorm, BackwardHasTheSameBitsForEveryThreadCount) {
  const int64_t n = 1300, dim = 136;
  const auto x = random_values<BF16>(n * dim, 17);
  const auto weight = random_values<float>(dim, 18);
  const auto dy = random_values<float>(n * dim, 19);
  std::vector<float> inv(n), y(n * dim);
  rms_norm_forward<float, BF16>(matrix(y, n, dim), vec(inv), matrix(x, n, dim), vec(weight), kEps);
  test::expect_same_everywhere([&] {
    std::vector<float> dx(n * dim), dweight(dim, 0.5f);
    rms_norm_backward<BF16>(matrix(dx, n, dim), vec(dweight), matrix(dy, n, dim), matrix(x, n, dim),
                            vec(weight), vec(inv), false);
    return std::pair(bits_of(dx), bits_of(dweight));
  });
}

}  // namespace
}  // namespace fathom
