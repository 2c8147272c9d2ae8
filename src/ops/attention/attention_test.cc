#include "ops/attention/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "base/threads.h"
#include "ops/attention/attention_ref.h"

namespace fathom {
namespace {

template <typename T>
struct Case {
  AttentionRefShape shape;
  int64_t padded;  // keys in whole tiles
  Tensor<T> q, k, v, out;
  Tensor<float> lse;
  std::vector<double> dq, dk, dv;
  std::vector<const T*> k_tiles, v_tiles;

  explicit Case(AttentionRefShape s) : shape(std::move(s)) {
    padded = (shape.n + 63) / 64 * 64;
    q = fill(shape.n, shape.n, shape.n_heads * shape.qk_dim, 1, dq);
    k = fill(shape.n, padded, shape.n_kv_heads * shape.qk_dim, 2, dk);
    v = fill(shape.n, padded, shape.n_kv_heads * shape.v_dim, 3, dv);
    out = Tensor<T>({shape.n, shape.n_heads * shape.v_dim});
    lse = Tensor<float>({shape.n, shape.n_heads});
    for (int64_t t = 0; t < padded; t += 64) {
      k_tiles.push_back(k.view().row(t));
      v_tiles.push_back(v.view().row(t));
    }
  }
  Tensor<T> fill(int64_t n, int64_t rows, int64_t cols, uint64_t stream, std::vector<double>& values) {
    Tensor<T> t({rows, cols}, true);
    const Rng rng(9, stream);
    values.resize(n * cols);
    for (int64_t i = 0; i < n * cols; ++i) {
      t.data()[i] = T(static_cast<float>(rng.normal(i)));
      values[i] = to_f32(t.data()[i]);
    }
    return t;
  }
  AttentionProblem<T> problem(int64_t begin, int64_t end) {
    AttentionProblem<T> p;
    p.q = q.view().row(begin);
    p.q_token_stride = q.dim(1);
    p.q_head_stride = p.qk_dim = shape.qk_dim;
    p.n_queries = end - begin;
    p.first_position = begin;
    p.n_heads = shape.n_heads;
    p.n_kv_heads = shape.n_kv_heads;
    p.k_tiles = k_tiles;
    p.v_tiles = v_tiles;
    p.k_token_stride = k.dim(1);
    p.v_token_stride = v.dim(1);
    p.k_head_stride = shape.qk_dim;
    p.v_head_stride = p.v_dim = shape.v_dim;
    p.n_keys = padded;
    p.scale = static_cast<float>(shape.scale);
    p.out = out.view().row(begin);
    p.out_token_stride = out.dim(1);
    p.out_head_stride = shape.v_dim;
    p.lse = lse.view().row(begin);
    if (!shape.first_visible.empty()) p.first_visible = shape.first_visible.data() + begin;
    return p;
  }
  void run(int64_t chunk) {
    for (int64_t b = 0; b < shape.n; b += chunk) {
      const auto p = problem(b, std::min(shape.n, b + chunk));
      attention_forward<T>(std::span(&p, 1));
    }
  }
};

std::vector<AttentionRefShape> shapes() {
  return {{1, 1, 1, 2, 1, 0.7, {}},   {5, 2, 2, 6, 5, 0.4, {}},    {70, 4, 2, 24, 16, 0.2, {}},   {130, 16, 1, 40, 33, 0.15, {}},
          {64, 3, 3, 32, 48, 0.2, {}}, {65, 70, 1, 8, 8, 0.3, {}}, {600, 2, 1, 16, 16, 0.25, {}}};
}

template <typename T>
void check_forward(double tolerance) {
  for (const auto& s : shapes()) {
    Case<T> c(s);
    c.run(s.n);
    const auto want = attention_forward_ref(c.dq, c.dk, c.dv, s);
    double worst = 0;
    for (size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(want[i] - to_f32(c.out.data()[i])));
    EXPECT_LT(worst, tolerance) << s.n << " " << s.n_heads << " " << s.qk_dim;
  }
}
TEST(Attention, AgreesWithTheDefinitionInF32) { check_forward<float>(3e-6); }
TEST(Attention, AgreesWithTheDefinitionInBf16) { check_forward<BF16>(3e-2); }  // probabilities and outputs of 8 bits

TEST(Attention, DocumentsAreHiddenFromEachOther) {
  AttentionRefShape s{150, 2, 2, 8, 8, 0.4, {}};
  for (int64_t i = 0; i < s.n; ++i) s.first_visible.push_back(i < 70 ? 0 : i < 100 ? 70 : 100);
  Case<float> c(s);
  c.run(s.n);
  const auto want = attention_forward_ref(c.dq, c.dk, c.dv, s);
  for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(want[i], c.out.data()[i], 3e-6);
}

template <typename T>
void check_chunks() {
  for (const auto& s : {AttentionRefShape{1200, 2, 1, 16, 8, 0.25, {}}, AttentionRefShape{140, 16, 1, 48, 32, 0.2, {}}}) {
    set_num_threads(1);
    Case<T> whole(s);
    whole.run(s.n);
    for (int threads : {1, 3}) {
      set_num_threads(threads);
      for (int64_t chunk : {1, 100, 511}) {
        Case<T> c(s);
        c.run(chunk);
        EXPECT_EQ(std::memcmp(whole.out.data(), c.out.data(), whole.out.size() * sizeof(T)), 0) << chunk << " " << threads;
      }
    }
  }
}
TEST(Attention, EveryChunkAndThreadCountGivesTheSameBits) {
  check_chunks<float>();
  check_chunks<BF16>();
}

// d(sum out * w)/d(input) by central differences of the definition.
template <typename T>
void check_backward(double tolerance) {
  for (AttentionRefShape s : {AttentionRefShape{9, 2, 2, 6, 4, 0.5, {}}, AttentionRefShape{70, 1, 1, 4, 6, 0.5, {}},
                              AttentionRefShape{40, 2, 2, 80, 70, 0.1, {}}}) {
    if (s.n == 40) {
      for (int64_t i = 0; i < s.n; ++i) s.first_visible.push_back(i < 15 ? 0 : 15);
    }
    Case<T> c(s);
    c.run(s.n);
    std::vector<double> w;
    const Tensor<T> dout = c.fill(s.n, s.n, s.n_heads * s.v_dim, 4, w);
    Tensor<T> dq({s.n, s.n_heads * s.qk_dim}), dk({s.n, s.n_heads * s.qk_dim}), dv({s.n, s.n_heads * s.v_dim});
    AttentionGradient<T> g;
    g.forward = c.problem(0, s.n);
    g.forward.n_keys = s.n;
    g.dout = dout.data();
    g.dq = dq.data();
    g.dk = dk.data();
    g.dv = dv.data();
    g.dq_token_stride = g.dk_token_stride = s.n_heads * s.qk_dim;
    g.dq_head_stride = g.dk_head_stride = s.qk_dim;
    g.dv_token_stride = s.n_heads * s.v_dim;
    g.dv_head_stride = s.v_dim;
    attention_backward<T>(std::span<const AttentionGradient<T>>(&g, 1));
    const auto value = [&] {
      const auto out = attention_forward_ref(c.dq, c.dk, c.dv, s);
      double sum = 0;
      for (size_t i = 0; i < out.size(); ++i) sum += out[i] * w[i];
      return sum;
    };
    const auto check = [&](std::vector<double>& x, const T* got, const char* name) {
      const int64_t step = std::max<int64_t>(1, static_cast<int64_t>(x.size()) / 23);
      for (size_t i = 0; i < x.size(); i += step) {
        const double keep = x[i], h = 1e-4;
        x[i] = keep + h;
        const double up = value();
        x[i] = keep - h;
        const double down = value();
        x[i] = keep;
        EXPECT_NEAR((up - down) / (2 * h), to_f32(got[i]), tolerance) << name << " " << i << " of n " << s.n;
      }
    };
    check(c.dq, dq.data(), "dq");
    check(c.dk, dk.data(), "dk");
    check(c.dv, dv.data(), "dv");
  }
}
TEST(Attention, BackwardAgreesWithDifferencesInF32) { check_backward<float>(2e-5); }
TEST(Attention, BackwardAgreesWithDifferencesInBf16) { check_backward<BF16>(6e-2); }  // operands of 8 bits

}  // namespace
}  // namespace fathom
