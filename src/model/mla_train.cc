// MLA in training over whole sequences, and its backward, line by line from the bottom up. Forward takes the expanded form, or in exact
// numerics the absorbed one of the engine, to the bit; backward is that of the expanded form, which is the same function.
#include <cstring>

#include "model/convert.h"
#include "model/mla.h"
#include "model/mla_impl.h"
#include "model/train_linear.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rope/rope.h"

namespace fathom {
namespace {

template <typename T>
struct Sequences {
  std::vector<std::vector<const T*>> k_tiles, v_tiles;
  std::vector<AttentionProblem<T>> problems;
};

template <typename T>
Sequences<T> sequences_of(const MlaActs<T>& a, View<const int32_t> first_visible, const LayerContext& c) {
  const MlaDims d(c.config);
  Sequences<T> s;
  for (const SequencePiece& p : c.pieces) {
    s.k_tiles.push_back(tile_rows<T>(a.k.row(p.begin), p.n, a.k.stride(0)));
    s.v_tiles.push_back(tile_rows<T>(a.kv_b.row(p.begin) + d.nope, p.n, a.kv_b.stride(0)));
  }
  for (size_t i = 0; i < c.pieces.size(); ++i) {
    const SequencePiece& p = c.pieces[i];
    AttentionProblem<T> problem = problem_of(p, c, static_cast<const T*>(a.q.data()), d.q_head, a.out.data(), d.v);
    set_expanded<T>(problem, s.k_tiles[i], s.v_tiles[i], p.n, d);
    problem.lse = a.lse.row(p.begin);
    if (!first_visible.empty()) problem.first_visible = first_visible.data() + p.begin;
    s.problems.push_back(problem);
  }
  return s;
}

// Keys and values of all heads, as the expanded form reads them.
template <typename T>
void expand(MlaActs<T>& a, const LayerWeights& w, const LayerContext& c) {
  const MlaDims d(c.config);
  const int64_t n = c.n_tokens();
  a.kv_b = c.arena.take<T>({n, d.heads * d.kv_head});
  a.k = c.arena.take<T>({n, d.heads * d.q_head});
  linear_forward<T, T>(a.kv_b, linear_input<T>(a.latent, c), w.kv_b_proj);
  assemble_keys<T>(a.k, a.kv_b, columns(a.kv_a, d.latent, d.rope), d);
}

// As the engine computes it from its cache: the same entries in the same tiles.
template <typename T>
void attend_as_cached(MlaActs<T>& a, View<const int32_t> first_visible, const LayerWeights& w, const LayerContext& c) {
  const MlaDims d(c.config);
  const Arena::Mark mark = c.arena.mark();
  const View<T> entries = c.arena.take<T>({c.n_tokens(), d.latent + d.rope});
  convert<T, T>(columns(entries, 0, d.latent), a.latent);
  convert<T, T>(columns(entries, d.latent, d.rope), columns(a.kv_a, d.latent, d.rope));
  std::vector<PieceEntries<T>> pieces;
  for (const SequencePiece& p : c.pieces) pieces.push_back({tile_rows<T>(entries.row(p.begin), p.n, entries.stride(0)), p.n});
  attend_absorbed<T>(a.out, a.lse, a.q, pieces, first_visible, w, c);
  c.arena.release(mark);
}

// Gradients of every head's key go to kv_b's key part; their rotary parts are summed over the heads that share the key.
template <typename T>
void split_key_gradients(View<T> dkv_b, View<float> dk_rope, View<const T> dk, const MlaDims& d) {
  parallel_ranges(dk.dim(0), 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* rope = dk_rope.row(i);
      std::memset(rope, 0, static_cast<size_t>(d.rope) * 4);
      for (int64_t h = 0; h < d.heads; ++h) {
        const T* row = dk.row(i) + h * d.q_head;
        std::memcpy(dkv_b.row(i) + h * d.kv_head, row, static_cast<size_t>(d.nope) * sizeof(T));
        for (int64_t j = 0; j < d.rope; ++j) rope[j] += to_f32(row[d.nope + j]);
      }
    }
  });
}

// dq [n, H q_head] and dkv_b [n, H kv_head] and dk_rope [n, rope], all still rotated.
template <typename T>
void attention_core_backward(View<T> dq, View<T> dkv_b, View<float> dk_rope, View<const T> dout, const MlaActs<T>& a,
                             View<const int32_t> first_visible, const LayerContext& c) {
  const MlaDims d(c.config);
  const Sequences<T> s = sequences_of(a, first_visible, c);
  const View<T> dk = c.arena.take<T>({c.n_tokens(), d.heads * d.q_head});
  std::vector<AttentionGradient<T>> gradients;
  for (size_t i = 0; i < s.problems.size(); ++i) {
    const int64_t begin = c.pieces[i].begin;
    AttentionGradient<T> g;
    g.forward = s.problems[i];
    g.dout = dout.row(begin);
    g.dq = dq.row(begin);
    g.dk = dk.row(begin);
    g.dv = dkv_b.row(begin) + d.nope;
    g.dq_token_stride = g.dk_token_stride = d.heads * d.q_head;
    g.dq_head_stride = g.dk_head_stride = d.q_head;
    g.dv_token_stride = d.heads * d.kv_head;
    g.dv_head_stride = d.kv_head;
    gradients.push_back(g);
  }
  attention_backward<T>(gradients);
  split_key_gradients<T>(dkv_b, dk_rope, dk, d);
}

}  // namespace

