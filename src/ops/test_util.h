// What the tests of the operations share: random arrays, comparison with the double reference,
// equality of bits.
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "base/rng.h"
#include "base/threads.h"
#include "tensor/view.h"

namespace fathom::test {

/// n normal values times `scale`, rounded to T.
template <typename T>
std::vector<T> random_values(int64_t n, uint64_t stream, double scale = 1.0) {
  const Rng rng(/*seed=*/20240607, stream);
  std::vector<T> x(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) x[i] = from_f32<T>(static_cast<float>(rng.normal(i) * scale));
  return x;
}

template <typename T>
std::vector<double> to_double(const std::vector<T>& x) {
  std::vector<double> y(x.size());
  for (size_t i = 0; i < x.size(); ++i) y[i] = to_f32(x[i]);
  return y;
}

/// |got - want| <= atol + rtol * |want| everywhere. A BF16 result is allowed its rounding (8
/// significant bits) on top.
template <typename T>
void expect_near(const std::vector<T>& got, const std::vector<double>& want, double rtol,
                 double atol) {
  ASSERT_EQ(got.size(), want.size());
  if (std::is_same_v<T, BF16>) rtol += 0x1p-8;  // half a unit in the last place
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(static_cast<double>(to_f32(got[i])) - want[i]);
    if (error <= atol + rtol * std::abs(want[i])) continue;
    FAIL() << "at " << i << ": " << to_f32(got[i]) << ", wanted " << want[i];
  }
}

template <typename T>
View<T> matrix(std::vector<T>& x, int64_t n, int64_t dim) {
  return View<T>(x.data(), {n, dim});
}
template <typename T>
View<const T> matrix(const std::vector<T>& x, int64_t n, int64_t dim) {
  return View<const T>(x.data(), {n, dim});
}
template <typename T>
View<T> vec(std::vector<T>& x) {
  return View<T>(x.data(), {static_cast<int64_t>(x.size())});
}
template <typename T>
View<const T> vec(const std::vector<T>& x) {
  return View<const T>(x.data(), {static_cast<int64_t>(x.size())});
}

/// Calls fn() under 1, 2 and 3 threads and on AVX2, and expects the same value (compared by ==)
/// each time.
template <typename Fn>
void expect_same_everywhere(const Fn& fn) {
  set_num_threads(1);
  const auto want = fn();
  for (int threads : {2, 3}) {
    set_num_threads(threads);
    EXPECT_TRUE(fn() == want) << threads << " threads";
  }
  const int64_t machine = hwy::SupportedTargets();
  hwy::GetChosenTarget().Update(machine & ~(HWY_AVX3 | HWY_AVX3_DL));
  EXPECT_TRUE(fn() == want) << "AVX2";
  hwy::GetChosenTarget().Update(machine);
  set_num_threads(2);
}

/// Bit patterns, so that == compares bits.
template <typename T>
std::vector<uint8_t> bits_of(const std::vector<T>& x) {
  std::vector<uint8_t> b(x.size() * sizeof(T));
  if (!x.empty()) std::memcpy(b.data(), x.data(), b.size());
  return b;
}

/// d loss / d x[i] by central differences, where loss(x) is a double function of a double vector.
template <typename Loss>
std::vector<double> central_differences(std::vector<double> x, const Loss& loss,
                                        double step = 1e-5) {
  std::vector<double> d(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double was = x[i];
    x[i] = was + step;
    const double up = loss(x);
    x[i] = was - step;
    d[i] = (up - loss(x)) / (2 * step);
    x[i] = was;
  }
  return d;
}

/// sum a[i] * b[i]: turns a vector output into the scalar whose gradient is b.
inline double inner(const std::vector<double>& a, const std::vector<double>& b) {
  double s = 0;
  for (size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}

}  // namespace fathom::test
