#include "quant/decode.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"
#include "quant/e4m3.h"
#include "quant/f16.h"
#include "quant/formats.h"
#include "quant/ue8m0.h"

namespace fathom {
namespace {

constexpr int64_t kRows = 300, kCols = 328;  // ragged in both directions

struct Stored {
  std::vector<uint8_t> bytes, scales;
  Weight weight;
  std::vector<float> expected;
};

// Random codes of any format with every value computed from the definition.
Stored random_weight(DType dtype, DType scale_dtype) {
  Stored s;
  const Format& f = *find_format(dtype);
  s.bytes.resize(kRows * kCols * f.bytes_per_element);
  const Rng rng(5, static_cast<uint64_t>(dtype));
  const int64_t grid_rows = (kRows + 127) / 128, grid_cols = (kCols + 127) / 128;
  std::vector<float> grid(grid_rows * grid_cols);
  s.scales.resize(grid.size() * dtype_bytes(scale_dtype));
  for (size_t i = 0; i < grid.size(); ++i) {
    if (scale_dtype == DType::kF8E8M0) {
      s.scales[i] = static_cast<uint8_t>(100 + 7 * i);
      grid[i] = ue8m0_decode(s.scales[i]);
    } else {
      grid[i] = 0.001f * static_cast<float>(i + 1);
      reinterpret_cast<float*>(s.scales.data())[i] = grid[i];
    }
  }
  for (int64_t i = 0; i < kRows * kCols; ++i) {
    const float x = static_cast<float>(rng.normal(i));
    float value = x;
    switch (dtype) {
      case DType::kF32:
        reinterpret_cast<float*>(s.bytes.data())[i] = x;
        break;
      case DType::kBF16:
        reinterpret_cast<BF16*>(s.bytes.data())[i] = BF16(x);
        value = static_cast<float>(BF16(x));
        break;
      case DType::kF16:
        reinterpret_cast<uint16_t*>(s.bytes.data())[i] = f16_encode(x);
        value = f16_decode(f16_encode(x));
        break;
      default:
        s.bytes[i] = e4m3_encode(x * 50);
        value = e4m3_decode(s.bytes[i]) * grid[i / kCols / 128 * grid_cols + i % kCols / 128];
    }
    s.expected.push_back(value);
  }
  s.weight = {s.bytes.data(), dtype, kRows, kCols};
  if (f.scaled) {
    s.weight.scale_inv = s.scales.data();
    s.weight.scale_dtype = scale_dtype;
  }
  return s;
}

TEST(Decode, AnyRectangleOfAnyFormatIsTheDefinition) {
  for (const Format& f : formats()) {
    for (DType scale : {DType::kF32, DType::kF8E8M0}) {
      const Stored s = random_weight(f.dtype, scale);
      const int64_t rects[][4] = {
          {0, kRows, 0, kCols}, {127, 2, 120, 20}, {299, 1, 327, 1}, {3, 70, 1, 300}, {5, 0, 0, 4}};
      for (const auto& [row, n_rows, col, n_cols] : rects) {
        const int64_t stride = n_cols + 3;
        std::vector<float> x(n_rows * stride + 1, -77.0f);
        std::vector<BF16> y(n_rows * stride + 1, BF16(-77.0f));
        decode_rows(x.data(), s.weight, row, n_rows, col, n_cols, stride);
        decode_rows(y.data(), s.weight, row, n_rows, col, n_cols, stride);
        for (int64_t i = 0; i < n_rows; ++i) {
          for (int64_t j = 0; j < stride; ++j) {
            const float want = j < n_cols ? s.expected[(row + i) * kCols + col + j] : -77.0f;
            ASSERT_EQ(x[i * stride + j], want) << dtype_name(f.dtype) << " " << i << " " << j;
            ASSERT_EQ(y[i * stride + j].bits, BF16(want).bits) << dtype_name(f.dtype);
          }
        }
      }
    }
  }
}

TEST(Decode, IntegersAreNoWeights) {
  EXPECT_EQ(find_format(DType::kI64), nullptr);
  EXPECT_EQ(find_format(DType::kF64), nullptr);
  EXPECT_EQ(find_format(DType::kF8E8M0), nullptr);
}

}  // namespace
}  // namespace fathom
