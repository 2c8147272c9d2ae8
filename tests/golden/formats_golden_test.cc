// The number formats against golden folders of vectors (golden/README.md, formats): codes and
// scales to the bit, products to f32.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "quant/act_fp8.h"
#include "quant/block_fp8.h"
#include "quant/decode.h"
#include "quant/e4m3.h"
#include "quant/formats.h"
#include "tests/golden/golden.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

std::vector<float> floats(const Npy& npy) {
  std::vector<float> x(npy.values.begin(), npy.values.end());
  // Signs of zeros and NaN payloads as stored.
  if (npy.descr == "<f4") std::memcpy(x.data(), npy.raw.data(), npy.raw.size());
  return x;
}

template <typename T>
std::vector<T> integers(const Npy& npy) {
  std::vector<T> x;
  for (double v : npy.values) x.push_back(static_cast<T>(v));
  return x;
}

TEST(FormatsGolden, E4m3DecodesEveryCode) {
  const auto folders = find_golden_with({"e4m3_decode.npy"});
  ASSERT_FALSE(folders.empty());
  for (const fs::path& folder : folders) {
    SCOPED_TRACE(folder);
    const std::vector<float> want = floats(read_npy(folder / "e4m3_decode.npy"));
    ASSERT_EQ(want.size(), 256u);
    std::vector<uint8_t> codes(256);
    for (int i = 0; i < 256; ++i) codes[i] = static_cast<uint8_t>(i);
    std::vector<float> row(256);
    find_format(DType::kF8E4M3)->to_f32(row.data(), codes.data(), 256, 1.0f);
    for (int i = 0; i < 256; ++i) {
      for (float found : {e4m3_decode(codes[i]), row[i]}) {
        if (std::isnan(want[i])) {
          EXPECT_TRUE(std::isnan(found)) << i;
        } else {
          EXPECT_EQ(std::bit_cast<uint32_t>(found), std::bit_cast<uint32_t>(want[i])) << i;
        }
      }
    }
  }
}

TEST(FormatsGolden, E4m3EncodesToNearestEven) {
  for (const fs::path& folder : find_golden_with({"e4m3_encode_in.npy", "e4m3_encode_out.npy"})) {
    SCOPED_TRACE(folder);
    const auto in = floats(read_npy(folder / "e4m3_encode_in.npy"));
    const auto want = integers<uint8_t>(read_npy(folder / "e4m3_encode_out.npy"));
    std::vector<uint8_t> found(in.size());
    convert_kernels_simd().f32_to_e4m3(found.data(), in.data(), std::ssize(in), 1.0f);
    for (size_t i = 0; i < in.size(); ++i) {
      ASSERT_EQ(found[i], want[i]) << in[i];
      ASSERT_EQ(e4m3_encode(in[i]), want[i]) << in[i];
    }
  }
}

TEST(FormatsGolden, Bf16EncodesToNearestEven) {
  for (const fs::path& folder : find_golden_with({"bf16_encode_in.npy", "bf16_encode_out.npy"})) {
    SCOPED_TRACE(folder);
    const auto in = floats(read_npy(folder / "bf16_encode_in.npy"));
    const auto want = integers<uint16_t>(read_npy(folder / "bf16_encode_out.npy"));
    std::vector<uint16_t> found(in.size());
    find_format(DType::kF32)->to_bf16(found.data(), in.data(), std::ssize(in), 1.0f);
    for (size_t i = 0; i < in.size(); ++i) {
      ASSERT_EQ(found[i], want[i]) << in[i];
      ASSERT_EQ(BF16(in[i]).bits, want[i]) << in[i];
    }
  }
}

/// One variant of the scales: the file names end in `suffix`.
struct Variant {
  const char* suffix;
  bool ue8m0;
};
constexpr Variant kVariants[] = {{"", false}, {"_ue8m0", true}};

std::vector<Variant> variants(const fs::path& folder, const std::string& stem) {
  std::vector<Variant> there;
  for (const Variant& v : kVariants) {
    if (fs::exists(folder / (stem + v.suffix + ".npy"))) there.push_back(v);
  }
  return there;
}

Npy read(const fs::path& folder, const std::string& stem, const Variant& v) {
  return read_npy(folder / (stem + v.suffix + ".npy"));
}

