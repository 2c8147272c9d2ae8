#include "quant/decode.h"

#include <algorithm>
#include <cstring>

#include "quant/formats.h"
#include "quant/ue8m0.h"

namespace fathom {
namespace {

template <typename Out, typename Kernel>
void decode(Out* dst, const Weight& w, const Format& format, Kernel kernel, int64_t row,
            int64_t n_rows, int64_t col, int64_t n_cols, int64_t dst_stride) {
  FATHOM_CHECK(row >= 0 && n_rows >= 0 && row + n_rows <= w.rows);
  FATHOM_CHECK(col >= 0 && n_cols >= 0 && col + n_cols <= w.cols);
  const auto* base = static_cast<const uint8_t*>(w.data);
  const bool blocks = w.scale_inv != nullptr;
  const int64_t end = col + n_cols;
  for (int64_t i = 0; i < n_rows; ++i) {
    const int64_t r = row + i;
    // One call per block of columns, whose scale is one; without scales the row is one piece.
    for (int64_t c = col; c < end;) {
      const int64_t stop = blocks ? std::min(end, (c / w.block_cols + 1) * w.block_cols) : end;
      kernel(dst + i * dst_stride + (c - col), base + (r * w.cols + c) * format.bytes_per_element,
             stop - c, blocks ? block_scale(w, r, c) : 1.0f);
      c = stop;
    }
  }
}

const Format& format_of(const Weight& w) {
  const Format* format = find_format(w.dtype);
  FATHOM_CHECK(format != nullptr);
  return *format;
}

}  // namespace

float block_scale(const Weight& w, int64_t row, int64_t col) {
  if (w.scale_inv == nullptr) return 1.0f;
  const int64_t grid_cols = (w.cols + w.block_cols - 1) / w.block_cols;
  const int64_t i = (w.first_row + row) / w.block_rows * grid_cols + col / w.block_cols;
  // Copied out, since a file may hold scales at any address.
  const auto* base = static_cast<const uint8_t*>(w.scale_inv);
  if (w.scale_dtype == DType::kF8E8M0) return ue8m0_decode(base[i]);
  if (w.scale_dtype == DType::kBF16) {
    BF16 x;
    std::memcpy(&x, base + 2 * i, 2);
    return static_cast<float>(x);
  }
  FATHOM_DCHECK(w.scale_dtype == DType::kF32);
  float x;
  std::memcpy(&x, base + 4 * i, 4);
  return x;
}

void decode_rows(float* dst, const Weight& w, int64_t row, int64_t n_rows, int64_t col,
                 int64_t n_cols, int64_t dst_stride) {
  const Format& f = format_of(w);
  decode(dst, w, f, f.to_f32, row, n_rows, col, n_cols, dst_stride);
}

void decode_rows(BF16* dst, const Weight& w, int64_t row, int64_t n_rows, int64_t col,
                 int64_t n_cols, int64_t dst_stride) {
  const Format& f = format_of(w);
  decode(reinterpret_cast<uint16_t*>(dst), w, f, f.to_bf16, row, n_rows, col, n_cols, dst_stride);
}

}  // namespace fathom
