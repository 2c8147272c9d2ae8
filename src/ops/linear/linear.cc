// Cuts products into tasks of one packed block of columns by a range of rows and shares them among the threads.
// No sum is ever split over tasks, so the cut changes no bit.
#include "ops/linear/linear.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/threads.h"
#include "ops/linear/gemm.h"
#include "quant/decode.h"

namespace fathom {
namespace {

constexpr int64_t kWordsOfK = 1024;        // a packed block of 64 columns is at most 256 KiB: a quarter of Zen 4's L2
constexpr int64_t kWordsOfKGradient = 256;  // there A is packed too, and both blocks share L2

template <typename T>
constexpr int64_t elements(int64_t words) {
  return sizeof(T) == 4 ? words : 2 * words;
}

template <typename P>
int64_t k_of(const P& p) {
  return p.by_rows ? p.w.rows : p.w.cols;
}
template <typename P>
int64_t n_of(const P& p) {
  return p.by_rows ? p.w.cols : p.w.rows;
}

struct Task {
  int64_t product, col, n_cols, row_begin, row_end;
};

template <typename T>
const T* raw(const Weight& w) {
  return w.dtype == dtype_of<T> ? static_cast<const T*>(w.data) : nullptr;
}

// Packs columns [col, col + n) of the product's B for k in [k0, k0 + k).
template <typename T>
void pack_weight(uint32_t* dst, const Weight& w, bool by_rows, int64_t col, int64_t n, int64_t k0, int64_t k) {
  const T* data = raw<T>(w);
  if (by_rows) {
    int64_t stride = w.cols;
    if (data != nullptr) {
      data += k0 * stride + col;
    } else {
      T* tile = static_cast<T*>(gemm_scratch(1, n * k * static_cast<int64_t>(sizeof(T))));
      decode_rows(tile, w, k0, k, col, n, n);
      data = tile;
      stride = n;
    }
    gemm_pack_rows(dst, data, stride, n, k);
    return;
  }
  int64_t stride = w.cols;
  if (data != nullptr) {
    data += col * stride + k0;
  } else {
    T* tile = static_cast<T*>(gemm_scratch(1, n * k * static_cast<int64_t>(sizeof(T))));
    decode_rows(tile, w, col, n, k0, k, k);
    data = tile;
    stride = k;
  }
  gemm_pack_transposed(dst, data, stride, n, k);
}

// Rows of an odd number of bf16 elements, copied with the zero that completes the last pair.
template <typename T>
const T* with_whole_words(const T* x, int64_t x_stride, int64_t n_rows, int64_t k, int64_t* stride) {
  if (sizeof(T) == 4 || k % 2 == 0) {
    *stride = x_stride;
    return x;
  }
  *stride = k + 1;
  T* copy = static_cast<T*>(gemm_scratch(2, n_rows * (k + 1) * static_cast<int64_t>(sizeof(T))));
  for (int64_t r = 0; r < n_rows; ++r) {
    std::memcpy(copy + r * (k + 1), x + r * x_stride, static_cast<size_t>(k) * sizeof(T));
    copy[r * (k + 1) + k] = T(0.0f);
  }
  return copy;
}

template <typename Y>
GemmStore gemm_store(Store store) {
  if (sizeof(Y) == 2) return GemmStore::kBF16;
  return store == Store::kAdd ? GemmStore::kAddF32 : GemmStore::kF32;
}

// Few rows read weights of their own type as they lie: packing would cost more than the product.
template <typename T, typename Y>
bool is_direct(const LinearProduct<T, Y>& p) {
  return p.x.dim(0) <= gemm_direct_rows() && !p.by_rows && raw<T>(p.w) != nullptr && (sizeof(T) == 4 || k_of(p) % 2 == 0);
}
constexpr int64_t kDirectCols = 256;  // columns of a task: long enough a stream of weights, tasks enough for the threads

template <typename T, typename Y>
GemmTile output_tile(const LinearProduct<T, Y>& p, const Task& task) {
  GemmTile t;
  t.n_rows = task.row_end - task.row_begin;
  t.store = gemm_store<Y>(p.store);
  t.out = p.y.row(task.row_begin) + task.col;
  t.out_stride = p.y.stride(0);
  t.bias = p.bias.empty() ? nullptr : p.bias.data() + task.col;
  return t;
}

template <typename T, typename Y>
void run_packed(const LinearProduct<T, Y>& p, const Task& task) {
  const int64_t k = k_of(p), n = task.n_cols, n_rows = task.row_end - task.row_begin;
  int64_t x_stride = 0;
  const T* x = with_whole_words(p.x.row(task.row_begin), p.x.stride(0), n_rows, k, &x_stride);
  const int64_t k_step = elements<T>(kWordsOfK);
  auto* packed = static_cast<uint32_t*>(
      gemm_scratch(0, std::min(kWordsOfK, gemm_words<T>(k)) * gemm_padded_cols(n) * 4));
  float* chain = k > k_step ? static_cast<float*>(gemm_scratch(3, n_rows * n * 4)) : nullptr;
  for (int64_t k0 = 0; k0 < k; k0 += k_step) {
    const int64_t k_here = std::min(k_step, k - k0);
    pack_weight<T>(packed, p.w, p.by_rows, task.col, n, k0, k_here);
    const bool last = k0 + k_here == k;
    GemmTile t;
    if (last) {
      t = output_tile(p, task);
    } else {
      t.out = chain;
      t.out_stride = n;
    }
    t.a = x + k0;
    t.a_row_bytes = x_stride * static_cast<int64_t>(sizeof(T));
    t.b = packed;
    t.n_words = gemm_words<T>(k_here);
    t.n_rows = n_rows;
    t.n_cols = n;
    t.c_in = k0 > 0 ? chain : nullptr;
    t.c_in_stride = n;
    gemm_multiply<T>(t);
  }
}

template <typename T, typename Y>
void run_direct(const LinearProduct<T, Y>& p, Task task) {
  const int64_t whole = task.n_cols / 16 * 16;
  if (whole > 0) {
    GemmTile t = output_tile(p, task);
    t.a = p.x.row(task.row_begin);
    t.a_row_bytes = p.x.stride(0) * static_cast<int64_t>(sizeof(T));
    t.n_words = gemm_words<T>(k_of(p));
    t.n_cols = whole;
    gemm_direct<T>(t, raw<T>(p.w) + task.col * p.w.cols, p.w.cols);
  }
  task.col += whole;
  task.n_cols -= whole;
  if (task.n_cols > 0) run_packed(p, task);
}

template <typename T, typename Y>
void run_task(const LinearProduct<T, Y>& p, const Task& task) {
  is_direct(p) ? run_direct(p, task) : run_packed(p, task);
}

template <typename T, typename Y>
void check(const LinearProduct<T, Y>& p) {
  FATHOM_CHECK(p.w.present() && p.x.rank() == 2 && p.y.rank() == 2 && p.x.dim(0) == p.y.dim(0));
  FATHOM_CHECK(p.x.dim(1) == k_of(p) && p.y.dim(1) == n_of(p));
  FATHOM_CHECK(p.bias.empty() || p.bias.size() == n_of(p));
  FATHOM_CHECK(p.store == Store::kOverwrite || sizeof(Y) == 4);
}

// Where packed columns of dy and x of one product lie: blocks of 64 columns, each [words of rows][64].
struct PackedPair {
  uint32_t* dy;
  uint32_t* x;
};

template <typename T>
void pack_columns(uint32_t* packed, View<const T> m, int64_t block) {
  const int64_t words = gemm_words<T>(m.dim(0)), col = block * kGemmCols;
  gemm_pack_rows(packed + block * kGemmCols * words, m.data() + col, m.stride(0), std::min(kGemmCols, m.dim(1) - col), m.dim(0));
}

template <typename T>
void gradient_block(const GradientProduct<T>& p, const PackedPair& packed, int64_t out_block, int64_t in_block) {
  const int64_t words = gemm_words<T>(p.x.dim(0));
  const int64_t row = out_block * kGemmCols, col = in_block * kGemmCols;
  const int64_t n_rows = std::min(kGemmCols, p.dw.dim(0) - row), n_cols = std::min(kGemmCols, p.dw.dim(1) - col);
  const uint32_t* a = packed.dy + row * words;
  const uint32_t* b = packed.x + col * words;
  const int64_t a_words = gemm_padded_cols(n_rows), b_words = gemm_padded_cols(n_cols);
  float* chain = static_cast<float*>(gemm_scratch(3, kGemmCols * kGemmCols * 4));
  for (int64_t w = 0; w < words; w += kWordsOfKGradient) {
    GemmTile t;
    t.a = a + w * a_words;
    t.a_row_bytes = 4;
    t.a_word_bytes = 4 * a_words;
    t.b = b + w * b_words;
    t.n_words = std::min(kWordsOfKGradient, words - w);
    t.n_rows = n_rows;
    t.n_cols = n_cols;
    t.c_in = w > 0 ? chain : nullptr;
    t.c_in_stride = n_cols;
    if (w + t.n_words < words) {
      t.out = chain;
      t.out_stride = n_cols;
    } else {
      t.store = GemmStore::kAddF32;
      t.out = p.dw.row(row) + col;
      t.out_stride = p.dw.stride(0);
    }
    gemm_multiply<T>(t);
  }
}

}  // namespace

template <typename T, typename Y>
void linear_products(std::span<const LinearProduct<T, Y>> products) {
  int64_t n_blocks = 0;
  for (const auto& p : products) {
    check(p);
    n_blocks += p.x.dim(0) > 0 ? gemm_blocks(n_of(p)) : 0;
  }
  if (n_blocks == 0) return;
  const int64_t wanted = 4 * num_threads();
  const int64_t row_splits = std::max<int64_t>(1, (wanted + n_blocks - 1) / n_blocks);
  std::vector<Task> tasks;
  for (size_t i = 0; i < products.size(); ++i) {
    const int64_t n_rows = products[i].x.dim(0);
    if (n_rows == 0) continue;
    const int64_t by_split = (n_rows + row_splits - 1) / row_splits;
    const int64_t rows = std::min(n_rows, std::max<int64_t>(96, (by_split + 5) / 6 * 6));
    const int64_t n = n_of(products[i]), cols = is_direct(products[i]) ? kDirectCols : kGemmCols;
    for (int64_t col = 0; col < n; col += cols) {
      for (int64_t r = 0; r < n_rows; r += rows) {
        tasks.push_back({static_cast<int64_t>(i), col, std::min(cols, n - col), r, std::min(n_rows, r + rows)});
      }
    }
  }
  parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) { run_task(products[tasks[i].product], tasks[i]); });
}

