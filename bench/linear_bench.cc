// Matrix products at the shapes of training, prefill and decode: GFLOP/s (and GB/s of weights) of one thread in its own CPU time, beside
// oneDNN's matmul on the same shape with weights as they lie ("plain") and repacked by oneDNN beforehand ("packed").
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "base/threads.h"
#include "ops/linear/linear.h"
#ifdef FATHOM_PEER_ONEDNN
#include <omp.h>

#include <dnnl.hpp>
#endif

namespace fathom {
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
  while (s.size() < 5 || (total < 0.2 && s.size() < 1000)) {
    const double t0 = cpu_seconds();
    fn();
    s.push_back(cpu_seconds() - t0);
    total += s.back();
  }
  std::sort(s.begin(), s.end());
  return s[s.size() / 2];
}

void report(const char* variant, int64_t m, int64_t n, int64_t k, double seconds) {
  fmt::print("{{\"op\": \"linear\", \"variant\": \"{}\", \"m\": {}, \"n\": {}, \"k\": {}, \"us\": {:.1f}, \"gflops\": {:.1f}, \"weight_gbs\": {:.1f}}}\n", variant, m,
             n, k, seconds * 1e6, 2e-9 * static_cast<double>(m * n * k) / seconds, 2e-9 * static_cast<double>(n * k) / seconds);
}

#ifdef FATHOM_PEER_ONEDNN
void onednn(bool packed, bool transpose_a, int64_t m, int64_t n, int64_t k, BF16* x, BF16* w, BF16* y) {
  using namespace dnnl;
  using dt = memory::data_type;
  using tag = memory::format_tag;
  engine eng(engine::kind::cpu, 0);
  stream s(eng);
  memory::desc a({m, k}, dt::bf16, transpose_a ? tag::ba : tag::ab), plain({k, n}, dt::bf16, transpose_a ? tag::ab : tag::ba), c({m, n}, transpose_a ? dt::f32 : dt::bf16, tag::ab);
  memory::desc b = packed ? memory::desc({k, n}, dt::bf16, tag::any) : plain;
  matmul::primitive_desc pd(matmul::desc(a, b, c), eng);
  matmul prim(pd);
  memory ma(a, eng, x), mp(plain, eng, w), mb = mp, mc(c, eng, y);
  if (packed) {
    mb = memory(pd.weights_desc(), eng);
    reorder(mp, mb).execute(s, mp, mb);
  }
  const double seconds = median_seconds([&] {
    prim.execute(s, {{DNNL_ARG_SRC, ma}, {DNNL_ARG_WEIGHTS, mb}, {DNNL_ARG_DST, mc}});
    s.wait();
  });
  report(transpose_a ? "onednn-dw" : packed ? "onednn-packed" : "onednn-plain", m, n, k, seconds);
}
#endif

void shape(int64_t m, int64_t n, int64_t k) {
  Tensor<BF16> x({m, k}, true), w({n, k}, true), y({m, n});
  Tensor<float> dw({n, k}, true), big({m, n});
  Weight weight;
  weight.data = w.data();
  weight.dtype = DType::kBF16;
  weight.rows = n;
  weight.cols = k;
  report("forward", m, n, k, median_seconds([&] { linear_forward<BF16, BF16>(y.view(), x.view(), weight); }));
  if (m >= 64) {
    report("dx", m, n, k, median_seconds([&] { linear_backward_input<BF16, BF16>(x.view(), y.view(), weight); }));
    report("dw", m, n, k, median_seconds([&] { linear_backward_weight<BF16>(dw.view(), y.view(), x.view()); }));
  }
#ifdef FATHOM_PEER_ONEDNN
  onednn(false, false, m, n, k, x.data(), w.data(), y.data());
  onednn(true, false, m, n, k, x.data(), w.data(), y.data());
  if (m >= 64) onednn(false, true, n, k, m, y.data(), x.data(), reinterpret_cast<BF16*>(dw.data()));
#endif
}

}  // namespace
}  // namespace fathom

int main() {
#ifdef FATHOM_PEER_ONEDNN
  omp_set_num_threads(1);
#endif
  fathom::set_num_threads(1);
  fathom::shape(4096, 512, 512);
  fathom::shape(512, 256, 512);
  fathom::shape(512, 512, 256);
  fathom::shape(512, 2048, 2048);
  fathom::shape(4096, 160, 512);
  fathom::shape(16, 2048, 2048);
  fathom::shape(1, 8192, 8192);
}
