#include "model/mla.h"

#include <algorithm>
#include <cstring>

#include "base/threads.h"
#include "model/mla_impl.h"
#include "ops/attention/attention.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rope/rope.h"

namespace fathom {
template <typename T>
void mla_project(MlaActs<T>& a, View<const float> x, const LayerWeights& w, const LayerContext& c, bool save) {
  const MlaDims d(c.config);
  const int64_t n = x.dim(0), q_lora_rank = c.config.q_lora_rank;
  const auto saved = [&] { return save ? c.arena.take<float>({n}) : View<float>(); };
  a.inv_rms = saved();
  a.q_inv_rms = saved();
  a.kv_inv_rms = saved();
  a.h = c.arena.take<T>({n, c.config.hidden_size});
  rms_norm_forward<T, float>(a.h, a.inv_rms, x, w.input_layernorm, static_cast<float>(c.config.rms_norm_eps));
  const View<const T> h = linear_input<T>(a.h, c);
  a.q = c.arena.take<T>({n, d.heads * d.q_head});
  if (q_lora_rank > 0) {
    a.q_a = c.arena.take<T>({n, q_lora_rank});
    a.q_a_norm = c.arena.take<T>({n, q_lora_rank});
    linear_forward<T, T>(a.q_a, h, w.q_a_proj, w.q_a_proj_bias);
    rms_norm_forward<T, T>(a.q_a_norm, a.q_inv_rms, a.q_a, w.q_a_layernorm, kLatentNormEps);
    linear_forward<T, T>(a.q, linear_input<T>(a.q_a_norm, c), w.q_b_proj);
  } else {
    linear_forward<T, T>(a.q, h, w.q_proj);
  }
  a.kv_a = c.arena.take<T>({n, d.latent + d.rope});
  a.latent = c.arena.take<T>({n, d.latent});
  linear_forward<T, T>(a.kv_a, h, w.kv_a_proj_with_mqa, w.kv_a_proj_with_mqa_bias);
  rms_norm_forward<T, T>(a.latent, a.kv_inv_rms, columns(a.kv_a, 0, d.latent), w.kv_a_layernorm, kLatentNormEps);
  rope_apply(View<T>(a.q.data(), {n, d.heads, d.q_head}), d.nope, c.positions, c.rope);
  rope_apply(View<T>(a.kv_a.data(), {n, 1, d.latent + d.rope}), d.latent, c.positions, c.rope);
}

// Queries folded through the key up-projection, attention over the latents themselves, then the value up-projection.
template <typename T>
void attend_absorbed(View<T> out, View<float> lse, View<const T> q, std::span<const PieceEntries<T>> entries,
                     View<const int32_t> first_visible, const LayerWeights& w, const LayerContext& c) {
  const MlaDims d(c.config);
  const int64_t n = c.n_tokens(), entry_dim = d.latent + d.rope;
  const View<T> folded = c.arena.take<T>({n, d.heads * entry_dim}), latent_out = c.arena.take<T>({n, d.heads * d.latent});
  std::vector<LinearProduct<T, T>> up, down;
  for (int64_t h = 0; h < d.heads; ++h) {
    const Weight w_k = w.kv_b_proj.slice_rows(h * d.kv_head, h * d.kv_head + d.nope);
    const Weight w_v = w.kv_b_proj.slice_rows(h * d.kv_head + d.nope, (h + 1) * d.kv_head);
    up.push_back({columns(folded, h * entry_dim, d.latent), columns(q, h * d.q_head, d.nope), w_k, true});
    down.push_back({columns(out, h * d.v, d.v), columns(latent_out, h * d.latent, d.latent), w_v});
  }
  linear_products<T, T>(up);
  parallel_ranges(n, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t h = 0; h < d.heads; ++h) {
        std::memcpy(folded.row(i) + h * entry_dim + d.latent, q.row(i) + h * d.q_head + d.nope, static_cast<size_t>(d.rope) * sizeof(T));
      }
    }
  });
  std::vector<AttentionProblem<T>> problems;
  for (size_t i = 0; i < c.pieces.size(); ++i) {
    const SequencePiece& p = c.pieces[i];
    AttentionProblem<T> problem = problem_of(p, c, static_cast<const T*>(folded.data()), entry_dim, latent_out.data(), d.latent);
    problem.n_kv_heads = 1;
    problem.k_tiles = problem.v_tiles = entries[i].tiles;
    problem.k_token_stride = problem.v_token_stride = entry_dim;
    problem.n_keys = entries[i].n_keys;
    if (!lse.empty()) problem.lse = lse.row(p.begin);
    if (!first_visible.empty()) problem.first_visible = first_visible.data() + p.begin;
    problems.push_back(problem);
  }
  attention_forward<T>(problems);
  linear_products<T, T>(down);
}