template <typename T>
void gradient_products(std::span<const GradientProduct<T>> products) {
  struct Block {
    int64_t product, a, b;
  };
  int64_t n_words = 0;
  for (const auto& p : products) {
    FATHOM_CHECK(p.dw.dim(0) == p.dy.dim(1) && p.dw.dim(1) == p.x.dim(1) && p.dy.dim(0) == p.x.dim(0));
    n_words += gemm_words<T>(p.x.dim(0)) * kGemmCols * (gemm_blocks(p.dw.dim(0)) + gemm_blocks(p.dw.dim(1)));
  }
  auto* buffer = static_cast<uint32_t*>(gemm_scratch(7, n_words * 4));
  std::vector<PackedPair> packed(products.size());
  std::vector<Block> packs, tasks;
  for (size_t i = 0; i < products.size(); ++i) {
    const auto& p = products[i];
    if (p.x.dim(0) == 0) continue;
    const int64_t words = gemm_words<T>(p.x.dim(0)), out_blocks = gemm_blocks(p.dw.dim(0)), in_blocks = gemm_blocks(p.dw.dim(1));
    packed[i] = {buffer, buffer + words * kGemmCols * out_blocks};
    buffer += words * kGemmCols * (out_blocks + in_blocks);
    for (int64_t a = 0; a < out_blocks; ++a) packs.push_back({static_cast<int64_t>(i), a, -1});
    for (int64_t b = 0; b < in_blocks; ++b) packs.push_back({static_cast<int64_t>(i), -1, b});
    for (int64_t b = 0; b < in_blocks; ++b) {
      for (int64_t a = 0; a < out_blocks; ++a) tasks.push_back({static_cast<int64_t>(i), a, b});
    }
  }
  parallel_for(static_cast<int64_t>(packs.size()), [&](int64_t i) {
    const Block& block = packs[i];
    if (block.b < 0) {
      pack_columns(packed[block.product].dy, products[block.product].dy, block.a);
    } else {
      pack_columns(packed[block.product].x, products[block.product].x, block.b);
    }
  });
  parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) {
    gradient_block(products[tasks[i].product], packed[tasks[i].product], tasks[i].a, tasks[i].b);
  });
}

