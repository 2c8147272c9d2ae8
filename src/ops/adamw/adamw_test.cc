#include "ops/adamw/adamw.h"

#include <gtest/gtest.h>

#include "ops/adamw/adamw_ref.h"
#include "ops/test_util.h"

namespace fathom {
namespace {

using test::bits_of;
using test::expect_near;
using test::random_values;
using test::to_double;
using test::vec;

template <typename M>
struct State {
  explicit State(int64_t n) : p(random_values<float>(n, 1)), ema(p), m(n), v(n) {}
  std::vector<float> p, ema;
  std::vector<M> m, v;
};

template <typename M>
void run_step(State<M>& s, const std::vector<float>& g, const AdamWStep& step) {
  adamw_step<M>(vec(s.p), vec(s.m), vec(s.v), vec(s.ema), vec(g), step);
}

TEST(AdamW, FiveStepsAgreeWithReference) {
  for (int64_t n : {1, 15, 16, 1000, 70000}) {
    State<float> s(n);
    auto p = to_double(s.p), ema = p;
    std::vector<double> m(n), v(n);
    for (int64_t k = 1; k <= 5; ++k) {
      const auto g = random_values<float>(n, 10 + k);
      const AdamWStep step{
          .lr = 1e-2, .weight_decay = 0.1, .gradient_scale = 0.3, .ema_decay = 0.9, .step = k};
      run_step(s, g, step);
      adamw_step_ref(p.data(), m.data(), v.data(), ema.data(), to_double(g).data(), n, step);
    }
    expect_near(s.p, p, 1e-6, 1e-6);
    expect_near(s.ema, ema, 1e-6, 1e-6);
    expect_near(s.m, m, 1e-6, 1e-7);
    expect_near(s.v, v, 1e-6, 0);
  }
}

TEST(AdamW, TheFirstStepMovesByTheRateAgainstTheSign) {
  std::vector<float> p = {1, 1, 1}, m(3), v(3);
  const std::vector<float> g = {100, -1e-3f, 0};
  adamw_step<float>(vec(p), vec(m), vec(v), {}, vec(g), {.lr = 0.125});
  EXPECT_NEAR(p[0], 0.875, 1e-6);
  EXPECT_NEAR(p[1], 1.125, 1e-5);
  EXPECT_EQ(p[2], 1);
}

TEST(AdamW, DecayShrinksBeforeTheStepAndOnlyWhereAsked) {
  std::vector<float> p = {2}, m(1), v(1);
  const std::vector<float> g = {0};
  adamw_step<float>(vec(p), vec(m), vec(v), {}, vec(g), {.lr = 0.5, .weight_decay = 0.5});
  EXPECT_EQ(p[0], 1.5f);
  adamw_step<float>(vec(p), vec(m), vec(v), {}, vec(g), {.lr = 0.5, .step = 2});
  EXPECT_EQ(p[0], 1.5f);
}

TEST(AdamW, Bf16MomentsAreTheF32OnesRounded) {
  const int64_t n = 1003;
  State<float> wide(n);
  State<BF16> narrow(n);
  const auto g = random_values<float>(n, 3);
  const AdamWStep step{.lr = 1e-3};
  run_step(wide, g, step);
  run_step(narrow, g, step);
  EXPECT_EQ(bits_of(wide.p),
            bits_of(narrow.p));  // from moments of 0, the step uses what was not yet rounded
  for (int64_t i = 0; i < n; ++i) {
    ASSERT_EQ(narrow.m[i].bits, BF16(wide.m[i]).bits);
    ASSERT_EQ(narrow.v[i].bits, BF16(wide.v[i]).bits);
  }
}

template <typename M>
void check_bits(int64_t n) {
  const auto g = random_values<float>(n, 4);
  const auto run = [&](int64_t piece) {
    State<M> s(n);
    for (int64_t k = 1; k <= 2; ++k) {
      const AdamWStep step{.lr = 1e-2, .weight_decay = 0.1, .ema_decay = 0.99, .step = k};
      for (int64_t b = 0; b < n; b += piece) {
        const int64_t e = std::min(n, b + piece);
        adamw_step<M>(vec(s.p).slice(b, e), vec(s.m).slice(b, e), vec(s.v).slice(b, e),
                      vec(s.ema).slice(b, e), vec(g).slice(b, e), step);
      }
    }
    return std::tuple(bits_of(s.p), bits_of(s.m), bits_of(s.v), bits_of(s.ema));
  };
  test::expect_same_everywhere([&] { return run(n); });
  EXPECT_TRUE(run(1001) == run(n));
}

TEST(AdamW, AnElementsBitsDependOnThatElementAlone) {
  check_bits<float>(200003);
  check_bits<BF16>(200003);
}

TEST(SumOfSquares, IsExactInDoubleAndTheSameForEveryThreadCount) {
  for (int64_t n : {0, 1, 31, 1000, 300001}) {
    const auto x = random_values<float>(n, 5);
    long double want = 0;
    for (float v : x) want += static_cast<long double>(v) * v;
    EXPECT_NEAR(sum_of_squares(vec(x)), static_cast<double>(want),
                1e-13 * static_cast<double>(want));
    test::expect_same_everywhere([&] { return sum_of_squares(vec(x)); });
  }
}

TEST(SumOfSquares, LargeValuesDoNotOverflow) {
  const std::vector<float> x = {1e30f, 3e30f};
  EXPECT_NEAR(sum_of_squares(vec(x)) / 1e61, 1.0, 1e-6);
}

}  // namespace
}  // namespace fathom
