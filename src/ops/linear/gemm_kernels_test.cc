// Every kernel of the matrix product that this machine can run, each against the definition: not
// only those that gemm.cc chooses here.
#include "ops/linear/gemm_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "device/isa.h"
#include "tensor/dtype.h"

namespace fathom {
namespace {

struct KernelVariant {
  std::string name;
  bool bf16;
  void (*packed)(const GemmTileArgs&);
  DirectFn direct;  // null: none
};

std::vector<KernelVariant> runnable_kernels() {
  std::vector<KernelVariant> all = {{"simd bf16", true, gemm_bf16_simd, nullptr},
                                    {"simd f32", false, gemm_f32_simd, nullptr}};
  if (isa() >= Isa::kAvx2) {
    all.push_back({"avx2 bf16", true, avx2::gemm_bf16, avx2::direct_bf16});
    all.push_back({"avx2 f32", false, avx2::gemm_f32, avx2::direct_f32});
  }
  if (isa() >= Isa::kAvx512Bf16) {
    all.push_back({"avx512 bf16", true, avx512::gemm_bf16, avx512::direct_bf16});
    all.push_back({"avx512 widened", true, avx512::gemm_bf16_widened, avx512::direct_bf16_widened});
    all.push_back({"avx512 f32", false, avx512::gemm_f32, avx512::direct_f32});
  }
  return all;
}

// A [rows][k] and W [cols][k] as words, and the product of their values.
struct KernelCase {
  int64_t n_rows, n_cols, n_words;
  std::vector<uint32_t> a, w;
  std::vector<float> bias, start;  // start: what is in the way, or the chain so far
  std::vector<double> product;

