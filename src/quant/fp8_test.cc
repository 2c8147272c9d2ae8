// Block and activation quantization, each within the bound that its format promises.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"
#include "quant/act_fp8.h"
#include "quant/block_fp8.h"
#include "quant/decode.h"
#include "quant/e4m3.h"

namespace fathom {
namespace {

Tensor<float> random_matrix(int64_t rows, int64_t cols) {
  Tensor<float> x({rows, cols});
  const Rng rng(11, static_cast<uint64_t>(rows));
  for (int64_t i = 0; i < x.size(); ++i) {
    x.data()[i] = static_cast<float>(rng.normal(i) * std::exp(2 * rng.normal(i + 1'000'000)));
  }
  return x;
}

// Half a step of a normal e4m3 number is 2^-4 of it; below the smallest normal one a step is 2^-9
// of the scale.
float bound(float value, float scale) {
  return std::max(std::fabs(value) * 0x1.0001p-4f, scale * 0x1.0001p-10f);
}

TEST(BlockFp8, DecodesWithinHalfAStepOfTheWeight) {
  for (bool ue8m0 : {false, true}) {
    const BlockFp8Spec spec{.block_rows = 64, .block_cols = 128, .ue8m0 = ue8m0};
    const Tensor<float> w = random_matrix(150, 300);
    std::vector<uint8_t> codes(w.size());
    std::vector<float> scales(3 * 3), back(w.size());
    quantize_block_fp8(codes.data(), scales.data(), w.view(), spec);
    const Weight weight{codes.data(),  DType::kF8E4M3, 150, 300,
                        scales.data(), DType::kF32,    64,  128};
    decode_rows(back.data(), weight, 0, 150, 0, 300, 300);
    for (int64_t i = 0; i < w.size(); ++i) {
      const float scale = block_scale(weight, i / 300, i % 300);
      ASSERT_LE(std::fabs(back[i] - w.data()[i]), bound(w.data()[i], scale)) << i;
      int exponent = 0;
      ASSERT_TRUE(!ue8m0 || std::frexp(scale, &exponent) == 0.5f) << scale;
    }
    // The largest number of a block has the largest code, or, where the scale was rounded up, at
    // least half of it.
    const auto largest = *std::max_element(
        codes.begin(), codes.end(), [](uint8_t a, uint8_t b) { return (a & 0x7f) < (b & 0x7f); });
    EXPECT_GE(e4m3_decode(largest & 0x7f), ue8m0 ? 224.0f : 448.0f);
  }
}

TEST(BlockFp8, ZerosAndTheSmallestNumbersSurvive) {
  Tensor<float> w({2, 256}, true);
  w.data()[200] = 1e-44f;
  std::vector<uint8_t> codes(512);
  std::vector<float> scales(2);
  quantize_block_fp8(codes.data(), scales.data(), w.view(), {});
  EXPECT_EQ(scales[0], 1.0f);
  EXPECT_GT(scales[1], 0.0f);
  for (uint8_t code : codes) EXPECT_EQ(code, 0);
}

TEST(ActFp8, RoundingIsCodesTimesScalesAndRowsStandAlone) {
  for (bool ue8m0 : {false, true}) {
    const int64_t n = 21, dim = 300;
    const Tensor<float> x = random_matrix(n, dim);
    Tensor<uint8_t> codes({n, dim});
    Tensor<float> scales({n, 3}), y({n, dim}), alone({1, dim});
    quantize_act_fp8(codes.view(), scales.view(), x.view(), ue8m0);
    round_act_fp8(y.view(), x.view(), ue8m0);
    for (int64_t i = 0; i < n * dim; ++i) {
      const float scale = scales.data()[i / dim * 3 + i % dim / 128];
      ASSERT_EQ(y.data()[i], e4m3_decode(codes.data()[i]) * scale);
      ASSERT_LE(std::fabs(y.data()[i] - x.data()[i]), bound(x.data()[i], scale));
    }
    for (int64_t row = 0; row < n; ++row) {
      round_act_fp8(alone.view(), View<const float>(x.data() + row * dim, {1, dim}), ue8m0);
      for (int64_t i = 0; i < dim; ++i) ASSERT_EQ(alone.data()[i], y.data()[row * dim + i]);
    }
  }
}

TEST(ActFp8, TheFloorHoldsForTinyRows) {
  Tensor<float> x({1, 128}, true);
  Tensor<uint8_t> codes({1, 128});
  Tensor<float> scales({1, 1});
  quantize_act_fp8(codes.view(), scales.view(), x.view(), false);
  EXPECT_EQ(scales.data()[0], 1e-4f / 448.0f);
  quantize_act_fp8(codes.view(), scales.view(), x.view(), true);
  EXPECT_EQ(scales.data()[0], 0x1p-22f);  // 2^-23 = 1.19e-7 < 1e-4/448 = 2.23e-7 <= 2^-22 = 2.38e-7
}

}  // namespace
}  // namespace fathom
