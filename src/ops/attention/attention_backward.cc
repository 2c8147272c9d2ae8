// Backward of attention in expanded form, one task a (sequence, head): scores are computed again tile by tile from q, k and the saved
// log-sum-exp. Per block of 64 queries and tile of 64 keys, all transposed as in forward:
//   P = exp(scale S - lse)   dP = V dO^T   dS = P (dP - delta) scale   dV += P dO   dK += dS Q   dQ^T += K^T dS
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/threads.h"
#include "ops/attention/attention.h"
#include "ops/attention/attention_kernels.h"
#include "ops/linear/gemm.h"

namespace fathom {
namespace {

// m [k rows][dim] as packed blocks of 64 columns, each [words of k][its padded width], for use as B.
template <typename T>
void pack_rows_in_blocks(uint32_t* dst, const T* m, int64_t row_stride, int64_t dim, int64_t k) {
  for (int64_t c = 0; c < dim; c += kGemmCols) {
    gemm_pack_rows(dst + gemm_words<T>(kTileKeys) * c, m + c, row_stride, std::min(kGemmCols, dim - c), k);
  }
}

// acc [n_rows][dim] += a [n_rows][k] b, b as packed by pack_rows_in_blocks.
template <typename T>
void accumulate_rows(float* acc, const T* a, int64_t a_stride, const uint32_t* b, int64_t n_rows, int64_t dim, int64_t k) {
  for (int64_t c = 0; c < dim; c += kGemmCols) {
    GemmTile t;
    t.a = a;
    t.a_row_bytes = a_stride * static_cast<int64_t>(sizeof(T));
    t.b = b + gemm_words<T>(kTileKeys) * c;
    t.n_words = gemm_words<T>(k);
    t.n_rows = n_rows;
    t.n_cols = std::min(kGemmCols, dim - c);
    t.c_in = acc + c;
    t.c_in_stride = dim;
    t.out = acc + c;
    t.out_stride = dim;
    gemm_multiply<T>(t);
  }
}

template <typename T>
struct HeadTask {
  const AttentionGradient<T>& g;
  int64_t head;

  const AttentionProblem<T>& p() const { return g.forward; }
  const T* q(int64_t i) const { return p().q + i * p().q_token_stride + head * p().q_head_stride; }
  const T* k(int64_t tile) const { return p().k_tiles[tile] + head * p().k_head_stride; }
  const T* v(int64_t tile) const { return p().v_tiles[tile] + head * p().v_head_stride; }
  const T* out(int64_t i) const { return p().out + i * p().out_token_stride + head * p().out_head_stride; }
  const T* dout(int64_t i) const { return g.dout + i * p().out_token_stride + head * p().out_head_stride; }
};

template <typename T>
struct Scratch {
  uint32_t *q_columns, *dout_columns, *q_rows, *dout_rows, *k_pairs;
  float *scores, *dp, *dq;
  T *p_rows, *ds_rows;
  uint32_t* ds_words;
  float lse[kGemmCols], delta[kGemmCols];
  int32_t lo[kGemmCols], hi[kGemmCols];

