#include "model/ffn.h"

#include "model/convert.h"
#include "model/train_linear.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/swiglu/swiglu.h"

namespace fathom {
namespace {

// gate_up = [x gate^T | x up^T] and act = silu(gate) * up.
template <typename T>
void swiglu_half(View<T>& gate_up, View<T>& act, View<const T> x, const LayerWeights& w, const LayerContext& c) {
  const int64_t n = x.dim(0), width = w.gate_proj.rows;
  gate_up = c.arena.take<T>({n, 2 * width});
  act = c.arena.take<T>({n, width});
  const LinearProduct<T, T> products[] = {{columns(gate_up, 0, width), x, w.gate_proj, false, w.gate_proj_bias},
                                          {columns(gate_up, width, width), x, w.up_proj, false, w.up_proj_bias}};
  linear_products<T, T>(products);
  swiglu_forward<T>(act, gate_up);
}

template <typename T>
View<T> rows_of_expert(View<T> m, const DispatchPlan& plan, size_t e) {
  return m.slice(plan.offsets[e], plan.offsets[e + 1]);
}

template <typename T>
void route(FfnActs<T>& a, const LayerWeights& w, const LayerContext& c) {
  const int64_t n = a.h.dim(0), k = c.config.num_experts_per_tok, experts = c.config.n_routed_experts;
  if constexpr (sizeof(T) == 4) {
    a.h32 = a.h;
  } else {
    a.h32 = c.arena.take<float>({n, a.h.dim(1)});
    convert<float, T>(a.h32, a.h);
  }
  a.logits = c.arena.take<float>({n, experts});
  linear_forward<float, float>(a.logits, a.h32, w.router);
  a.router = {c.arena.take<int32_t>({n, k}), c.arena.take<float>({n, k}), c.arena.take<float>({n, experts})};
  router_forward(a.router, a.logits, w.e_score_correction_bias, router_spec(c.config), c.given_experts);
  a.plan = plan_dispatch(a.router.expert_ids, experts);
}

template <typename T>
void experts_forward(FfnActs<T>& a, const LayerWeights& w, const LayerContext& c) {
  const int64_t slots = a.router.expert_ids.size(), hidden = a.h.dim(1), width = c.config.moe_intermediate_size;
  a.xs = c.arena.take<T>({slots, hidden});
  a.expert_gate_up = c.arena.take<T>({slots, 2 * width});
  a.expert_act = c.arena.take<T>({slots, width});
  a.ys = c.arena.take<T>({slots, hidden});
  dispatch_forward<T>(a.xs, a.h, a.plan);
  const View<const T> xs = linear_input<T>(a.xs, c);
  std::vector<LinearProduct<T, T>> up, down;
  for (size_t e = 0; e < w.expert_gate.size(); ++e) {
    const View<T> gate_up = rows_of_expert(a.expert_gate_up, a.plan, e);
    if (gate_up.dim(0) == 0) continue;
    up.push_back({columns(gate_up, 0, width), rows_of_expert(xs, a.plan, e), w.expert_gate[e]});
    up.push_back({columns(gate_up, width, width), rows_of_expert(xs, a.plan, e), w.expert_up[e]});
  }
  linear_products<T, T>(up);
  swiglu_forward<T>(a.expert_act, a.expert_gate_up);
  const View<const T> act = linear_input<T>(a.expert_act, c);
  for (size_t e = 0; e < w.expert_down.size(); ++e) {
    if (a.plan.offsets[e] == a.plan.offsets[e + 1]) continue;
    down.push_back({rows_of_expert(a.ys, a.plan, e), rows_of_expert(act, a.plan, e), w.expert_down[e]});
  }
  linear_products<T, T>(down);
}

// dact → dgate_up; dh [n, hidden] f32 is overwritten or added to.
template <typename T>
void swiglu_half_backward(View<float> dh, Store store, View<const T> dy, View<const T> gate_up, View<const T> act, View<const T> x,
                          const LayerWeights& w, const LayerGradients& g, const LayerContext& c) {
  const int64_t n = x.dim(0), width = act.dim(1);
  const View<T> dact = c.arena.take<T>({n, width}), dgate_up = c.arena.take<T>({n, 2 * width});
  linear_backward<T, T>(dact, Store::kOverwrite, g.down_proj, dy, act, w.down_proj, c);
  swiglu_backward<T, T>(dgate_up, dact, gate_up);
  linear_backward<T, float>(dh, store, g.gate_proj, columns(dgate_up, 0, width), x, w.gate_proj, c);
  linear_backward<T, float>(dh, Store::kAdd, g.up_proj, columns(dgate_up, width, width), x, w.up_proj, c);
}

template <typename T>
View<const T> per_column(View<const T> m, const LayerContext& c) {
  if (!c.fp8_activations) return m;
  const View<T> y = c.arena.take<T>({m.dim(0), m.dim(1)});
  fp8_round_trip_columns(y, m);
  return y;
}

// One projection of all experts: dx (where not empty) and the weights' gradients, each as one shared-out batch.
template <typename T, typename Y>
void expert_linear_backward(View<Y> dx, Store store, const std::vector<View<float>>& dw, View<const T> dy, View<const T> x,
                            const std::vector<Weight>& w, const DispatchPlan& plan, const LayerContext& c) {
  const View<const T> dy_rows = linear_input<T>(dy, c);
  std::vector<LinearProduct<T, Y>> inputs;
  std::vector<GradientProduct<T>> weights;
  for (size_t e = 0; e < w.size(); ++e) {
    if (plan.offsets[e] == plan.offsets[e + 1]) continue;
    inputs.push_back({rows_of_expert(dx, plan, e), rows_of_expert(dy_rows, plan, e), w[e], true, {}, store});
    weights.push_back({dw[e], per_column<T>(rows_of_expert(dy, plan, e), c), per_column<T>(rows_of_expert(x, plan, e), c)});
  }
  linear_products<T, Y>(inputs);
  gradient_products<T>(weights);
}

// dh [n, hidden] f32 is overwritten with the routed experts' part; dweights [n, k] likewise.
template <typename T>
void experts_backward(View<float> dh, View<float> dweights, View<const float> dy, const FfnActs<T>& a, const LayerWeights& w,
                      const LayerGradients& g, const LayerContext& c) {
  const int64_t slots = a.xs.dim(0), hidden = a.xs.dim(1), width = a.expert_act.dim(1);
  const View<T> dys = c.arena.take<T>({slots, hidden}), dact = c.arena.take<T>({slots, width});
  const View<T> dgate_up = c.arena.take<T>({slots, 2 * width});
  const View<float> dxs = c.arena.take<float>({slots, hidden});
  combine_backward<T>(dys, dweights, dy, a.ys, a.router.weights, a.plan);
  expert_linear_backward<T, T>(dact, Store::kOverwrite, g.expert_down, dys, a.expert_act, w.expert_down, a.plan, c);
  swiglu_backward<T, T>(dgate_up, dact, a.expert_gate_up);
  expert_linear_backward<T, float>(dxs, Store::kOverwrite, g.expert_gate, columns(dgate_up, 0, width), a.xs, w.expert_gate, a.plan, c);
  expert_linear_backward<T, float>(dxs, Store::kAdd, g.expert_up, columns(dgate_up, width, width), a.xs, w.expert_up, a.plan, c);
  dispatch_backward<float>(dh, dxs, a.plan);
}

template <typename T>
double router_part_backward(View<float> dh, View<const float> dweights, const FfnActs<T>& a, const LayerWeights& w,
                            const LayerGradients& g, float balance_scale, const LayerContext& c) {
  const RouterSpec spec = router_spec(c.config);
  const int64_t n = a.logits.dim(0), experts = a.logits.dim(1);
  const View<float> daffinity = balance_scale != 0 ? c.arena.take<float>({n, experts}) : View<float>();
  const View<float> dlogits = c.arena.take<float>({n, experts});
  double balance = 0;
  if (of_one_length(c.pieces)) {
    balance = balance_loss(daffinity, a.router, static_cast<int64_t>(c.pieces.size()), balance_scale, spec);
  } else {
    FATHOM_CHECK(balance_scale == 0);
  }
  router_backward(dlogits, dweights, daffinity, a.router, spec);
  linear_backward_input<float, float>(dh, dlogits, w.router, Store::kAdd);
  linear_backward_weight<float>(g.router, dlogits, a.h32);
  return balance;
}

}  // namespace

template <typename T>
void ffn_forward(View<float> x, FfnActs<T>& a, const LayerWeights& w, const LayerContext& c, bool save) {
  const int64_t n = x.dim(0), hidden = x.dim(1);
  a.h = c.arena.take<T>({n, hidden});
  if (save) a.inv_rms = c.arena.take<float>({n});
  rms_norm_forward<T, float>(a.h, a.inv_rms, x, w.post_attention_layernorm, static_cast<float>(c.config.rms_norm_eps));
  const bool moe = w.spec.ffn == FfnKind::kMoe;
  if (moe) {
    route(a, w, c);
    experts_forward(a, w, c);
  }
  if (w.gate_proj.present()) {
    swiglu_half<T>(a.gate_up, a.act, linear_input<T>(a.h, c), w, c);
    linear_forward<T, float>(x, linear_input<T>(a.act, c), w.down_proj, w.down_proj_bias, Store::kAdd);
  }
  if (moe) combine_forward<T>(x, a.ys, a.router.weights, a.plan);
}

template <typename T>
double ffn_backward(View<float> dx, const FfnActs<T>& a, View<const float> x, const LayerWeights& w, const LayerGradients& g,
                    float balance_scale, const LayerContext& c) {
  const int64_t n = x.dim(0), hidden = x.dim(1);
  const Arena::Mark mark = c.arena.mark();
  const bool moe = w.spec.ffn == FfnKind::kMoe;
  const View<float> dh = c.arena.take_zeroed<float>({n, hidden});
  double balance = 0;
  if (moe) {
    const View<float> dweights = c.arena.take<float>({n, c.config.num_experts_per_tok});
    experts_backward<T>(dh, dweights, dx, a, w, g, c);
    balance = router_part_backward(dh, dweights, a, w, g, balance_scale, c);
  }
  if (w.gate_proj.present()) {
    const View<T> dy = c.arena.take<T>({n, hidden});
    convert<T, float>(dy, dx);
    swiglu_half_backward<T>(dh, Store::kAdd, dy, a.gate_up, a.act, a.h, w, g, c);
  }
  rms_norm_backward<float>(dx, g.post_attention_layernorm, dh, x, w.post_attention_layernorm, a.inv_rms, true);
  c.arena.release(mark);
  return balance;
}

#define FATHOM_INSTANTIATE(T)                                                                                       \
  template void ffn_forward<T>(View<float>, FfnActs<T>&, const LayerWeights&, const LayerContext&, bool);           \
  template double ffn_backward<T>(View<float>, const FfnActs<T>&, View<const float>, const LayerWeights&,           \
                                  const LayerGradients&, float, const LayerContext&);
FATHOM_INSTANTIATE(float)
FATHOM_INSTANTIATE(BF16)
#undef FATHOM_INSTANTIATE

}  // namespace fathom
