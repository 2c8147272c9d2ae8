#include "ops/swiglu/swiglu.h"

#include <gtest/gtest.h>

#include "ops/swiglu/swiglu_ref.h"
#include "ops/test_util.h"

namespace fathom {
namespace {

using test::bits_of;
using test::expect_near;
using test::matrix;
using test::random_values;
using test::to_double;

template <typename T>
void check_forward(int64_t n, int64_t width) {
  const auto x = random_values<T>(n * 2 * width, 1, 4.0);
  std::vector<T> h(n * width);
  swiglu_forward<T>(matrix(h, n, width), matrix(x, n, 2 * width));
  std::vector<double> want(n * width);
  swiglu_forward_ref(want.data(), to_double(x).data(), n, width);
  expect_near(h, want, 6e-7, 1e-30);
}

template <typename T, typename D>
void check_backward(int64_t n, int64_t width) {
  const auto x = random_values<T>(n * 2 * width, 2, 4.0);
  const auto dh = random_values<D>(n * width, 3);
  std::vector<T> d(n * 2 * width);
  swiglu_backward<T, D>(matrix(d, n, 2 * width), matrix(dh, n, width), matrix(x, n, 2 * width));
  std::vector<double> want(n * 2 * width);
  swiglu_backward_ref(want.data(), to_double(dh).data(), to_double(x).data(), n, width);
  expect_near(d, want, 1e-6, 2e-6);  // 1 + gate (1 - s) cancels near its zero
}

TEST(Swiglu, ForwardAndBackwardAgreeWithReference) {
  for (int64_t width : {1, 24, 64, 160, 512, 2048}) {
    for (int64_t n : {1, 2, 17, 300}) {
      if (n * width > 200000)
        continue;  // the two large ones together cost time and tell nothing new
      check_forward<float>(n, width);
      check_forward<BF16>(n, width);
      check_backward<float, float>(n, width);
      check_backward<float, BF16>(n, width);
      check_backward<BF16, float>(n, width);
      check_backward<BF16, BF16>(n, width);
    }
  }
}

TEST(Swiglu, ReferenceBackwardIsTheDerivative) {
  const int64_t n = 2, width = 7;
  const auto x = to_double(random_values<float>(n * 2 * width, 4, 2.0));
  const auto dh = to_double(random_values<float>(n * width, 5));
  std::vector<double> d(n * 2 * width), h(n * width);
  swiglu_backward_ref(d.data(), dh.data(), x.data(), n, width);
  const auto loss = [&](const std::vector<double>& v) {
    swiglu_forward_ref(h.data(), v.data(), n, width);
    return test::inner(h, dh);
  };
  expect_near(std::vector<float>(d.begin(), d.end()), test::central_differences(x, loss), 1e-6,
              1e-7);
}

TEST(Swiglu, LargeGatesGiveTheirLimits) {
  const std::vector<float> x = {-1000.0f, -90.0f, 90.0f, 1000.0f, 2.0f, 2.0f, 2.0f, 2.0f};
  std::vector<float> h(4), d(8);
  swiglu_forward<float>(matrix(h, 1, 4), matrix(x, 1, 8));
  EXPECT_EQ(h[0], 0.0f);
  EXPECT_NEAR(h[1], 0.0f, 1e-30);
  EXPECT_EQ(h[2], 180.0f);
  EXPECT_EQ(h[3], 2000.0f);
  const std::vector<float> ones(4, 1.0f);
  swiglu_backward<float, float>(matrix(d, 1, 8), matrix(ones, 1, 4), matrix(x, 1, 8));
  const std::vector<double> want = {0, 0, 2, 2, 0, 0, 90, 1000};
  expect_near(d, want, 1e-6, 1e-30);
}

TEST(Swiglu, ARowsBitsDependOnThatRowAlone) {
  for (int64_t width : {24, 100, 512}) {
    const int64_t n = 200, stride = 2 * width + 8;
    const auto x = random_values<BF16>(n * stride, 6, 3.0);
    const auto dh = random_values<float>(n * width, 7);
    const auto rows = View<const BF16>::rows(x.data(), n, 2 * width, stride);
    const auto run = [&] {
      std::vector<BF16> h(n * width), d(n * 2 * width);
      swiglu_forward<BF16>(matrix(h, n, width), rows);
      swiglu_backward<BF16, float>(matrix(d, n, 2 * width), matrix(dh, n, width), rows);
      return std::pair(bits_of(h), bits_of(d));
    };
    test::expect_same_everywhere(run);
    std::vector<BF16> h(n * width), d(n * 2 * width);
    for (int64_t r = 0; r < n; ++r) {
      swiglu_forward<BF16>(matrix(h, n, width).slice(r, r + 1), rows.slice(r, r + 1));
      swiglu_backward<BF16, float>(matrix(d, n, 2 * width).slice(r, r + 1),
                                   matrix(dh, n, width).slice(r, r + 1), rows.slice(r, r + 1));
    }
    EXPECT_EQ(std::pair(bits_of(h), bits_of(d)), run());
  }
}

TEST(Swiglu, BackwardInPlaceGivesTheSameBits) {
  const int64_t n = 3, width = 40;
  auto x = random_values<BF16>(n * 2 * width, 8);
  const auto dh = random_values<BF16>(n * width, 9);
  std::vector<BF16> d(n * 2 * width);
  swiglu_backward<BF16, BF16>(matrix(d, n, 2 * width), matrix(dh, n, width),
                              matrix(x, n, 2 * width));
  swiglu_backward<BF16, BF16>(matrix(x, n, 2 * width), matrix(dh, n, width),
                              matrix(x, n, 2 * width));
  EXPECT_EQ(bits_of(x), bits_of(d));
}

}  // namespace
}  // namespace fathom