template <typename T>
void mla_train_forward(View<float> y, MlaActs<T>& a, View<const float> x, View<const int32_t> first_visible, const LayerWeights& w,
                       const LayerContext& c) {
  const MlaDims d(c.config);
  const int64_t n = c.n_tokens();
  mla_project(a, x, w, c, true);
  a.out = c.arena.take<T>({n, d.heads * d.v});
  a.lse = c.arena.take<float>({n, d.heads});
  if (c.numerics == Numerics::kExact) {
    attend_as_cached(a, first_visible, w, c);
  } else {
    expand(a, w, c);
    attention_forward<T>(sequences_of(a, first_visible, c).problems);
  }
  std::memcpy(y.data(), x.data(), static_cast<size_t>(x.size()) * sizeof(float));
  linear_forward<T, float>(y, linear_input<T>(a.out, c), w.o_proj, {}, Store::kAdd);
}

template <typename T>
void mla_backward(View<float> dx, const MlaActs<T>& saved, View<const float> x, View<const int32_t> first_visible, const LayerWeights& w,
                  const LayerGradients& g, const LayerContext& c) {
  const MlaDims d(c.config);
  const int64_t n = c.n_tokens(), hidden = c.config.hidden_size;
  const Arena::Mark mark = c.arena.mark();
  MlaActs<T> a = saved;
  if (c.numerics == Numerics::kExact) expand(a, w, c);
  const View<T> dy = c.arena.take<T>({n, hidden}), dout = c.arena.take<T>({n, d.heads * d.v});
  convert<T, float>(dy, dx);
  linear_backward<T, T>(dout, Store::kOverwrite, g.o_proj, dy, a.out, w.o_proj, c);

  const View<T> dq = c.arena.take<T>({n, d.heads * d.q_head}), dkv_b = c.arena.take<T>({n, d.heads * d.kv_head});
  const View<float> dkv_a_sum = c.arena.take<float>({n, d.latent + d.rope}), dk_rope = c.arena.take<float>({n, d.rope});
  attention_core_backward<T>(dq, dkv_b, dk_rope, dout, a, first_visible, c);
  rope_apply(View<T>(dq.data(), {n, d.heads, d.q_head}), d.nope, c.positions, c.rope, true);
  rope_apply(View<float>(dk_rope.data(), {n, 1, d.rope}), 0, c.positions, c.rope, true);

  const View<float> dlatent = c.arena.take<float>({n, d.latent}), dh = c.arena.take<float>({n, hidden});
  linear_backward<T, float>(dlatent, Store::kOverwrite, g.kv_b_proj, dkv_b, a.latent, w.kv_b_proj, c);
  rms_norm_backward<T>(columns(dkv_a_sum, 0, d.latent), g.kv_a_layernorm, dlatent, columns(a.kv_a, 0, d.latent), w.kv_a_layernorm,
                       a.kv_inv_rms, false);
  convert<float, float>(columns(dkv_a_sum, d.latent, d.rope), dk_rope);
  const View<T> dkv_a = c.arena.take<T>({n, d.latent + d.rope});
  convert<T, float>(dkv_a, dkv_a_sum);
  linear_backward<T, float>(dh, Store::kOverwrite, g.kv_a_proj_with_mqa, dkv_a, a.h, w.kv_a_proj_with_mqa, c);

  if (c.config.q_lora_rank > 0) {
    const int64_t rank = c.config.q_lora_rank;
    const View<float> dnorm = c.arena.take<float>({n, rank}), dq_a_sum = c.arena.take<float>({n, rank});
    const View<T> dq_a = c.arena.take<T>({n, rank});
    linear_backward<T, float>(dnorm, Store::kOverwrite, g.q_b_proj, dq, a.q_a_norm, w.q_b_proj, c);
    rms_norm_backward<T>(dq_a_sum, g.q_a_layernorm, dnorm, a.q_a, w.q_a_layernorm, a.q_inv_rms, false);
    convert<T, float>(dq_a, dq_a_sum);
    linear_backward<T, float>(dh, Store::kAdd, g.q_a_proj, dq_a, a.h, w.q_a_proj, c);
  } else {
    linear_backward<T, float>(dh, Store::kAdd, g.q_proj, dq, a.h, w.q_proj, c);
  }
  rms_norm_backward<float>(dx, g.input_layernorm, dh, x, w.input_layernorm, a.inv_rms, true);
  c.arena.release(mark);
}

#define FATHOM_INSTANTIATE(T)                                                                                                \
  template void mla_train_forward<T>(View<float>, MlaActs<T>&, View<const float>, View<const int32_t>, const LayerWeights&, \
                                     const LayerContext&);                                                                   \
  template void mla_backward<T>(View<float>, const MlaActs<T>&, View<const float>, View<const int32_t>, const LayerWeights&, \
                                const LayerGradients&, const LayerContext&);
FATHOM_INSTANTIATE(float)
FATHOM_INSTANTIATE(BF16)
#undef FATHOM_INSTANTIATE

}  // namespace fathom
