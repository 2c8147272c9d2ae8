#include "quant/act_fp8.h"

#include <algorithm>

#include "base/threads.h"
#include "quant/convert_kernels.h"
#include "quant/e4m3.h"
#include "quant/ue8m0.h"

namespace fathom {
namespace {

constexpr float kActFloor = 1e-4f;  // of a piece's largest magnitude
constexpr int64_t kRowsATime = 8;

float scale_of(const ConvertKernels& kernels, const float* x, int64_t n, bool ue8m0) {
  const float scale = std::max(kernels.max_abs(x, n), kActFloor) / kE4m3Max;
  return ue8m0 ? ceil_power_of_two(scale) : scale;
}

/// Calls fn(row, piece, first channel, channels) for every piece of x.
template <typename Fn>
void for_pieces(View<const float> x, const Fn& fn) {
  const int64_t dim = x.dim(1);
  parallel_ranges(x.dim(0), kRowsATime, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t c = 0; c < dim; c += kActFp8Piece) {
        fn(row, c / kActFp8Piece, c, std::min(dim - c, kActFp8Piece));
      }
    }
  });
}

}  // namespace

void quantize_act_fp8(View<uint8_t> codes, View<float> scales, View<const float> x, bool ue8m0) {
  FATHOM_CHECK(x.rank() == 2 && codes.dim(0) == x.dim(0) && codes.dim(1) == x.dim(1));
  FATHOM_CHECK(scales.dim(0) == x.dim(0));
  FATHOM_CHECK(scales.dim(1) == (x.dim(1) + kActFp8Piece - 1) / kActFp8Piece);
  const ConvertKernels& kernels = convert_kernels_simd();
  for_pieces(x, [&](int64_t row, int64_t piece, int64_t c, int64_t n) {
    const float scale = scale_of(kernels, x.row(row) + c, n, ue8m0);
    scales.row(row)[piece] = scale;
    kernels.f32_to_e4m3(codes.row(row) + c, x.row(row) + c, n, scale);
  });
}

void round_act_fp8(View<float> y, View<const float> x, bool ue8m0) {
  FATHOM_CHECK(x.rank() == 2 && y.dim(0) == x.dim(0) && y.dim(1) == x.dim(1));
  const ConvertKernels& kernels = convert_kernels_simd();
  for_pieces(x, [&](int64_t row, int64_t, int64_t c, int64_t n) {
    uint8_t codes[kActFp8Piece];
    const float scale = scale_of(kernels, x.row(row) + c, n, ue8m0);
    kernels.f32_to_e4m3(codes, x.row(row) + c, n, scale);
    kernels.e4m3_to_f32(y.row(row) + c, codes, n, scale);
  });
}

}  // namespace fathom