template <typename T, typename Y>
void linear_forward(View<Y> y, View<const T> x, const Weight& w, View<const float> bias, Store store) {
  const LinearProduct<T, Y> p{y, x, w, false, bias, store};
  linear_products(std::span<const LinearProduct<T, Y>>(&p, 1));
}

template <typename T, typename Y>
void linear_backward_input(View<Y> dx, View<const T> dy, const Weight& w, Store store) {
  const LinearProduct<T, Y> p{dx, dy, w, true, {}, store};
  linear_products(std::span<const LinearProduct<T, Y>>(&p, 1));
}

template <typename T>
void linear_backward_weight(View<float> dw, View<const T> dy, View<const T> x) {
  const GradientProduct<T> p{dw, dy, x};
  gradient_products(std::span<const GradientProduct<T>>(&p, 1));
}

#define FATHOM_INSTANTIATE(T, Y)                                                                       \
  template void linear_products<T, Y>(std::span<const LinearProduct<T, Y>>);                           \
  template void linear_forward<T, Y>(View<Y>, View<const T>, const Weight&, View<const float>, Store); \
  template void linear_backward_input<T, Y>(View<Y>, View<const T>, const Weight&, Store);
FATHOM_INSTANTIATE(BF16, BF16)
FATHOM_INSTANTIATE(BF16, float)
FATHOM_INSTANTIATE(float, float)
template void gradient_products<BF16>(std::span<const GradientProduct<BF16>>);
template void gradient_products<float>(std::span<const GradientProduct<float>>);
template void linear_backward_weight<BF16>(View<float>, View<const BF16>, View<const BF16>);
template void linear_backward_weight<float>(View<float>, View<const float>, View<const float>);

}  // namespace fathom
