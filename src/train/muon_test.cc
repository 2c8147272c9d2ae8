#include "train/muon.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "base/threads.h"

namespace fathom {
namespace {

using Matrix = std::vector<double>;  // row-major

Matrix random_matrix(int64_t rows, int64_t cols, uint64_t seed) {
  const Rng rng(seed, 0);
  Matrix m(static_cast<size_t>(rows * cols));
  for (size_t i = 0; i < m.size(); ++i) m[i] = static_cast<float>(rng.normal(i));
  return m;
}

Matrix product(const Matrix& a, const Matrix& b, int64_t n, int64_t k, int64_t m) {
  Matrix c(static_cast<size_t>(n * m));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j)
      for (int64_t l = 0; l < k; ++l) c[i * m + j] += a[i * k + l] * b[l * m + j];
  return c;
}

Matrix transposed(const Matrix& a, int64_t n, int64_t m) {
  Matrix t(a.size());
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j) t[j * n + i] = a[i * m + j];
  return t;
}

// The iteration as it is written, in double, on the matrix as it is given.
Matrix reference(Matrix x, int64_t n, int64_t m) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  for (double& v : x) v /= std::sqrt(sum);
  for (int k = 0; k < 5; ++k) {
    const Matrix gram = product(x, transposed(x, n, m), n, m, n);
    const Matrix once = product(gram, x, n, n, m), twice = product(gram, once, n, n, m);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = 3.4445 * x[i] - 4.775 * once[i] + 2.0315 * twice[i];
  }
  return x;
}

void fill(Orthogonaliser& o, int64_t k, const Matrix& m) {
  for (size_t i = 0; i < m.size(); ++i) o.at(k, static_cast<int64_t>(i)) = static_cast<float>(m[i]);
}

const std::vector<std::pair<int64_t, int64_t>> kShapes = {
    {5, 9}, {9, 5}, {16, 16}, {1, 7}, {40, 3}};

TEST(Orthogonaliser, DoesWhatTheIterationSays) {
  Orthogonaliser o(kShapes);
  std::vector<Matrix> in;
  for (size_t k = 0; k < kShapes.size(); ++k) {
    in.push_back(random_matrix(kShapes[k].first, kShapes[k].second, k));
    fill(o, static_cast<int64_t>(k), in.back());
  }
  o.run();
  for (size_t k = 0; k < kShapes.size(); ++k) {
    const auto [n, m] = kShapes[k];
    const Matrix wanted = reference(in[k], n, m);
    for (size_t i = 0; i < wanted.size(); ++i)
      ASSERT_NEAR(o.at(static_cast<int64_t>(k), static_cast<int64_t>(i)), wanted[i], 2e-4)
          << n << " x " << m << " at " << i;
  }
}

TEST(Orthogonaliser, RowsBecomeNearlyOrthonormal) {
  Orthogonaliser o({{6, 20}});
  fill(o, 0, random_matrix(6, 20, 3));
  o.run();
  for (int64_t a = 0; a < 6; ++a) {
    for (int64_t b = 0; b < 6; ++b) {
      double dot = 0;
      for (int64_t j = 0; j < 20; ++j) dot += o.at(0, a * 20 + j) * o.at(0, b * 20 + j);
      // Squares of singular values between 0.68 and 1.2.
      EXPECT_NEAR(dot, a == b ? 0.95 : 0.0, 0.5);
    }
  }
}

TEST(Orthogonaliser, ZerosStayAndThreadsDoNotMatter) {
  const auto run = [](int threads) {
    set_num_threads(threads);
    Orthogonaliser o({{4, 4}, {30, 50}, {50, 30}});
    fill(o, 1, random_matrix(30, 50, 1));
    fill(o, 2, random_matrix(50, 30, 2));
    for (int64_t i = 0; i < 16; ++i) o.at(0, i) = 0;
    o.run();
    std::vector<float> out;
    const int64_t sizes[] = {16, 1500, 1500};
    for (int64_t k = 0; k < 3; ++k)
      for (int64_t i = 0; i < sizes[k]; ++i) out.push_back(o.at(k, i));
    return out;
  };
  const int before = num_threads();
  const std::vector<float> one = run(1), three = run(3);
  set_num_threads(before);
  for (size_t i = 0; i < 16; ++i) EXPECT_EQ(one[i], 0.0f);
  EXPECT_EQ(std::memcmp(one.data(), three.data(), one.size() * sizeof(float)), 0);
}

TEST(Muon, UpdatesAreScaledByTheLongerSide) {
  EXPECT_DOUBLE_EQ(muon_scale(100, 25), 2.0);
  EXPECT_DOUBLE_EQ(muon_scale(25, 100), 2.0);
}

}  // namespace
}  // namespace fathom