  KernelCase(bool bf16, int64_t rows, int64_t cols, int64_t words)
      : n_rows(rows), n_cols(cols), n_words(words) {
    const auto av = fill(a, rows * words, bf16, 1), wv = fill(w, cols * words, bf16, 2);
    const int64_t k = words * (bf16 ? 2 : 1);
    product.assign(static_cast<size_t>(rows * cols), 0);
    for (int64_t m = 0; m < rows; ++m)
      for (int64_t n = 0; n < cols; ++n)
        for (int64_t i = 0; i < k; ++i) product[m * cols + n] += av[m * k + i] * wv[n * k + i];
    const Rng rng(3, 3);
    for (int64_t n = 0; n < cols; ++n) bias.push_back(static_cast<float>(rng.normal(n)));
    for (int64_t i = 0; i < rows * cols; ++i)
      start.push_back(static_cast<float>(rng.normal(1000 + i)));
  }
  static std::vector<double> fill(std::vector<uint32_t>& words, int64_t n, bool bf16,
                                  uint64_t stream) {
    const Rng rng(2, stream);
    std::vector<double> values;
    words.resize(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
      const auto x = static_cast<float>(rng.normal(2 * i));
      const BF16 pair[2] = {BF16(x), BF16(static_cast<float>(rng.normal(2 * i + 1)))};
      std::memcpy(&words[i], bf16 ? static_cast<const void*>(pair) : &x, 4);
      values.push_back(bf16 ? to_f32(pair[0]) : x);
      if (bf16) values.push_back(to_f32(pair[1]));
    }
    return values;
  }
  std::vector<uint32_t> packed() const {
    std::vector<uint32_t> out(static_cast<size_t>(n_words * n_cols));
    for (int64_t i = 0; i < n_words; ++i)
      for (int64_t n = 0; n < n_cols; ++n) out[i * n_cols + n] = w[n * n_words + i];
    return out;
  }
  GemmTileArgs args() const {
    return {reinterpret_cast<const char*>(a.data()),
            n_words * 4,
            4,
            nullptr,
            n_words,
            n_rows,
            n_cols,
            n_cols,
            nullptr,
            n_cols,
            0,
            nullptr,
            n_cols,
            nullptr};
  }
  // A chain of k multiply-adds in f32 on terms of unit variance.
  double tolerance() const { return 1e-6 * static_cast<double>(2 * n_words) + 1e-6; }
};

using RunKernel = std::function<void(GemmTileArgs&)>;

// Plain, from a chain so far, with bias, added to what is there, and rounded to bf16.
void check_kernel(const KernelCase& c, const RunKernel& run) {
  const int64_t n = c.n_rows * c.n_cols;
  std::vector<float> plain(static_cast<size_t>(n), NAN), out;
  GemmTileArgs t = c.args();
  t.out = plain.data();
  run(t);
  for (int64_t i = 0; i < n; ++i) ASSERT_NEAR(plain[i], c.product[i], c.tolerance()) << i;

  out.assign(static_cast<size_t>(n), NAN);
  t = c.args();
  t.c_in = c.start.data();
  t.out = out.data();
  run(t);
  for (int64_t i = 0; i < n; ++i)
    ASSERT_NEAR(out[i], c.product[i] + c.start[i], c.tolerance()) << "chain " << i;

  out = c.start;
  t = c.args();
  t.store = 1;
  t.bias = c.bias.data();
  t.out = out.data();
  run(t);
  for (int64_t i = 0; i < n; ++i)
    ASSERT_EQ(out[i], c.start[i] + (plain[i] + c.bias[i % c.n_cols])) << "added " << i;

  std::vector<BF16> rounded(static_cast<size_t>(n));
  t = c.args();
  t.store = 2;
  t.bias = c.bias.data();
  t.out = rounded.data();
  run(t);
  for (int64_t i = 0; i < n; ++i)
    ASSERT_EQ(rounded[i].bits, BF16(plain[i] + c.bias[i % c.n_cols]).bits) << "rounded " << i;
}

TEST(GemmKernels, PackedOnesComputeTheDefinitionForAnyRows) {
  for (const KernelVariant& kernel : runnable_kernels()) {
    for (int64_t rows : {1, 2, 3, 4, 5, 6, 7, 13}) {
      for (int64_t cols : {16, 32, 48, 64}) {
        SCOPED_TRACE(testing::Message() << kernel.name << ", " << rows << " x " << cols);
        const KernelCase c(kernel.bf16, rows, cols, 37);
        const std::vector<uint32_t> b = c.packed();
        check_kernel(c, [&](GemmTileArgs& t) {
          t.b = b.data();
          kernel.packed(t);
        });
      }
    }
  }
}

// Many rows take other ways through a kernel, by panels of k: the bits are those of five rows at a
// time.
TEST(GemmKernels, ManyRowsHaveTheBitsOfFewHoweverALies) {
  constexpr int64_t kRows = 53, kCols = 40, kPadded = 48;
  for (const KernelVariant& kernel : runnable_kernels()) {
    for (int64_t words : {37, 129, 300, 700}) {
      const KernelCase c(kernel.bf16, kRows, kPadded, words);
      const std::vector<uint32_t> b = c.packed();
      std::vector<uint32_t> by_words(static_cast<size_t>(words * 64));
      for (int64_t r = 0; r < kRows; ++r)
        for (int64_t w = 0; w < words; ++w) by_words[w * 64 + r] = c.a[r * words + w];
      for (const bool lies_by_words : {false, true}) {
        for (const int store : {0, 1}) {
          SCOPED_TRACE(testing::Message()
                       << kernel.name << ", " << words << " words, " << lies_by_words << store);
          const auto product_of = [&](std::vector<float>& out, int64_t begin, int64_t end) {
            GemmTileArgs t = c.args();
            t.n_cols = kCols;
            t.b = b.data();
            t.n_rows = end - begin;
            t.a += begin * words * 4;
            if (lies_by_words) {
              t.a = reinterpret_cast<const char*>(by_words.data() + begin);
              t.a_row_bytes = 4;
              t.a_word_bytes = 64 * 4;
            }
            t.store = store;
            t.bias = c.bias.data();
            t.c_in = store == 0 ? c.start.data() + begin * kPadded : nullptr;
            t.out = out.data() + begin * kPadded;
            kernel.packed(t);
          };
          std::vector<float> whole = c.start, pieces = c.start;
          product_of(whole, 0, kRows);
          for (int64_t r = 0; r < kRows; r += 5) product_of(pieces, r, std::min(kRows, r + 5));
          EXPECT_EQ(std::memcmp(whole.data(), pieces.data(), whole.size() * 4), 0);
          EXPECT_EQ(whole[kCols], c.start[kCols]);  // beyond the columns nothing is written
          EXPECT_NE(whole[0], c.start[0]);
        }
      }
    }
  }
}

TEST(GemmKernels, DirectOnesComputeTheDefinitionForFewRows) {
  for (const KernelVariant& kernel : runnable_kernels()) {
    if (kernel.direct == nullptr) continue;
    for (int64_t rows = 1; rows <= kDirectRows; ++rows) {
      for (int64_t cols : {16, 48, 160}) {
        SCOPED_TRACE(testing::Message() << kernel.name << ", " << rows << " x " << cols);
        const KernelCase c(kernel.bf16, rows, cols, 37);
        check_kernel(c, [&](GemmTileArgs& t) {
          kernel.direct(t, reinterpret_cast<const char*>(c.w.data()), c.n_words * 4);
        });
      }
    }
  }
}

TEST(GemmKernels, DirectAndPackedOnesOfOneSetGiveTheSameBits) {
  for (const KernelVariant& kernel : runnable_kernels()) {
    if (kernel.direct == nullptr) continue;
    SCOPED_TRACE(kernel.name);
    const KernelCase c(kernel.bf16, 4, 64, 129);
    const std::vector<uint32_t> b = c.packed();
    std::vector<float> packed(4 * 64), direct(4 * 64);
    GemmTileArgs t = c.args();
    t.b = b.data();
    t.out = packed.data();
    kernel.packed(t);
    t.out = direct.data();
    kernel.direct(t, reinterpret_cast<const char*>(c.w.data()), c.n_words * 4);
    EXPECT_EQ(std::memcmp(packed.data(), direct.data(), packed.size() * 4), 0);
  }
}

}  // namespace
}  // namespace fathom
