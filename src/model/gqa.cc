#include "model/gqa.h"

#include <cstring>

#include "ops/attention/attention.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rope/rope.h"

namespace fathom {
namespace {

// RMSNorm of every head (qwen3), in place.
template <typename T>
void norm_heads(View<T> x, int64_t head_dim, View<const float> weight, const LayerContext& c) {
  const View<T> heads(x.data(), {x.size() / head_dim, head_dim});
  rms_norm_forward<T, T>(heads, {}, heads, weight, static_cast<float>(c.config.rms_norm_eps));
}

}  // namespace

template <typename T>
void gqa_forward_cached(View<float> x, const LayerWeights& w, const LayerContext& c, int64_t layer_idx) {
  const ModelConfig& config = c.config;
  const int64_t n = x.dim(0), heads = config.num_attention_heads, kv_heads = config.num_key_value_heads, dim = config.head_dim;
  const int64_t entry_dim = 2 * kv_heads * dim;
  const View<T> h = c.arena.take<T>({n, config.hidden_size}), q = c.arena.take<T>({n, heads * dim});
  const View<T> k = c.arena.take<T>({n, kv_heads * dim}), v = c.arena.take<T>({n, kv_heads * dim}), out = c.arena.take<T>({n, heads * dim});
  rms_norm_forward<T, float>(h, {}, x, w.input_layernorm, static_cast<float>(config.rms_norm_eps));
  const LinearProduct<T, T> products[] = {{q, h, w.q_proj, false, w.q_proj_bias},
                                          {k, h, w.k_proj, false, w.k_proj_bias},
                                          {v, h, w.v_proj, false, w.v_proj_bias}};
  linear_products<T, T>(products);
  if (config.qk_norm) {
    norm_heads(q, dim, w.q_norm, c);
    norm_heads(k, dim, w.k_norm, c);
  }
  rope_apply(View<T>(q.data(), {n, heads, dim}), 0, c.positions, c.rope);
  rope_apply(View<T>(k.data(), {n, kv_heads, dim}), 0, c.positions, c.rope);

  std::vector<std::vector<const T*>> k_tiles(c.pieces.size()), v_tiles(c.pieces.size());
  std::vector<AttentionProblem<T>> problems;
  for (size_t s = 0; s < c.pieces.size(); ++s) {
    const SequencePiece& p = c.pieces[s];
    for (int64_t i = 0; i < p.n; ++i) {
      const int64_t position = p.first_position + i;
      T* e = static_cast<T*>(p.cache->page(layer_idx, position / kPageEntries)) + position % kPageEntries * entry_dim;
      std::memcpy(e, k.row(p.begin + i), static_cast<size_t>(kv_heads * dim) * sizeof(T));
      std::memcpy(e + kv_heads * dim, v.row(p.begin + i), static_cast<size_t>(kv_heads * dim) * sizeof(T));
    }
    for (int64_t t = 0; t < p.cache->n_pages(); ++t) {
      k_tiles[s].push_back(static_cast<const T*>(p.cache->page(layer_idx, t)));
      v_tiles[s].push_back(k_tiles[s].back() + kv_heads * dim);
    }
    AttentionProblem<T> a;
    a.q = q.row(p.begin);
    a.q_token_stride = a.out_token_stride = heads * dim;
    a.q_head_stride = a.out_head_stride = a.k_head_stride = a.v_head_stride = a.qk_dim = a.v_dim = dim;
    a.n_queries = p.n;
    a.first_position = p.first_position;
    a.n_heads = heads;
    a.n_kv_heads = kv_heads;
    a.k_tiles = k_tiles[s];
    a.v_tiles = v_tiles[s];
    a.k_token_stride = a.v_token_stride = entry_dim;
    a.n_keys = p.cache->n_pages() * kPageEntries;
    a.scale = static_cast<float>(config.softmax_scale());
    a.out = out.row(p.begin);
    problems.push_back(a);
  }
  attention_forward<T>(problems);
  linear_forward<T, float>(x, out, w.o_proj, w.o_proj_bias, Store::kAdd);
}

template void gqa_forward_cached<float>(View<float>, const LayerWeights&, const LayerContext&, int64_t);
template void gqa_forward_cached<BF16>(View<float>, const LayerWeights&, const LayerContext&, int64_t);

}  // namespace fathom