  Scratch(int64_t qk_dim, int64_t v_dim) {
    const int64_t qk = gemm_padded_cols(qk_dim) + kGemmCols, v = gemm_padded_cols(v_dim) + kGemmCols, tile = kTileKeys * kGemmCols;
    auto* at = static_cast<uint32_t*>(gemm_scratch(4, (4 * (qk + v) * kGemmCols + 6 * tile) * 4));
    const auto take = [&](int64_t n_words) { return std::exchange(at, at + n_words); };
    q_columns = take(qk * kGemmCols);
    dout_columns = take(v * kGemmCols);
    q_rows = take(gemm_blocks(qk_dim) * tile);
    dout_rows = take(gemm_blocks(v_dim) * tile);
    k_pairs = take(qk * kTileKeys);
    scores = reinterpret_cast<float*>(take(tile));
    dp = reinterpret_cast<float*>(take(tile));
    dq = reinterpret_cast<float*>(take(qk * kGemmCols));
    p_rows = reinterpret_cast<T*>(take(tile));
    ds_rows = reinterpret_cast<T*>(take(tile));
    ds_words = take(tile);
  }
};

template <typename T>
void load_queries(Scratch<T>& s, const HeadTask<T>& h, int64_t begin, int64_t n) {
  const auto& p = h.p();
  gemm_pack_transposed(s.q_columns, h.q(begin), p.q_token_stride, n, p.qk_dim);
  gemm_pack_transposed(s.dout_columns, h.dout(begin), p.out_token_stride, n, p.v_dim);
  pack_rows_in_blocks(s.q_rows, h.q(begin), p.q_token_stride, p.qk_dim, n);
  pack_rows_in_blocks(s.dout_rows, h.dout(begin), p.out_token_stride, p.v_dim, n);
  for (int64_t c = 0; c < kGemmCols; ++c) {
    s.lse[c] = s.delta[c] = 0;
    if (c >= n) continue;
    s.lse[c] = p.lse[(begin + c) * p.n_heads + h.head];
    const T* o = h.out(begin + c);
    const T* d = h.dout(begin + c);
    for (int64_t i = 0; i < p.v_dim; ++i) s.delta[c] += to_f32(o[i]) * to_f32(d[i]);
  }
}

template <typename T>
bool tile_bounds(Scratch<T>& s, const AttentionProblem<T>& p, int64_t begin, int64_t n, int64_t first_key, int64_t n_rows) {
  bool any = false;
  for (int64_t c = 0; c < kGemmCols; ++c) {
    s.lo[c] = 0;
    s.hi[c] = -1;
    if (c >= n) continue;
    if (p.first_visible) s.lo[c] = static_cast<int32_t>(std::clamp<int64_t>(p.first_visible[begin + c] - first_key, 0, n_rows));
    s.hi[c] = static_cast<int32_t>(std::clamp<int64_t>(p.first_position + begin + c - first_key, -1, n_rows - 1));
    any |= s.lo[c] <= s.hi[c];
  }
  return any;
}

template <typename T>
void scores_of(float* out, const T* a, int64_t a_stride, const uint32_t* columns, int64_t k, int64_t n_rows, int64_t cols) {
  GemmTile t;
  t.a = a;
  t.a_row_bytes = a_stride * static_cast<int64_t>(sizeof(T));
  t.b = columns;
  t.n_words = gemm_words<T>(k);
  t.n_rows = n_rows;
  t.n_cols = cols;
  t.out = out;
  t.out_stride = cols;
  gemm_multiply<T>(t);
}

// dq [qk_dim][cols] += k^T ds.
template <typename T>
void accumulate_dq(Scratch<T>& s, const T* k, int64_t k_stride, int64_t qk_dim, int64_t n_keys, int64_t cols) {
  GemmTile t;
  t.a_row_bytes = 4;
  if constexpr (sizeof(T) == 4) {
    t.a = k;
    t.a_word_bytes = k_stride * 4;
    t.b = reinterpret_cast<const uint32_t*>(s.ds_rows);
  } else {
    gemm_pack_rows(s.k_pairs, k, k_stride, qk_dim, n_keys);
    t.a = s.k_pairs;
    t.a_word_bytes = gemm_padded_cols(qk_dim) * 4;
    t.b = s.ds_words;
  }
  t.n_words = gemm_words<T>(n_keys);
  t.n_rows = qk_dim;
  t.n_cols = cols;
  t.c_in = s.dq;
  t.c_in_stride = cols;
  t.out = s.dq;
  t.out_stride = cols;
  gemm_multiply<T>(t);
}

template <typename T>
void run_tile(Scratch<T>& s, float* dk, float* dv, const HeadTask<T>& h, int64_t tile, int64_t n_rows, int64_t n_queries) {
  const auto& p = h.p();
  const int64_t cols = gemm_padded_cols(n_queries);
  scores_of(s.scores, h.k(tile), p.k_token_stride, s.q_columns, p.qk_dim, n_rows, cols);
  scores_of(s.dp, h.v(tile), p.v_token_stride, s.dout_columns, p.v_dim, n_rows, cols);
  if constexpr (sizeof(T) == 4) {
    softmax_tile_backward_f32(s.p_rows, s.ds_rows, s.scores, s.dp, s.lse, s.delta, s.lo, s.hi, n_rows, cols, cols, p.scale);
  } else {
    softmax_tile_backward_bf16(reinterpret_cast<uint16_t*>(s.p_rows), reinterpret_cast<uint16_t*>(s.ds_rows), s.ds_words, s.scores,
                               s.dp, s.lse, s.delta, s.lo, s.hi, n_rows, cols, cols, p.scale);
  }
  accumulate_rows(dv, s.p_rows, cols, s.dout_rows, n_rows, p.v_dim, n_queries);
  accumulate_rows(dk, s.ds_rows, cols, s.q_rows, n_rows, p.qk_dim, n_queries);
  accumulate_dq(s, h.k(tile), p.k_token_stride, p.qk_dim, n_rows, cols);
}

template <typename T>
void write_rows(T* dst, int64_t token_stride, const float* src, int64_t n, int64_t dim) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t d = 0; d < dim; ++d) dst[i * token_stride + d] = T(src[i * dim + d]);
  }
}

