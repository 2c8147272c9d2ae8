// MLA in training over whole sequences, and its backward, line by line from the bottom up. Forward takes the expanded form, or in exact
// numerics the absorbed one of the engine, to the bit; backward is that of the expanded form, which is the same function.
#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "model/convert.h"
#include "model/mla.h"
#include "model/mla_impl.h"
#include "model/train_linear.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rope/rope.h"

namespace fathom {
namespace {

// The rows of m that a piece's queries see, its positions from 0 on: a view of them, or a copy where they do not follow each other.
template <typename T>
View<T> seen_rows(View<T> m, const SequencePiece& p, const LayerContext& c) {
  if (p.first_position == 0) return m.slice(p.begin, p.begin + p.n);
  const View<T> all = c.arena.take<T>({p.n_keys(), m.dim(1)});
  convert<T, T>(all.slice(0, p.first_position), m.slice(p.before, p.before + p.first_position));
  convert<T, T>(all.slice(p.first_position, p.n_keys()), m.slice(p.begin, p.begin + p.n));
  return all;
}

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
    const View<T> k = seen_rows(a.k, p, c), kv_b = seen_rows(a.kv_b, p, c);
    s.k_tiles.push_back(tile_rows<T>(k.data(), p.n_keys(), k.stride(0)));
    s.v_tiles.push_back(tile_rows<T>(kv_b.data() + d.nope, p.n_keys(), kv_b.stride(0)));
  }
  for (size_t i = 0; i < c.pieces.size(); ++i) {
    const SequencePiece& p = c.pieces[i];
    AttentionProblem<T> problem = problem_of(p, c, static_cast<const T*>(a.q.data()), d.q_head, a.out.data(), d.v);
    set_expanded<T>(problem, s.k_tiles[i], s.v_tiles[i], p.n_keys(), d);
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
  for (const SequencePiece& p : c.pieces) {
    const View<T> seen = seen_rows(entries, p, c);
    pieces.push_back({tile_rows<T>(seen.data(), p.n_keys(), seen.stride(0)), p.n_keys()});
  }
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

// Gradients of the keys and values that a piece sees and that are other pieces': added there, in f32 and in order.
template <typename T>
void add_seen_gradients(View<T> grad, std::span<const View<T>> of_pieces, const LayerContext& c) {
  const auto shares = [](const SequencePiece& p) { return p.first_position > 0; };
  if (std::none_of(c.pieces.begin(), c.pieces.end(), shares)) return;
  const View<float> sum = c.arena.take<float>({grad.dim(0), grad.dim(1)});
  convert<float, T>(sum, grad);
  for (size_t i = 0; i < c.pieces.size(); ++i) {
    const SequencePiece& p = c.pieces[i];
    if (!shares(p)) continue;
    parallel_ranges(p.n_keys(), 16, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const bool own = r >= p.first_position;
        float* to = sum.row(own ? p.begin + r - p.first_position : p.before + r);
        const T* from = of_pieces[i].row(r);
        for (int64_t j = 0; j < grad.dim(1); ++j) to[j] = own ? to_f32(from[j]) : to[j] + to_f32(from[j]);
      }
    });
  }
  convert<T, float>(grad, sum);
}

// dq [n, H q_head] and dkv_b [n, H kv_head] and dk_rope [n, rope], all still rotated.
template <typename T>
void attention_core_backward(View<T> dq, View<T> dkv_b, View<float> dk_rope, View<const T> dout, const MlaActs<T>& a,
                             View<const int32_t> first_visible, const LayerContext& c) {
  const MlaDims d(c.config);
  const Sequences<T> s = sequences_of(a, first_visible, c);
  const View<T> dk = c.arena.take<T>({c.n_tokens(), d.heads * d.q_head});
  std::vector<AttentionGradient<T>> gradients;
  std::vector<View<T>> seen_dk, seen_dkv_b;  // of each piece
  for (size_t i = 0; i < s.problems.size(); ++i) {
    const SequencePiece& p = c.pieces[i];
    const int64_t begin = p.begin;
    const bool own = p.first_position == 0;
    seen_dk.push_back(own ? dk.slice(begin, begin + p.n) : c.arena.take<T>({p.n_keys(), dk.dim(1)}));
    seen_dkv_b.push_back(own ? dkv_b.slice(begin, begin + p.n) : c.arena.take_zeroed<T>({p.n_keys(), dkv_b.dim(1)}));
    AttentionGradient<T> g;
    g.forward = s.problems[i];
    g.dout = dout.row(begin);
    g.dq = dq.row(begin);
    g.dk = seen_dk[i].data();
    g.dv = seen_dkv_b[i].data() + d.nope;
    g.dq_token_stride = g.dk_token_stride = d.heads * d.q_head;
    g.dq_head_stride = g.dk_head_stride = d.q_head;
    g.dv_token_stride = d.heads * d.kv_head;
    g.dv_head_stride = d.kv_head;
    gradients.push_back(g);
  }
  attention_backward<T>(gradients);
  add_seen_gradients<T>(dk, seen_dk, c);
  add_seen_gradients<T>(dkv_b, seen_dkv_b, c);
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
