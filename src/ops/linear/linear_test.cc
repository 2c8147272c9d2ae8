#include "ops/linear/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "base/threads.h"
#include "ops/linear/linear_ref.h"

namespace fathom {
namespace {

template <typename T>
struct Matrix {
  int64_t rows, cols;
  Tensor<T> tensor;
  std::vector<double> values;
  Matrix(int64_t r, int64_t c, uint64_t stream) : rows(r), cols(c), tensor({r, c}), values(r * c) {
    const Rng rng(1, stream);
    for (int64_t i = 0; i < r * c; ++i) {
      tensor.data()[i] = T(static_cast<float>(rng.normal(i)));
      values[i] = to_f32(tensor.data()[i]);
    }
  }
  Weight weight() const {
    Weight w;
    w.data = tensor.data();
    w.dtype = dtype_of<T>;
    w.rows = rows;
    w.cols = cols;
    return w;
  }
};

void expect_close(View<const float> got, const std::vector<double>& want, double k) {
  // Rounding of a chain of k f32 additions of terms of unit variance: a random walk of steps 2^-24 sqrt(k).
  const double tolerance = 3e-7 * k + 1e-6;
  double worst = 0;
  for (int64_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
  EXPECT_LT(worst, tolerance);
}

struct Shape {
  int64_t m, n, k;
};
const Shape kShapes[] = {{1, 1, 1}, {1, 16, 2}, {3, 17, 5}, {7, 64, 33}, {13, 80, 160}, {29, 130, 96}, {5, 33, 2500}, {100, 48, 64}};

template <typename T>
void check_shape(const Shape& s) {
  SCOPED_TRACE(testing::Message() << s.m << " x " << s.n << " x " << s.k);
  const Matrix<T> x(s.m, s.k, 1), w(s.n, s.k, 2), dy(s.m, s.n, 3);
  Tensor<float> y({s.m, s.n}), dx({s.m, s.k}), dw({s.n, s.k}, true);
  linear_forward<T, float>(y.view(), x.tensor.view(), w.weight());
  expect_close(y.view(), linear_forward_ref(x.values, w.values, s.m, s.n, s.k), s.k);
  linear_backward_input<T, float>(dx.view(), dy.tensor.view(), w.weight());
  expect_close(dx.view(), linear_backward_input_ref(dy.values, w.values, s.m, s.n, s.k), s.n);
  linear_backward_weight<T>(dw.view(), dy.tensor.view(), x.tensor.view());
  expect_close(dw.view(), linear_backward_weight_ref(dy.values, x.values, s.m, s.n, s.k), s.m);
}

TEST(Linear, AgreesWithTheDefinitionInF32) {
  for (const Shape& s : kShapes) check_shape<float>(s);
}
TEST(Linear, AgreesWithTheDefinitionInBf16) {
  for (const Shape& s : kShapes) check_shape<BF16>(s);
}

TEST(Linear, BiasAndAdditionComeAfterTheChain) {
  const Matrix<float> x(3, 20, 1), w(18, 20, 2), bias(1, 18, 3), start(3, 18, 4);
  Tensor<float> plain({3, 18}), y({3, 18});
  linear_forward<float, float>(plain.view(), x.tensor.view(), w.weight());
  std::memcpy(y.data(), start.tensor.data(), 3 * 18 * 4);
  linear_forward<float, float>(y.view(), x.tensor.view(), w.weight(), View<const float>(bias.tensor.data(), {18}), Store::kAdd);
  for (int64_t i = 0; i < 3 * 18; ++i) {
    EXPECT_EQ(y.data()[i], start.tensor.data()[i] + (plain.data()[i] + bias.tensor.data()[i % 18]));
  }
}

TEST(Linear, ABf16ResultIsTheF32ResultRoundedOnce) {
  const Matrix<BF16> x(9, 70, 1), w(40, 70, 2);
  Tensor<float> y({9, 40});
  Tensor<BF16> rounded({9, 40});
  linear_forward<BF16, float>(y.view(), x.tensor.view(), w.weight());
  linear_forward<BF16, BF16>(rounded.view(), x.tensor.view(), w.weight());
  for (int64_t i = 0; i < 9 * 40; ++i) EXPECT_EQ(rounded.data()[i].bits, BF16(y.data()[i]).bits);
}

// Promise 1: a row's bits depend on that row and the weights alone.
template <typename T>
void check_row_alone(int64_t n, int64_t k) {
  const int64_t m = 150;
  const Matrix<T> x(m, k, 1), w(n, k, 2);
  Tensor<float> all({m, n}), some({m, n});
  set_num_threads(1);
  linear_forward<T, float>(all.view(), x.tensor.view(), w.weight());
  for (int threads : {1, 3}) {
    set_num_threads(threads);
    for (int64_t chunk : {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{4}, int64_t{5}, int64_t{7}, int64_t{17}, int64_t{64}, m}) {
      std::memset(some.data(), 0xff, m * n * 4);
      for (int64_t r = 0; r < m; r += chunk) {
        const int64_t e = std::min(m, r + chunk);
        linear_forward<T, float>(some.view().slice(r, e), View<const T>(x.tensor.view()).slice(r, e), w.weight());
      }
      EXPECT_EQ(std::memcmp(all.data(), some.data(), m * n * 4), 0) << n << "x" << k << " chunk " << chunk << " threads " << threads;
    }
  }
}
TEST(Linear, ARowsBitsDoNotDependOnTheRowsBesideItOrTheThreads) {
  for (auto [n, k] : {std::pair<int64_t, int64_t>{64, 64}, {200, 96}, {33, 2600}, {16, 129}}) {
    check_row_alone<float>(n, k);
    check_row_alone<BF16>(n, k);
  }
}

TEST(Linear, ProductsSharedOutTogetherEqualOneAtATime) {
  const std::vector<int64_t> offsets = {0, 5, 5, 12, 40};
  const int64_t k = 48, n = 96;
  const Matrix<BF16> x(40, k, 1), dy(40, n, 2);
  std::vector<Matrix<BF16>> experts;
  std::vector<Weight> weights;
  for (int e = 0; e < 4; ++e) experts.emplace_back(n, k, 10 + e);
  for (auto& e : experts) weights.push_back(e.weight());
  Tensor<float> y({40, n}), one({40, n}), dx({40, k}), dx_one({40, k});
  Tensor<float> dw({4, n, k}, true), dw_one({4, n, k}, true);
  std::vector<LinearProduct<BF16, float>> forward, input;
  std::vector<GradientProduct<BF16>> gradient;
  for (int e = 0; e < 4; ++e) {
    const auto xs = View<const BF16>(x.tensor.view()).slice(offsets[e], offsets[e + 1]);
    const auto dys = View<const BF16>(dy.tensor.view()).slice(offsets[e], offsets[e + 1]);
    forward.push_back({y.view().slice(offsets[e], offsets[e + 1]), xs, weights[e]});
    input.push_back({dx.view().slice(offsets[e], offsets[e + 1]), dys, weights[e], true});
    gradient.push_back({View<float>(dw.data() + e * n * k, {n, k}), dys, xs});
  }
  linear_products<BF16, float>(forward);
  linear_products<BF16, float>(input);
  gradient_products<BF16>(gradient);
  for (int e = 0; e < 4; ++e) {
    const int64_t b = offsets[e], end = offsets[e + 1];
    if (b == end) continue;
    const auto xs = View<const BF16>(x.tensor.view()).slice(b, end), dys = View<const BF16>(dy.tensor.view()).slice(b, end);
    linear_forward<BF16, float>(one.view().slice(b, end), xs, weights[e]);
    linear_backward_input<BF16, float>(dx_one.view().slice(b, end), dys, weights[e]);
    linear_backward_weight<BF16>(View<float>(dw_one.data() + e * n * k, {n, k}), dys, xs);
  }
  EXPECT_EQ(std::memcmp(y.data(), one.data(), 40 * n * 4), 0);
  EXPECT_EQ(std::memcmp(dx.data(), dx_one.data(), 40 * k * 4), 0);
  EXPECT_EQ(std::memcmp(dw.data(), dw_one.data(), 4 * n * k * 4), 0);
}

TEST(Linear, F32WeightsServeBf16ArithmeticRoundedOnce) {
  const Matrix<float> w(20, 30, 2);
  Tensor<BF16> rounded({20, 30});
  for (int64_t i = 0; i < 600; ++i) rounded.data()[i] = BF16(w.tensor.data()[i]);
  Weight wb = w.weight();
  wb.data = rounded.data();
  wb.dtype = DType::kBF16;
  const Matrix<BF16> x(4, 30, 1);
  Tensor<float> a({4, 20}), b({4, 20});
  linear_forward<BF16, float>(a.view(), x.tensor.view(), w.weight());
  linear_forward<BF16, float>(b.view(), x.tensor.view(), wb);
  EXPECT_EQ(std::memcmp(a.data(), b.data(), 4 * 20 * 4), 0);
}

}  // namespace
}  // namespace fathom
