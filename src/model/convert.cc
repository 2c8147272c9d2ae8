#include "model/convert.h"

#include <algorithm>

#include "base/threads.h"
#include "ops/row_grain.h"
#include "quant/act_fp8.h"
#include "quant/decode.h"

namespace fathom {
namespace {

template <typename S>
Weight as_weight(View<const S> m) {
  Weight w;
  w.data = m.data();
  w.dtype = dtype_of<S>;
  w.rows = 1;
  w.cols = m.dim(1);
  return w;
}

}  // namespace

template <typename T, typename S>
void convert(View<T> dst, View<const S> src) {
  FATHOM_CHECK(dst.rank() == 2 && src.rank() == 2 && dst.dim(0) == src.dim(0) && dst.dim(1) == src.dim(1));
  parallel_ranges(src.dim(0), row_grain(src.dim(1)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) decode_rows(dst.row(i), as_weight(src.slice(i, i + 1)), 0, 1, 0, src.dim(1), src.dim(1));
  });
}
template void convert(View<float>, View<const float>);
template void convert(View<float>, View<const BF16>);
template void convert(View<BF16>, View<const float>);
template void convert(View<BF16>, View<const BF16>);

template <typename T>
void fp8_round_trip(View<T> dst, View<const T> src) {
  if constexpr (sizeof(T) == 4) {
    round_act_fp8(dst, src, false);
  } else {
    const int64_t dim = src.dim(1);
    parallel_ranges(src.dim(0), row_grain(dim), [&](int64_t begin, int64_t end) {
      Tensor<float> row({1, dim});
      for (int64_t i = begin; i < end; ++i) {
        decode_rows(row.data(), as_weight(src.slice(i, i + 1)), 0, 1, 0, dim, dim);
        round_act_fp8(row.view(), row.view(), false);
        decode_rows(dst.row(i), as_weight(View<const float>(row.view())), 0, 1, 0, dim, dim);
      }
    });
  }
}
template void fp8_round_trip(View<float>, View<const float>);
template void fp8_round_trip(View<BF16>, View<const BF16>);

template <typename T>
void fp8_round_trip_columns(View<T> dst, View<const T> src) {
  constexpr int64_t kCols = 32;
  const int64_t n = src.dim(0), dim = src.dim(1);
  parallel_ranges(dim, kCols, [&](int64_t begin, int64_t end) {
    Tensor<float> transposed({end - begin, kActFp8Piece});
    for (int64_t r = 0; r < n; r += kActFp8Piece) {
      const int64_t rows = std::min(kActFp8Piece, n - r);
      const auto piece = View<float>::rows(transposed.data(), end - begin, rows, kActFp8Piece);
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t c = begin; c < end; ++c) piece.row(c - begin)[i] = to_f32(src.row(r + i)[c]);
      }
      round_act_fp8(piece, piece, false);
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t c = begin; c < end; ++c) dst.row(r + i)[c] = T(piece.row(c - begin)[i]);
      }
    }
  });
}
template void fp8_round_trip_columns(View<float>, View<const float>);
template void fp8_round_trip_columns(View<BF16>, View<const BF16>);

}  // namespace fathom
