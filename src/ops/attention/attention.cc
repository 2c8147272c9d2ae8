// Cuts attention into groups of at most 64 columns (query, head) that share keys and the page of their position, so that every column of
// a group passes the same tiles. Scores and outputs are kept transposed: [keys][columns] and [v_dim][columns].
#include "ops/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/threads.h"
#include "ops/attention/attention_kernels.h"
#include "ops/linear/gemm.h"

namespace fathom {
namespace {

constexpr float kMinusInf = -std::numeric_limits<float>::infinity();

struct Group {
  int64_t problem, kv_head, query_begin, query_end, head_begin, head_end;
  int64_t n_heads() const { return head_end - head_begin; }
  int64_t n_cols() const { return (query_end - query_begin) * n_heads(); }
};

// Softmax state of a group over the keys seen so far: acc [v_dim][stride] is the unnormalised output, transposed.
struct State {
  float* max;
  float* sum;
  float* acc;
  static int64_t floats(int64_t stride, int64_t v_dim) { return (2 + v_dim) * stride; }
  static State at(float* memory, int64_t stride) { return {memory, memory + stride, memory + 2 * stride}; }
};

template <typename T>
int64_t last_tile(const AttentionProblem<T>& p, const Group& g) {
  return (p.first_position + g.query_begin) / kTileKeys;
}
template <typename T>
int64_t n_segments(const AttentionProblem<T>& p, const Group& g) {
  return last_tile(p, g) / kSegmentTiles + 1;
}

template <typename T>
void add_groups(std::vector<Group>& groups, const AttentionProblem<T>& p, int64_t problem) {
  const int64_t per_kv = p.n_heads / p.n_kv_heads;
  const int64_t heads = std::min(per_kv, kGemmCols), queries = std::max<int64_t>(1, kGemmCols / heads);
  for (int64_t kv = 0; kv < p.n_kv_heads; ++kv) {
    for (int64_t h = 0; h < per_kv; h += heads) {
      for (int64_t q = 0; q < p.n_queries;) {
        const int64_t page_end = ((p.first_position + q) / kTileKeys + 1) * kTileKeys - p.first_position;
        const int64_t end = std::min({p.n_queries, q + queries, page_end});
        groups.push_back({problem, kv, q, end, kv * per_kv + h, kv * per_kv + std::min(per_kv, h + heads)});
        q = end;
      }
    }
  }
}

// The group's queries as packed columns [words of qk_dim][padded columns].
template <typename T>
void pack_queries(uint32_t* packed, const AttentionProblem<T>& p, const Group& g) {
  const T* first = p.q + g.query_begin * p.q_token_stride + g.head_begin * p.q_head_stride;
  if (g.n_heads() == 1) return gemm_pack_transposed(packed, first, p.q_token_stride, g.n_cols(), p.qk_dim);
  T* rows = static_cast<T*>(gemm_scratch(6, g.n_cols() * p.qk_dim * static_cast<int64_t>(sizeof(T))));
  T* row = rows;
  for (int64_t q = 0; q < g.query_end - g.query_begin; ++q) {
    for (int64_t h = 0; h < g.n_heads(); ++h, row += p.qk_dim) {
      std::memcpy(row, first + q * p.q_token_stride + h * p.q_head_stride, static_cast<size_t>(p.qk_dim) * sizeof(T));
    }
  }
  gemm_pack_transposed(packed, rows, p.qk_dim, g.n_cols(), p.qk_dim);
}

// Which rows of the tile at `first_key` each column sees; false where none sees any.
template <typename T>
bool visible_rows(int32_t* lo, int32_t* hi, const AttentionProblem<T>& p, const Group& g, int64_t first_key, int64_t n_rows) {
  bool any = false;
  const int64_t padded = gemm_padded_cols(g.n_cols());
  for (int64_t c = 0; c < padded; ++c) {
    lo[c] = 0;
    hi[c] = -1;
    if (c >= g.n_cols()) continue;
    const int64_t query = g.query_begin + c / g.n_heads();
    if (p.first_visible) lo[c] = static_cast<int32_t>(std::clamp<int64_t>(p.first_visible[query] - first_key, 0, n_rows));
    hi[c] = static_cast<int32_t>(std::clamp<int64_t>(p.first_position + query - first_key, -1, n_rows - 1));
    any |= lo[c] <= hi[c];
  }
  return any;
}

template <typename T>
GemmTile rows_product(const T* a, int64_t row_stride, const uint32_t* b, int64_t k, int64_t n_rows, int64_t n_cols, float* out) {
  GemmTile t;
  t.a = a;
  t.a_row_bytes = row_stride * static_cast<int64_t>(sizeof(T));
  t.b = b;
  t.n_words = gemm_words<T>(k);
  t.n_rows = n_rows;
  t.n_cols = n_cols;
  t.out = out;
  t.out_stride = n_cols;
  return t;
}

// out [dim][n_cols] (+)= m^T b, m [k rows][dim] as it lies in memory, b [words of k][n_cols].
template <typename T>
void columns_product(float* out, bool add, const T* m, int64_t row_stride, int64_t dim, const uint32_t* b, int64_t k, int64_t n_cols,
                     uint32_t* packed_m) {
  GemmTile t;
  t.a_row_bytes = 4;
  if constexpr (sizeof(T) == 4) {
    t.a = m;
    t.a_word_bytes = row_stride * 4;
  } else {
    gemm_pack_rows(packed_m, m, row_stride, dim, k);
    t.a = packed_m;
    t.a_word_bytes = gemm_padded_cols(dim) * 4;
  }
  t.b = b;
  t.n_words = gemm_words<T>(k);
  t.n_rows = dim;
  t.n_cols = n_cols;
  t.c_in = add ? out : nullptr;
  t.c_in_stride = n_cols;
  t.out = out;
  t.out_stride = n_cols;
  gemm_multiply<T>(t);
}

bool softmax_tile(float* p, const State& s, float* alpha, const float* scores, const int32_t* lo, const int32_t* hi, int64_t n_rows,
                  int64_t cols, float scale) {
  return softmax_tile_f32(p, s.max, s.sum, alpha, scores, lo, hi, n_rows, cols, cols, scale);
}
bool softmax_tile(uint32_t* p, const State& s, float* alpha, const float* scores, const int32_t* lo, const int32_t* hi, int64_t n_rows,
                  int64_t cols, float scale) {
  return softmax_tile_bf16(p, s.max, s.sum, alpha, scores, lo, hi, n_rows, cols, cols, scale);
}

template <typename T>
void run_segment(const State& state, const AttentionProblem<T>& p, const Group& g, const uint32_t* packed_q, int64_t segment) {
  const int64_t cols = gemm_padded_cols(g.n_cols());
  std::fill(state.max, state.max + cols, kMinusInf);
  std::fill(state.sum, state.sum + cols, 0.0f);
  auto* scratch = static_cast<uint32_t*>(gemm_scratch(4, (2 * kTileKeys * kGemmCols + 3 * kGemmCols + (kTileKeys / 2) * gemm_padded_cols(p.v_dim)) * 4));
  float* scores = reinterpret_cast<float*>(scratch);
  uint32_t* probabilities = scratch + kTileKeys * kGemmCols;
  auto* lo = reinterpret_cast<int32_t*>(probabilities + kTileKeys * kGemmCols);
  int32_t* hi = lo + kGemmCols;
  float* alpha = reinterpret_cast<float*>(hi + kGemmCols);
  uint32_t* packed_v = reinterpret_cast<uint32_t*>(alpha + kGemmCols);
  bool begun = false;
  const int64_t end = std::min(last_tile(p, g) + 1, (segment + 1) * kSegmentTiles);
  for (int64_t i = segment * kSegmentTiles; i < end; ++i) {
    const int64_t n_rows = std::min(kTileKeys, p.n_keys - i * kTileKeys);
    if (!visible_rows(lo, hi, p, g, i * kTileKeys, n_rows)) continue;
    const T* k = p.k_tiles[i] + g.kv_head * p.k_head_stride;
    gemm_multiply<T>(rows_product(k, p.k_token_stride, packed_q, p.qk_dim, n_rows, cols, scores));
    bool rescale;
    if constexpr (sizeof(T) == 4) {
      rescale = softmax_tile(reinterpret_cast<float*>(probabilities), state, alpha, scores, lo, hi, n_rows, cols, p.scale);
    } else {
      rescale = softmax_tile(probabilities, state, alpha, scores, lo, hi, n_rows, cols, p.scale);
    }
    if (begun && rescale) scale_columns(state.acc, alpha, p.v_dim, cols, cols);
    columns_product(state.acc, begun, p.v_tiles[i] + g.kv_head * p.v_head_stride, p.v_token_stride, p.v_dim, probabilities, n_rows, cols,
                    packed_v);
    begun = true;
  }
  if (!begun) std::fill(state.acc, state.acc + p.v_dim * cols, 0.0f);
}

// total becomes total and next together.
void merge(const State& total, const State& next, int64_t cols, int64_t v_dim) {
  float a[kGemmCols], b[kGemmCols];
  for (int64_t c = 0; c < cols; ++c) {
    const float top = std::max(total.max[c], next.max[c]);
    a[c] = total.max[c] == kMinusInf ? 0.0f : std::exp(total.max[c] - top);
    b[c] = next.max[c] == kMinusInf ? 0.0f : std::exp(next.max[c] - top);
    total.max[c] = top;
    total.sum[c] = total.sum[c] * a[c] + next.sum[c] * b[c];
  }
  for (int64_t d = 0; d < v_dim; ++d) {
    for (int64_t c = 0; c < cols; ++c) total.acc[d * cols + c] = total.acc[d * cols + c] * a[c] + next.acc[d * cols + c] * b[c];
  }
}

template <typename T>
void write_out(const AttentionProblem<T>& p, const Group& g, const State& s) {
  const int64_t cols = gemm_padded_cols(g.n_cols());
  for (int64_t c = 0; c < g.n_cols(); ++c) {
    const int64_t query = g.query_begin + c / g.n_heads(), head = g.head_begin + c % g.n_heads();
    const float inverse = s.sum[c] > 0 ? 1.0f / s.sum[c] : 0.0f;
    T* out = p.out + query * p.out_token_stride + head * p.out_head_stride;
    for (int64_t d = 0; d < p.v_dim; ++d) out[d] = T(s.acc[d * cols + c] * inverse);
    if (p.lse) p.lse[query * p.n_heads + head] = s.max[c] + std::log(s.sum[c]);
  }
}

template <typename T>
uint32_t* packed_queries(const AttentionProblem<T>& p, const Group& g) {
  auto* packed = static_cast<uint32_t*>(gemm_scratch(5, gemm_words<T>(p.qk_dim) * kGemmCols * 4));
  pack_queries(packed, p, g);
  return packed;
}

// Enough groups for the threads: one task each, segments one after the other.
template <typename T>
void run_whole_groups(std::span<const AttentionProblem<T>> problems, const std::vector<Group>& groups) {
  parallel_for(static_cast<int64_t>(groups.size()), [&](int64_t i) {
    const Group& g = groups[i];
    const auto& p = problems[g.problem];
    const int64_t stride = gemm_padded_cols(g.n_cols()), floats = State::floats(stride, p.v_dim);
    auto* memory = static_cast<float*>(gemm_scratch(0, 2 * floats * 4));
    const State total = State::at(memory, stride), next = State::at(memory + floats, stride);
    const uint32_t* q = packed_queries(p, g);
    run_segment(total, p, g, q, 0);
    for (int64_t s = 1; s < n_segments(p, g); ++s) {
      run_segment(next, p, g, q, s);
      merge(total, next, stride, p.v_dim);
    }
    write_out(p, g, total);
  });
}

// Few groups (decode at depth): segments are shared out, then merged in the same order by the same steps.
template <typename T>
void run_segments(std::span<const AttentionProblem<T>> problems, const std::vector<Group>& groups) {
  struct Piece {
    int64_t group, segment, offset;
  };
  std::vector<Piece> pieces;
  std::vector<int64_t> first(groups.size());
  int64_t n_floats = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto& p = problems[groups[i].problem];
    first[i] = static_cast<int64_t>(pieces.size());
    for (int64_t s = 0; s < n_segments(p, groups[i]); ++s) {
      pieces.push_back({static_cast<int64_t>(i), s, n_floats});
      n_floats += State::floats(gemm_padded_cols(groups[i].n_cols()), p.v_dim);
    }
  }
  auto* memory = static_cast<float*>(gemm_scratch(7, n_floats * 4));
  const auto state_of = [&](const Piece& piece) {
    return State::at(memory + piece.offset, gemm_padded_cols(groups[piece.group].n_cols()));
  };
  parallel_for(static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const Group& g = groups[pieces[i].group];
    const auto& p = problems[g.problem];
    run_segment(state_of(pieces[i]), p, g, packed_queries(p, g), pieces[i].segment);
  });
  parallel_for(static_cast<int64_t>(groups.size()), [&](int64_t i) {
    const auto& p = problems[groups[i].problem];
    const State total = state_of(pieces[first[i]]);
    for (int64_t s = 1; s < n_segments(p, groups[i]); ++s) {
      merge(total, state_of(pieces[first[i] + s]), gemm_padded_cols(groups[i].n_cols()), p.v_dim);
    }
    write_out(p, groups[i], total);
  });
}

}  // namespace

template <typename T>
void attention_forward(std::span<const AttentionProblem<T>> problems) {
  std::vector<Group> groups;
  for (size_t i = 0; i < problems.size(); ++i) {
    const auto& p = problems[i];
    FATHOM_CHECK(p.n_heads % p.n_kv_heads == 0 && (sizeof(T) == 4 || p.qk_dim % 2 == 0));
    FATHOM_CHECK(p.n_queries >= 1 && p.first_position + p.n_queries <= p.n_keys);
    add_groups(groups, p, static_cast<int64_t>(i));
  }
  if (static_cast<int64_t>(groups.size()) >= 2 * num_threads()) {
    run_whole_groups(problems, groups);
  } else {
    run_segments(problems, groups);
  }
}

template void attention_forward<float>(std::span<const AttentionProblem<float>>);
template void attention_forward<BF16>(std::span<const AttentionProblem<BF16>>);

}  // namespace fathom