template <typename T>
void run_head(const HeadTask<T>& h) {
  const auto& p = h.p();
  const auto& g = h.g;
  Scratch<T> s(p.qk_dim, p.v_dim);
  const int64_t n = p.n_queries, n_keys = p.n_keys;
  auto* dk = static_cast<float*>(gemm_scratch(5, n_keys * (p.qk_dim + p.v_dim) * 4));
  float* dv = dk + n_keys * p.qk_dim;
  std::memset(dk, 0, static_cast<size_t>(n_keys * (p.qk_dim + p.v_dim)) * 4);
  for (int64_t begin = 0; begin < n; begin += kGemmCols) {
    const int64_t n_queries = std::min(kGemmCols, n - begin), cols = gemm_padded_cols(n_queries);
    load_queries(s, h, begin, n_queries);
    std::memset(s.dq, 0, static_cast<size_t>(p.qk_dim * cols) * 4);
    for (int64_t first = 0; first < p.first_position + begin + n_queries; first += kTileKeys) {
      const int64_t n_rows = std::min(kTileKeys, n_keys - first);
      if (!tile_bounds(s, p, begin, n_queries, first, n_rows)) continue;
      run_tile(s, dk + first * p.qk_dim, dv + first * p.v_dim, h, first / kTileKeys, n_rows, n_queries);
    }
    for (int64_t c = 0; c < n_queries; ++c) {
      T* dq = g.dq + (begin + c) * g.dq_token_stride + h.head * g.dq_head_stride;
      for (int64_t d = 0; d < p.qk_dim; ++d) dq[d] = T(s.dq[d * cols + c]);
    }
  }
  write_rows(g.dk + h.head * g.dk_head_stride, g.dk_token_stride, dk, n_keys, p.qk_dim);
  write_rows(g.dv + h.head * g.dv_head_stride, g.dv_token_stride, dv, n_keys, p.v_dim);
}

}  // namespace

template <typename T>
void attention_backward(std::span<const AttentionGradient<T>> gradients) {
  std::vector<HeadTask<T>> tasks;
  for (const auto& g : gradients) {
    const auto& p = g.forward;
    FATHOM_CHECK(p.n_kv_heads == p.n_heads && p.n_keys == p.first_position + p.n_queries && p.lse != nullptr);
    for (int64_t h = 0; h < p.n_heads; ++h) tasks.push_back({g, h});
  }
  parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) { run_head(tasks[i]); });
}

template void attention_backward<float>(std::span<const AttentionGradient<float>>);
template void attention_backward<BF16>(std::span<const AttentionGradient<BF16>>);

}  // namespace fathom
