#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "quant/convert_kernels.h"
#include "quant/e4m3.h"
#include "quant/f16.h"
#include "quant/ue8m0.h"
#include "tensor/dtype.h"

namespace fathom {
namespace {

bool same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

// Bit patterns of every kind: all exponents, ties, neighbours of ties, infinities, NaNs,
// subnormals.
std::vector<float> awkward_floats() {
  std::vector<float> xs = {0.0f,   -0.0f,  INFINITY, -INFINITY, NAN,    448.0f,
                           464.0f, 463.9f, 480.0f,   0x1p-10f,  0x1p-9f};
  const Rng rng(1, 2);
  for (uint64_t i = 0; i < 20000; ++i)
    xs.push_back(std::bit_cast<float>(static_cast<uint32_t>(rng.bits(i))));
  for (int code = 0; code < 126; ++code) {
    const float tie = (e4m3_decode(code) + e4m3_decode(code + 1)) / 2;
    for (float x : {tie, std::nextafter(tie, 0.0f), std::nextafter(tie, 1e9f)}) {
      xs.push_back(x);
      xs.push_back(-x);
    }
  }
  return xs;
}

TEST(E4m3, EveryCodeSurvivesDecodingAndEncoding) {
  for (int code = 0; code < 256; ++code) {
    const float x = e4m3_decode(static_cast<uint8_t>(code));
    if ((code & 0x7f) == 0x7f) {
      EXPECT_TRUE(std::isnan(x));
    } else {
      EXPECT_EQ(e4m3_encode(x), code);
    }
  }
  EXPECT_EQ(e4m3_decode(0x7e), 448.0f);
  EXPECT_EQ(e4m3_decode(0x01), 0x1p-9f);
  EXPECT_EQ(e4m3_decode(0x38), 1.0f);
}

TEST(E4m3, TiesGoToTheEvenCode) {
  for (int code = 0; code < 126; ++code) {
    const float tie = (e4m3_decode(code) + e4m3_decode(code + 1)) / 2;
    EXPECT_EQ(e4m3_encode(tie), code % 2 == 0 ? code : code + 1) << code;
    EXPECT_EQ(e4m3_encode(std::nextafter(tie, 0.0f)), code);
    EXPECT_EQ(e4m3_encode(std::nextafter(tie, 1e9f)), code + 1);
  }
}

TEST(F16, EveryFinitePatternSurvives) {
  for (uint32_t h = 0; h < 65536; ++h) {
    const float x = f16_decode(static_cast<uint16_t>(h));
    if (std::isnan(x)) continue;
    ASSERT_EQ(f16_encode(x), h);
  }
  EXPECT_EQ(f16_decode(0x3c00), 1.0f);
  EXPECT_EQ(f16_decode(0x0001), 0x1p-24f);
  EXPECT_EQ(f16_encode(65519.9f), 0x7bff);
  EXPECT_EQ(f16_encode(65520.0f), 0x7c00);
}

TEST(Ue8m0, IsAPowerOfTwo) {
  for (int code = 0; code < 255; ++code) {
    const float x = ue8m0_decode(static_cast<uint8_t>(code));
    EXPECT_EQ(x, std::ldexp(1.0f, code - 127));
    EXPECT_EQ(ue8m0_encode(x), code);
    EXPECT_EQ(ceil_power_of_two(x), x);
    if (code > 1 && code < 254) {
      EXPECT_EQ(ceil_power_of_two(std::nextafter(x, 1e38f)), 2 * x) << code;
      EXPECT_EQ(ceil_power_of_two(std::nextafter(x, 0.0f)), x) << code;
    }
  }
  EXPECT_TRUE(std::isnan(ue8m0_decode(255)));
}

TEST(Convert, EveryInstructionSetGivesTheReferencesBits) {
  const ConvertKernels& ref = convert_kernels_ref();
  const ConvertKernels& simd = convert_kernels_simd();
  std::vector<uint16_t> halves(65536);
  for (int i = 0; i < 65536; ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<uint8_t> codes(256 * 3);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint8_t>(i);
  const std::vector<float> floats = awkward_floats();
  struct Case {
    const char* name;
    ToF32 f_ref, f_simd;
    ToBf16 b_ref, b_simd;
    const void* src;
    int64_t n;
  };
  const Case cases[] = {
      {"f32", ref.f32_to_f32, simd.f32_to_f32, ref.f32_to_bf16, simd.f32_to_bf16, floats.data(),
       std::ssize(floats)},
      {"bf16", ref.bf16_to_f32, simd.bf16_to_f32, ref.bf16_to_bf16, simd.bf16_to_bf16,
       halves.data(), 65536},
      {"f16", ref.f16_to_f32, simd.f16_to_f32, ref.f16_to_bf16, simd.f16_to_bf16, halves.data(),
       65536},
      {"e4m3", ref.e4m3_to_f32, simd.e4m3_to_f32, ref.e4m3_to_bf16, simd.e4m3_to_bf16, codes.data(),
       768},
  };
  for (const Case& c : cases) {
    for (int64_t n : {int64_t{1}, int64_t{7}, int64_t{33}, c.n - 5, c.n}) {
      std::vector<float> a(n + 1, 7.0f), b(n + 1, 7.0f);
      std::vector<uint16_t> u(n + 1, 7), v(n + 1, 7);
      c.f_ref(a.data(), c.src, n, 0.37f);
      c.f_simd(b.data(), c.src, n, 0.37f);
      c.b_ref(u.data(), c.src, n, 0.37f);
      c.b_simd(v.data(), c.src, n, 0.37f);
      for (int64_t i = 0; i <= n; ++i) {
        ASSERT_TRUE(same(a[i], b[i])) << c.name << " " << i << ": " << a[i] << " and " << b[i];
        ASSERT_TRUE(u[i] == v[i] || (std::isnan(static_cast<float>(std::bit_cast<BF16>(u[i]))) &&
                                     std::isnan(static_cast<float>(std::bit_cast<BF16>(v[i])))))
            << c.name << " " << i;
      }
      EXPECT_EQ(b[n], 7.0f) << "written past the end";
      EXPECT_EQ(v[n], 7);
    }
  }
}

TEST(Convert, QuotientsAreRoundedOnceOnEveryInstructionSet) {
  const ConvertKernels& ref = convert_kernels_ref();
  const ConvertKernels& simd = convert_kernels_simd();
  const Rng rng(3, 4);
  for (int k = 0; k < 40; ++k) {
    const float scale = static_cast<float>(std::exp(8 * rng.normal(1000000 + k)) / 448);
    std::vector<float> xs = k == 0 ? awkward_floats() : std::vector<float>();
    // Near-ties: a tie times the scale, and its neighbours, whose f32 quotient may fall on the tie.
    for (int code = 0; code < 126; ++code) {
      const float x = (e4m3_decode(code) + e4m3_decode(code + 1)) / 2 * scale;
      for (float y : {x, std::nextafter(x, 0.0f), std::nextafter(x, 1e30f)}) xs.push_back(y);
    }
    const float s = k == 0 ? 1.0f : scale;
    std::vector<uint8_t> a(xs.size()), b(xs.size());
    ref.f32_to_e4m3(a.data(), xs.data(), std::ssize(xs), s);
    simd.f32_to_e4m3(b.data(), xs.data(), std::ssize(xs), s);
    for (size_t i = 0; i < xs.size(); ++i) {
      ASSERT_EQ(a[i], b[i]) << xs[i] << " / " << s;
      if (std::isnan(xs[i])) continue;
      // By definition: no code is nearer to the quotient, in double.
      const double q = std::min(std::fabs(static_cast<double>(xs[i]) / s), 448.0);
      const int c = a[i] & 0x7f;
      const double d = std::fabs(e4m3_decode(c) - q);
      const double below = e4m3_decode(std::max(c - 1, 0)),
                   above = e4m3_decode(std::min(c + 1, 126));
      ASSERT_LE(d, std::fabs(below - q));
      ASSERT_LE(d, std::fabs(above - q));
    }
  }
}

TEST(Convert, MaxAbsSeesEveryElement) {
  for (int64_t n : {1, 5, 16, 37, 128}) {
    for (int64_t at = 0; at < n; ++at) {
      std::vector<float> xs(n, 0.5f);
      xs[at] = -3.0f;
      EXPECT_EQ(convert_kernels_simd().max_abs(xs.data(), n), 3.0f);
      EXPECT_EQ(convert_kernels_ref().max_abs(xs.data(), n), 3.0f);
    }
  }
  EXPECT_EQ(convert_kernels_simd().max_abs(nullptr, 0), 0.0f);
}

}  // namespace
}  // namespace fathom
