// Softmax attention in tiles of 64 keys from position 0, for every form the model needs: absorbed MLA over latent pages (keys and values
// are parts of one entry that all heads share), GQA over pages, and expanded keys and values in training and fast prefill.
// A query row's bits depend on that row and its visible keys alone: tiles and segments lie at absolute positions, a segment of
// kSegmentTiles tiles starts from nothing, and segments are merged in order (docs/numerics.md). Source: DeepSeek-V2 §2.1.2.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/view.h"

namespace fathom {

inline constexpr int64_t kTileKeys = 64;     // = kPageEntries of the cache
inline constexpr int64_t kSegmentTiles = 8;  // 512 keys: enough to share a long context among threads

/// One sequence, all heads. T is float or BF16.
template <typename T>
struct AttentionProblem {
  // Queries n_queries x n_heads, at positions first_position, first_position + 1, …
  const T* q = nullptr;
  int64_t q_token_stride = 0, q_head_stride = 0;
  int64_t n_queries = 0, first_position = 0, n_heads = 0;
  // Keys and values: tile i holds positions [64 i, 64 i + 64); pointers to position 64 i of key-value head 0.
  std::span<const T* const> k_tiles, v_tiles;
  int64_t k_token_stride = 0, k_head_stride = 0, v_token_stride = 0, v_head_stride = 0;
  int64_t n_keys = 0;  // readable keys (whole tiles where they are pages); query at position p sees keys 0 … p
  int64_t n_kv_heads = 0, qk_dim = 0, v_dim = 0;
  float scale = 1.0f;
  const int32_t* first_visible = nullptr;  // [n_queries]: keys before it are hidden (documents), or null
  T* out = nullptr;                        // overwritten: n_queries x n_heads x v_dim
  int64_t out_token_stride = 0, out_head_stride = 0;
  float* lse = nullptr;  // [n_queries, n_heads] log of the sum of exp(scale * q.k), for backward; or null
};

/// Requires: n_heads % n_kv_heads == 0, qk_dim even for BF16, n_keys > the last query's position. Uses the thread pool.
template <typename T>
void attention_forward(std::span<const AttentionProblem<T>> problems);

/// Gradients of one sequence's attention with as many key-value heads as heads (training's expanded form). dq is of the queries, dk and dv of
/// all keys, whether these queries' own or before them; all are overwritten. `forward` is as forward saw it (out and lse filled).
template <typename T>
struct AttentionGradient {
  AttentionProblem<T> forward;
  const T* dout = nullptr;  // strides of out
  T* dq = nullptr;
  T* dk = nullptr;
  T* dv = nullptr;
  int64_t dq_token_stride = 0, dq_head_stride = 0, dk_token_stride = 0, dk_head_stride = 0, dv_token_stride = 0, dv_head_stride = 0;
};
/// Sums over queries in f32, in order. Requires: n_keys = first_position + n_queries.
template <typename T>
void attention_backward(std::span<const AttentionGradient<T>> gradients);

}  // namespace fathom