TEST(FormatsGolden, BlocksQuantizeAndDecode) {
  for (const fs::path& folder : find_golden_with({"block_weight.npy", "block_dequant.npy"})) {
    for (const Variant& v : variants(folder, "block_dequant")) {
      SCOPED_TRACE(folder.string() + v.suffix);
      const Npy npy = read_npy(folder / "block_weight.npy");
      const int64_t rows = npy.shape[0], cols = npy.shape[1];
      const std::vector<float> w = floats(npy);
      const auto codes = integers<uint8_t>(read(folder, "block_codes", v));
      const auto scales = floats(read(folder, "block_scale_inv", v));
      std::vector<uint8_t> own_codes(w.size());
      std::vector<float> own_scales(scales.size());
      quantize_block_fp8(own_codes.data(), own_scales.data(),
                         View<const float>(w.data(), {rows, cols}), {.ue8m0 = v.ue8m0});
      EXPECT_EQ(own_scales, scales);
      EXPECT_EQ(own_codes, codes);
      const Weight weight{codes.data(), DType::kF8E4M3, rows, cols, scales.data()};
      std::vector<float> decoded(w.size());
      decode_rows(decoded.data(), weight, 0, rows, 0, cols, cols);
      EXPECT_EQ(decoded, floats(read(folder, "block_dequant", v)));
    }
  }
}

TEST(FormatsGolden, ActivationsQuantize) {
  for (const fs::path& folder : find_golden_with({"act.npy", "act_codes.npy", "act_scale.npy"})) {
    for (const Variant& v : variants(folder, "act_codes")) {
      SCOPED_TRACE(folder.string() + v.suffix);
      const Npy npy = read_npy(folder / "act.npy");
      const int64_t n = npy.shape[0], dim = npy.shape[1];
      const std::vector<float> x = floats(npy);
      const auto scales = floats(read(folder, "act_scale", v));
      std::vector<uint8_t> codes(x.size());
      std::vector<float> own_scales(scales.size());
      quantize_act_fp8(View<uint8_t>(codes.data(), {n, dim}),
                       View<float>(own_scales.data(), {n, (dim + 127) / 128}),
                       View<const float>(x.data(), {n, dim}), v.ue8m0);
      EXPECT_EQ(own_scales, scales);
      EXPECT_EQ(codes, integers<uint8_t>(read(folder, "act_codes", v)));
    }
  }
}

// The products follow from the parts above; they are computed here in double, as the golden ones
// were.
TEST(FormatsGolden, ProductsOfTheDecodedParts) {
  for (const fs::path& folder :
       find_golden_with({"act.npy", "gemm_w8a8.npy", "gemm_weight_only.npy"})) {
    for (const Variant& v : variants(folder, "gemm_w8a8")) {
      SCOPED_TRACE(folder.string() + v.suffix);
      const Npy act = read_npy(folder / "act.npy");
      const int64_t n = act.shape[0], dim = act.shape[1];
      const std::vector<float> x = floats(act);
      const Npy codes_npy = read(folder, "block_codes", v);
      const auto codes = integers<uint8_t>(codes_npy);
      const auto scales = floats(read(folder, "block_scale_inv", v));
      const int64_t rows = codes_npy.shape[0];
      std::vector<float> w(codes.size()), rounded(x.size());
      decode_rows(w.data(), {codes.data(), DType::kF8E4M3, rows, dim, scales.data()}, 0, rows, 0,
                  dim, dim);
      round_act_fp8(View<float>(rounded.data(), {n, dim}), View<const float>(x.data(), {n, dim}),
                    v.ue8m0);
      const Npy weight_only = read(folder, "gemm_weight_only", v),
                w8a8 = read(folder, "gemm_w8a8", v);
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t r = 0; r < rows; ++r) {
          double plain = 0, both = 0, size = 0;
          for (int64_t k = 0; k < dim; ++k) {
            const double b = w[r * dim + k];
            plain += x[i * dim + k] * b;
            both += rounded[i * dim + k] * b;
            size += std::fabs(x[i * dim + k] * b);
          }
          // f32 products code * scale on our side, exact ones there: 2^-24 of each term.
          ASSERT_NEAR(plain, weight_only.values[i * rows + r], 1e-7 * size + 1e-12);
          ASSERT_NEAR(both, w8a8.values[i * rows + r], 2e-7 * size + 1e-12);
        }
      }
    }
  }
}

}  // namespace
}  // namespace fathom
