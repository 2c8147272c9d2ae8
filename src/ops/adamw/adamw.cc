// Checks, the numbers of a step, sharing among threads in blocks of fixed size.
#include "ops/adamw/adamw.h"

#include <cmath>
#include <vector>

#include "base/threads.h"
#include "ops/adamw/adamw_kernels.h"

namespace fathom {
namespace {

constexpr int64_t kBlock = int64_t{1} << 16;

AdamWNumbers numbers_of(const AdamWStep& s) {
  const double correction1 = 1.0 - std::pow(s.beta1, static_cast<double>(s.step));
  const double correction2 = 1.0 - std::pow(s.beta2, static_cast<double>(s.step));
  return {.gradient_scale = static_cast<float>(s.gradient_scale),
          .keep = static_cast<float>(1.0 - s.lr * s.weight_decay),
          .beta1 = static_cast<float>(s.beta1),
          .one_minus_beta1 = static_cast<float>(1.0 - s.beta1),
          .beta2 = static_cast<float>(s.beta2),
          .one_minus_beta2 = static_cast<float>(1.0 - s.beta2),
          .rate = static_cast<float>(s.lr / correction1),
          .inverse_root_correction2 = static_cast<float>(1.0 / std::sqrt(correction2)),
          .eps = static_cast<float>(s.eps),
          .ema_share = static_cast<float>(1.0 - s.ema_decay)};
}

}  // namespace

template <typename M>
void adamw_step(View<float> p, View<M> m, View<M> v, View<float> ema, View<const float> g,
                const AdamWStep& step) {
  const int64_t n = p.size();
  FATHOM_CHECK(m.size() == n && v.size() == n && g.size() == n && (ema.empty() || ema.size() == n));
  FATHOM_CHECK(p.contiguous() && m.contiguous() && v.contiguous() && g.contiguous() &&
               ema.contiguous());
  FATHOM_CHECK(step.step >= 1);
  const AdamWNumbers numbers = numbers_of(step);
  const auto range = std::get<AdamWRange<M>>(adamw_kernels().step);
  parallel_ranges(n, kBlock, [&](int64_t begin, int64_t end) {
    range(p.data() + begin, m.data() + begin, v.data() + begin,
          ema.empty() ? nullptr : ema.data() + begin, g.data() + begin, end - begin, numbers);
  });
}

double sum_of_squares(View<const float> x) {
  FATHOM_CHECK(x.contiguous());
  const int64_t n = x.size();
  if (n == 0) return 0;
  const auto range = adamw_kernels().sum_of_squares;
  std::vector<double> sums(static_cast<size_t>((n + kBlock - 1) / kBlock));
  parallel_ranges(n, kBlock, [&](int64_t begin, int64_t end) {
    sums[begin / kBlock] = range(x.data() + begin, end - begin);
  });
  for (size_t step = 1; step < sums.size(); step *= 2) {
    for (size_t b = 0; b + step < sums.size(); b += 2 * step) sums[b] += sums[b + step];
  }
  return sums[0];
}

template void adamw_step(View<float>, View<float>, View<float>, View<float>, View<const float>,
                         const AdamWStep&);
template void adamw_step(View<float>, View<BF16>, View<BF16>, View<float>, View<const float>,
                         const AdamWStep&);

}  // namespace fathom