namespace {

template <typename T>
T* entry(const SequencePiece& p, int64_t layer_idx, int64_t position, int64_t entry_dim) {
  return static_cast<T*>(p.cache->page(layer_idx, position / kPageEntries)) + position % kPageEntries * entry_dim;
}

template <typename T>
void append_entries(const MlaActs<T>& a, const LayerContext& c, int64_t layer_idx) {
  const MlaDims d(c.config);
  for (const SequencePiece& p : c.pieces) {
    for (int64_t i = 0; i < p.n; ++i) {
      T* e = entry<T>(p, layer_idx, p.first_position + i, d.latent + d.rope);
      std::memcpy(e, a.latent.row(p.begin + i), static_cast<size_t>(d.latent) * sizeof(T));
      std::memcpy(e + d.latent, a.kv_a.row(p.begin + i) + d.latent, static_cast<size_t>(d.rope) * sizeof(T));
    }
  }
}

template <typename T>
PieceEntries<T> cached_entries(const SequencePiece& p, int64_t layer_idx) {
  PieceEntries<T> e;
  e.n_keys = p.cache->n_pages() * kPageEntries;
  for (int64_t t = 0; t < p.cache->n_pages(); ++t) e.tiles.push_back(static_cast<const T*>(p.cache->page(layer_idx, t)));
  return e;
}

// One sequence: keys and values of all heads rebuilt from its latents, then plain attention.
template <typename T>
void attend_expanded(View<T> out, const MlaActs<T>& a, const SequencePiece& p, const LayerWeights& w, const LayerContext& c,
                     int64_t layer_idx) {
  const MlaDims d(c.config);
  const int64_t n_keys = p.first_position + p.n, entry_dim = d.latent + d.rope;
  const View<T> entries = c.arena.take<T>({n_keys, entry_dim});
  for (int64_t i = 0; i < n_keys; i += kPageEntries) {
    std::memcpy(entries.row(i), p.cache->page(layer_idx, i / kPageEntries),
                static_cast<size_t>(std::min(kPageEntries, n_keys - i) * entry_dim) * sizeof(T));
  }
  const View<T> kv_b = c.arena.take<T>({n_keys, d.heads * d.kv_head}), k = c.arena.take<T>({n_keys, d.heads * d.q_head});
  linear_forward<T, T>(kv_b, columns(entries, 0, d.latent), w.kv_b_proj);
  assemble_keys<T>(k, kv_b, columns(entries, d.latent, d.rope), d);
  AttentionProblem<T> problem = problem_of(p, c, static_cast<const T*>(a.q.data()), d.q_head, out.data(), d.v);
  const auto k_tiles = tile_rows<T>(k.data(), n_keys, k.stride(0)), v_tiles = tile_rows<T>(kv_b.data() + d.nope, n_keys, kv_b.stride(0));
  set_expanded<T>(problem, k_tiles, v_tiles, n_keys, d);
  attention_forward<T>(std::span<const AttentionProblem<T>>(&problem, 1));
}

// Expanded form rebuilds every key and value of the context once; absorbed form pays more per query, key and head, and folds each query.
bool expanded_is_cheaper(const SequencePiece& p, const MlaDims& d) {
  const double keys = static_cast<double>(p.first_position + p.n), queries = static_cast<double>(p.n);
  const double rebuild = keys * 2.0 * static_cast<double>(d.latent * d.kv_head);
  const double fold = queries * 2.0 * static_cast<double>(d.latent * d.kv_head);
  const double extra = queries * keys * static_cast<double>(2 * d.latent - d.nope - d.v);  // 2 FLOPs, half of the keys visible
  return rebuild < fold + extra;
}

}  // namespace

template <typename T>
void mla_forward_cached(View<float> x, const LayerWeights& w, const LayerContext& c, int64_t layer_idx) {
  const MlaDims d(c.config);
  MlaActs<T> a;
  mla_project<T>(a, x, w, c, false);
  append_entries(a, c, layer_idx);
  const View<T> out = c.arena.take<T>({c.n_tokens(), d.heads * d.v});
  const auto cheaper = [&](const SequencePiece& p) { return expanded_is_cheaper(p, d); };
  if (c.numerics == Numerics::kFast && std::all_of(c.pieces.begin(), c.pieces.end(), cheaper)) {
    for (const SequencePiece& p : c.pieces) attend_expanded(out, a, p, w, c, layer_idx);
  } else {
    std::vector<PieceEntries<T>> entries;
    for (const SequencePiece& p : c.pieces) entries.push_back(cached_entries<T>(p, layer_idx));
    attend_absorbed<T>(out, {}, a.q, entries, {}, w, c);
  }
  linear_forward<T, float>(x, linear_input<T>(out, c), w.o_proj, w.o_proj_bias, Store::kAdd);
}

template void mla_forward_cached<float>(View<float>, const LayerWeights&, const LayerContext&, int64_t);
template void mla_forward_cached<BF16>(View<float>, const LayerWeights&, const LayerContext&, int64_t);
#define FATHOM_INSTANTIATE(T)                                                                             \
  template void attend_absorbed<T>(View<T>, View<float>, View<const T>, std::span<const PieceEntries<T>>, \
                                   View<const int32_t>, const LayerWeights&, const LayerContext&);        \
  template void mla_project<T>(MlaActs<T>&, View<const float>, const LayerWeights&, const LayerContext&, bool);
FATHOM_INSTANTIATE(float)
FATHOM_INSTANTIATE(BF16)
#undef FATHOM_INSTANTIATE

}  // namespace fathom
