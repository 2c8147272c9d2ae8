// Checks and sharing among threads. The gradient of the weight is a sum over rows: blocks of 64
// rows are summed each on its own, row by row, then the blocks' sums pairwise, so that no thread
// count shows in it.
#include "ops/rms_norm/rms_norm.h"

#include "base/threads.h"
#include "ops/rms_norm/rms_norm_kernels.h"
#include "ops/row_grain.h"
#include "ops/simd/add_row.h"

namespace fathom {
namespace {

constexpr int64_t kRowBlock = 64;

/// sum += the n_blocks rows of `partial`, added pairwise: (0+1)+(2+3)…; `partial` is used up.
void add_tree(View<float> sum, View<float> partial) {
  const auto add = add_row();
  const int64_t n_blocks = partial.dim(0), dim = partial.dim(1);
  constexpr int64_t kColumns = 256;
  const int64_t tasks_columns =
      n_blocks > 16 ? kColumns : dim;  // a few blocks are not worth a second thread
  parallel_ranges(dim, tasks_columns, [&](int64_t begin, int64_t end) {
    for (int64_t step = 1; step < n_blocks; step *= 2) {
      for (int64_t b = 0; b + step < n_blocks; b += 2 * step) {
        add(partial.row(b) + begin, partial.row(b + step) + begin, end - begin);
      }
    }
    add(sum.data() + begin, partial.row(0) + begin, end - begin);
  });
}

}  // namespace

template <typename T, typename X>
void rms_norm_forward(View<T> y, View<float> inv_rms, View<const X> x, View<const float> weight,
                      float eps) {
  const int64_t n = x.dim(0), dim = x.dim(1);
  FATHOM_CHECK(x.rank() == 2 && y.rank() == 2 && y.dim(0) == n && y.dim(1) == dim);
  FATHOM_CHECK(weight.size() == dim && (inv_rms.empty() || inv_rms.size() == n));
  const auto row = std::get<RmsNormForwardRow<T, X>>(rms_norm_kernels().forward);
  parallel_ranges(n, row_grain(dim), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float inv = row(y.row(i), x.row(i), weight.data(), eps, dim);
      if (!inv_rms.empty()) inv_rms[i] = inv;
    }
  });
}

template <typename X>
void rms_norm_backward(View<float> dx, View<float> dweight, View<const float> dy, View<const X> x,
                       View<const float> weight, View<const float> inv_rms, bool accumulate) {
  const int64_t n = x.dim(0), dim = x.dim(1);
  FATHOM_CHECK(x.rank() == 2 && dy.rank() == 2 && dy.dim(0) == n && dy.dim(1) == dim);
  FATHOM_CHECK(dx.rank() == 2 && dx.dim(0) == n && dx.dim(1) == dim);
  FATHOM_CHECK(weight.size() == dim && dweight.size() == dim && inv_rms.size() == n);
  if (n == 0) return;
  const auto row = std::get<RmsNormBackwardRow<X>>(rms_norm_kernels().backward);
  const int64_t n_blocks = (n + kRowBlock - 1) / kRowBlock;
  Tensor<float> partial({n_blocks, dim}, /*zero=*/true);
  parallel_ranges(n, kRowBlock, [&](int64_t begin, int64_t end) {
    float* sum = partial.view().row(begin / kRowBlock);
    for (int64_t i = begin; i < end; ++i) {
      row(dx.row(i), sum, dy.row(i), x.row(i), weight.data(), inv_rms[i], accumulate, dim);
    }
  });
  add_tree(dweight, partial.view());
}

template void rms_norm_forward(View<float>, View<float>, View<const float>, View<const float>,
                               float);
template void rms_norm_forward(View<float>, View<float>, View<const BF16>, View<const float>,
                               float);
template void rms_norm_forward(View<BF16>, View<float>, View<const float>, View<const float>,
                               float);
template void rms_norm_forward(View<BF16>, View<float>, View<const BF16>, View<const float>, float);
template void rms_norm_backward(View<float>, View<float>, View<const float>, View<const float>,
                                View<const float>, View<const float>, bool);
template void rms_norm_backward(View<float>, View<float>, View<const float>, View<const BF16>,
                                View<const float>, View<const float>, bool);

}  // namespace fathom
