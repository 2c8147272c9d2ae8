#include "ops/embedding/embedding.h"

#include <gtest/gtest.h>

#include "ops/test_util.h"

namespace fathom {
namespace {

using test::bits_of;
using test::matrix;
using test::random_values;
using test::vec;

std::vector<int32_t> tokens(int64_t n, int64_t vocab) {
  const Rng rng(3, 4);
  std::vector<int32_t> ids(n);
  for (int64_t i = 0; i < n; ++i) ids[i] = static_cast<int32_t>(rng.below(i, vocab));
  return ids;
}

template <typename T>
void check_forward(int64_t n, int64_t dim) {
  const int64_t vocab = 50;
  const auto table = random_values<T>(vocab * dim, 1);
  const Weight w{.data = table.data(), .dtype = dtype_of<T>, .rows = vocab, .cols = dim};
  const auto ids = tokens(n, vocab);
  std::vector<float> x(n * dim);
  embedding_forward(matrix(x, n, dim), vec(ids), w);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t c = 0; c < dim; ++c) ASSERT_EQ(x[i * dim + c], to_f32(table[ids[i] * dim + c]));
  }
}

TEST(Embedding, ForwardCopiesRows) {
  for (int64_t dim : {24, 64, 160, 512}) {
    for (int64_t n : {1, 2, 17, 300}) {
      check_forward<float>(n, dim);
      check_forward<BF16>(n, dim);
    }
  }
}

TEST(Embedding, AnFp8TableIsReadWithItsScales) {
  const int64_t rows = 130, dim = 130;           // 2 x 2 blocks with ragged edges
  std::vector<uint8_t> codes(rows * dim, 0x38);  // 1.0
  const std::vector<float> scales = {1, 2, 3, 4};
  const Weight w{.data = codes.data(),
                 .dtype = DType::kF8E4M3,
                 .rows = rows,
                 .cols = dim,
                 .scale_inv = scales.data()};
  const std::vector<int32_t> ids = {129, 0};
  std::vector<float> x(2 * dim);
  embedding_forward(matrix(x, 2, dim), vec(ids), w);
  EXPECT_EQ(x[0], 3);
  EXPECT_EQ(x[129], 4);
  EXPECT_EQ(x[dim], 1);
  EXPECT_EQ(x[dim + 129], 2);
}

TEST(Embedding, BackwardAddsInTheOrderOfTokensForEveryThreadCount) {
  const int64_t n = 700, dim = 200, vocab = 13;
  const auto ids = tokens(n, vocab);
  const auto dx = random_values<float>(n * dim, 2);
  auto want = random_values<float>(vocab * dim, 3);
  const auto start = want;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t c = 0; c < dim; ++c) want[ids[i] * dim + c] += dx[i * dim + c];
  }
  for (int threads : {1, 2, 3}) {
    set_num_threads(threads);
    auto got = start;
    embedding_backward(matrix(got, vocab, dim), matrix(dx, n, dim), vec(ids));
    EXPECT_EQ(bits_of(got), bits_of(want)) << threads;
  }
  set_num_threads(2);
}

}  // namespace
}  // namespace fathom
