// Shapes and problems that mla.cc and mla_train.cc share.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "base/threads.h"
#include "model/mla.h"
#include "ops/attention/attention.h"

namespace fathom {

inline constexpr float kLatentNormEps = 1e-6f;  // q_a_layernorm and kv_a_layernorm, whatever rms_norm_eps says

struct MlaDims {
  int64_t heads, nope, rope, v, latent, q_head, kv_head;
  explicit MlaDims(const ModelConfig& c)
      : heads(c.num_attention_heads),
        nope(c.qk_nope_head_dim),
        rope(c.qk_rope_head_dim),
        v(c.v_head_dim),
        latent(c.kv_lora_rank),
        q_head(nope + rope),
        kv_head(nope + v) {}
};

/// Norms, projections and rotation up to q, kv_a and latent. save: keep inv_rms for backward.
template <typename T>
void mla_project(MlaActs<T>& a, View<const float> x, const LayerWeights& w, const LayerContext& c, bool save);

/// The entries that one piece's queries read: tile i holds positions [64 i, 64 i + 64); n_keys of them are readable.
template <typename T>
struct PieceEntries {
  std::vector<const T*> tiles;
  int64_t n_keys = 0;
};

/// out [n, H * v_head_dim] from q [n, H * q_head] (rotated) over `entries`, one for each of c.pieces, in absorbed form.
/// lse [n, H] or empty · first_visible [n] or empty.
template <typename T>
void attend_absorbed(View<T> out, View<float> lse, View<const T> q, std::span<const PieceEntries<T>> entries,
                     View<const int32_t> first_visible, const LayerWeights& w, const LayerContext& c);

template <typename T>
AttentionProblem<T> problem_of(const SequencePiece& p, const LayerContext& c, const T* q, int64_t q_head, T* out, int64_t v_head) {
  const MlaDims d(c.config);
  AttentionProblem<T> a;
  a.q = q + p.begin * d.heads * q_head;
  a.q_token_stride = d.heads * q_head;
  a.q_head_stride = a.qk_dim = q_head;
  a.n_queries = p.n;
  a.first_position = p.first_position;
  a.n_heads = d.heads;
  a.v_dim = v_head;
  a.scale = static_cast<float>(c.config.softmax_scale());
  a.out = out + p.begin * d.heads * v_head;
  a.out_token_stride = d.heads * v_head;
  a.out_head_stride = v_head;
  return a;
}

// k [n, H * q_head] from kv_b's key part and the rotated key that all heads share.
template <typename T>
void assemble_keys(View<T> k, View<const T> kv_b, View<const T> k_rope, const MlaDims& d) {
  parallel_ranges(k.dim(0), 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t h = 0; h < d.heads; ++h) {
        T* row = k.row(i) + h * d.q_head;
        std::memcpy(row, kv_b.row(i) + h * d.kv_head, static_cast<size_t>(d.nope) * sizeof(T));
        std::memcpy(row + d.nope, k_rope.row(i), static_cast<size_t>(d.rope) * sizeof(T));
      }
    }
  });
}

template <typename T>
std::vector<const T*> tile_rows(const T* first, int64_t n, int64_t stride) {
  std::vector<const T*> tiles;
  for (int64_t i = 0; i < n; i += kTileKeys) tiles.push_back(first + i * stride);
  return tiles;
}

template <typename T>
void set_expanded(AttentionProblem<T>& p, std::span<const T* const> k_tiles, std::span<const T* const> v_tiles, int64_t n_keys,
                  const MlaDims& d) {
  p.n_kv_heads = d.heads;
  p.k_tiles = k_tiles;
  p.v_tiles = v_tiles;
  p.k_token_stride = d.heads * d.q_head;
  p.k_head_stride = d.q_head;
  p.v_token_stride = d.heads * d.kv_head;
  p.v_head_stride = d.kv_head;
  p.n_keys = n_keys;
}

}  // namespace fathom
