// The elementwise and routing operations at training shapes: GB/s that they read and write (each
// array once), of one thread in its own CPU time, beside memcpy over arrays of the same size.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/threads.h"
#include "ops/adamw/adamw.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/dispatch/dispatch.h"
#include "ops/embedding/embedding.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rope/rope.h"
#include "ops/router/router.h"
#include "ops/swiglu/swiglu.h"

namespace fathom {

std::string g_filter;  // part of the operation's name

namespace {

double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double median_seconds(const std::function<void()>& fn) {
  fn();
  std::vector<double> s;
  double total = 0;
  while (s.size() < 5 || (total < 0.1 && s.size() < 1000)) {
    const double t0 = cpu_seconds();
    fn();
    s.push_back(cpu_seconds() - t0);
    total += s.back();
  }
  std::sort(s.begin(), s.end());
  return s[s.size() / 2];
}

/// bytes: what one row reads and writes.
void report(const char* op, int64_t n, int64_t dim, double row_bytes,
            const std::function<void()>& fn) {
  if (std::string(op).find(g_filter) == std::string::npos) return;
  const double seconds = median_seconds(fn), rows = static_cast<double>(n);
  fmt::print(
      "{{\"op\": \"{}\", \"n\": {}, \"dim\": {}, \"us\": {:.1f}, \"ns_per_row\": {:.1f}, \"gbs\": "
      "{:.1f}}}\n",
      op, n, dim, seconds * 1e6, seconds * 1e9 / rows, row_bytes * rows * 1e-9 / seconds);
}

template <typename T>
Tensor<T> random(std::initializer_list<int64_t> shape, uint64_t stream) {
  Tensor<T> x(shape);
  const Rng rng(1, stream);
  for (int64_t i = 0; i < x.size(); ++i)
    x.data()[i] = from_f32<T>(static_cast<float>(rng.normal(i % 8192)));
  return x;
}

void elementwise(int64_t n, int64_t dim) {
  const double d = static_cast<double>(dim);
  auto xf = random<float>({n, dim}, 1), dy = random<float>({n, dim}, 2),
       yf = random<float>({n, dim}, 3);
  auto xb = random<BF16>({n, dim}, 4), yb = random<BF16>({n, dim}, 5);
  auto gate_up = random<BF16>({n, 2 * dim}, 6), dgate_up = random<BF16>({n, 2 * dim}, 7);
  auto gate_up_f = random<float>({n, 2 * dim}, 6), dgate_up_f = random<float>({n, 2 * dim}, 7);
  auto weight = random<float>({dim}, 8), dweight = random<float>({dim}, 9),
       inv = random<float>({n}, 10);
  report("memcpy_f32", n, dim, 8 * d,
         [&] { std::memcpy(yf.data(), xf.data(), static_cast<size_t>(n * dim) * 4); });
  report("rms_norm_forward f32->bf16", n, dim, 6 * d, [&] {
    rms_norm_forward<BF16, float>(yb.view(), inv.view(), xf.view(), weight.view(), 1e-6f);
  });
  report("rms_norm_forward f32->f32", n, dim, 8 * d, [&] {
    rms_norm_forward<float, float>(yf.view(), inv.view(), xf.view(), weight.view(), 1e-6f);
  });
  report("rms_norm_backward f32", n, dim, 12 * d, [&] {
    rms_norm_backward<float>(yf.view(), dweight.view(), dy.view(), xf.view(), weight.view(),
                             inv.view(), false);
  });
  report("rms_norm_backward bf16 accumulate", n, dim, 14 * d, [&] {
    rms_norm_backward<BF16>(yf.view(), dweight.view(), dy.view(), xb.view(), weight.view(),
                            inv.view(), true);
  });
  report("swiglu_forward bf16", n, dim, 6 * d,
         [&] { swiglu_forward<BF16>(yb.view(), gate_up.view()); });
  report("swiglu_forward f32", n, dim, 12 * d,
         [&] { swiglu_forward<float>(yf.view(), gate_up_f.view()); });
  report("swiglu_backward bf16", n, dim, 10 * d,
         [&] { swiglu_backward<BF16, BF16>(dgate_up.view(), xb.view(), gate_up.view()); });
  report("swiglu_backward f32", n, dim, 20 * d,
         [&] { swiglu_backward<float, float>(dgate_up_f.view(), xf.view(), gate_up_f.view()); });
  Tensor<int32_t> positions({n});
  for (int64_t i = 0; i < n; ++i) positions.data()[i] = static_cast<int32_t>(i);
  for (RopePairs pairs : {RopePairs::kInterleaved, RopePairs::kHalves}) {
    RopeTable table({.dim = 64, .pairs = pairs});
    table.reserve(n);
    const char* name =
        pairs == RopePairs::kInterleaved ? "rope interleaved bf16" : "rope halves bf16";
    report(name, n, dim, 4 * d, [&] {
      rope_apply<BF16>(View<BF16>(xb.data(), {n, dim / 64, 64}), 0, positions.view(), table);
    });
  }
  auto table = random<float>({1024, dim}, 11);
  Tensor<int32_t> ids({n});
  const Rng rng(2, 3);
  for (int64_t i = 0; i < n; ++i) ids.data()[i] = static_cast<int32_t>(rng.below(i, 1024));
  const Weight w{.data = table.data(), .dtype = DType::kF32, .rows = 1024, .cols = dim};
  report("embedding_forward f32", n, dim, 8 * d,
         [&] { embedding_forward(yf.view(), ids.view(), w); });
  report("embedding_backward", n, dim, 12 * d,
         [&] { embedding_backward(table.view(), dy.view(), ids.view()); });
}

void moe(int64_t n, int64_t dim, const RouterSpec& spec) {
  const int64_t n_experts = spec.n_routed_experts, k = spec.num_experts_per_tok;
  const double d = static_cast<double>(dim), kd = static_cast<double>(k),
               e = static_cast<double>(n_experts);
  auto logits = random<float>({n, n_experts}, 1), affinity = random<float>({n, n_experts}, 2),
       dlogits = random<float>({n, n_experts}, 3);
  const Rng rng(7, 7);
  for (int64_t i = 0; i < n * n_experts; ++i) logits.data()[i] = static_cast<float>(rng.normal(i));
  auto weights = random<float>({n, k}, 4), dweights = random<float>({n, k}, 5),
       bias = random<float>({n_experts}, 6);
  Tensor<int32_t> ids({n, k});
  const RouterOut out{ids.view(), weights.view(), affinity.view()};
  router_forward(out, logits.view(), bias.view(), spec);  // the others need its choice
  report("router_forward", n, n_experts, 8 * e,
         [&] { router_forward(out, logits.view(), bias.view(), spec); });
  report("router_backward", n, n_experts, 8 * e,
         [&] { router_backward(dlogits.view(), dweights.view(), {}, out, spec); });
  report("balance_loss", n, n_experts, 8 * e,
         [&] { balance_loss(dlogits.view(), out, n % 4 == 0 ? 4 : 1, 1e-4f, spec); });
  report("plan_dispatch", n, k, 12 * kd, [&] { plan_dispatch(ids.view(), n_experts); });
  const DispatchPlan plan = plan_dispatch(ids.view(), n_experts);
  auto x = random<BF16>({n, dim}, 7), xs = random<BF16>({n * k, dim}, 8),
       dys = random<BF16>({n * k, dim}, 9);
  auto y = random<float>({n, dim}, 10);
  report("dispatch_forward bf16", n, dim, 2 * d * (1 + kd),
         [&] { dispatch_forward<BF16>(xs.view(), x.view(), plan); });
  report("dispatch_backward bf16", n, dim, d * (8 + 2 * kd),
         [&] { dispatch_backward<BF16>(y.view(), xs.view(), plan); });
  report("combine_forward bf16", n, dim, d * (8 + 2 * kd),
         [&] { combine_forward<BF16>(y.view(), xs.view(), weights.view(), plan); });
  report("combine_backward bf16", n, dim, d * (4 + 4 * kd), [&] {
    combine_backward<BF16>(dys.view(), dweights.view(), y.view(), xs.view(), weights.view(), plan);
  });
}

void optimizer(int64_t n) {
  auto p = random<float>({n}, 1), g = random<float>({n}, 2), m = random<float>({n}, 3);
  Tensor<float> v({n}, true);
  auto mb = random<BF16>({n}, 4);
  Tensor<BF16> vb({n}, true);
  const AdamWStep step{.lr = 1e-4, .weight_decay = 0.1, .step = 100};
  report("adamw f32", 1, n, 28.0 * static_cast<double>(n),
         [&] { adamw_step<float>(p.view(), m.view(), v.view(), {}, g.view(), step); });
  report("adamw bf16 moments", 1, n, 20.0 * static_cast<double>(n),
         [&] { adamw_step<BF16>(p.view(), mb.view(), vb.view(), {}, g.view(), step); });
  report("sum_of_squares", 1, n, 4.0 * static_cast<double>(n), [&] { sum_of_squares(g.view()); });
}

void loss(int64_t n, int64_t vocab) {
  auto logits = random<float>({n, vocab}, 1), dlogits = random<float>({n, vocab}, 2);
  auto dbf16 = random<BF16>({n, vocab}, 3);
  Tensor<int32_t> targets({n}, true);
  const double v = static_cast<double>(vocab);
  report("cross_entropy forward", n, vocab, 4 * v,
         [&] { cross_entropy<float>({}, {}, logits.view(), targets.view(), {}, 1.0f); });
  report("cross_entropy f32", n, vocab, 8 * v, [&] {
    cross_entropy<float>(dlogits.view(), {}, logits.view(), targets.view(), {}, 1.0f);
  });
  report("cross_entropy bf16", n, vocab, 6 * v,
         [&] { cross_entropy<BF16>(dbf16.view(), {}, logits.view(), targets.view(), {}, 1.0f); });
}

}  // namespace
}  // namespace fathom

int main(int argc, char** argv) {
  if (argc > 1) fathom::g_filter = argv[1];
  fathom::set_num_threads(1);
  fathom::elementwise(4096, 512);
  fathom::elementwise(4096, 2048);
  fathom::elementwise(1, 2048);
  fathom::moe(4096, 512, {.n_routed_experts = 32, .num_experts_per_tok = 4});
  fathom::moe(4096, 512,
              {.n_routed_experts = 256, .num_experts_per_tok = 8, .n_group = 8, .topk_group = 4});
  fathom::moe(1, 2048,
              {.n_routed_experts = 256, .num_experts_per_tok = 8, .n_group = 8, .topk_group = 4});
  fathom::optimizer(int64_t{1} << 24);
  fathom::loss(512, 8192);
  fathom::loss(16, 129280);
}
