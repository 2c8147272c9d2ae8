// Forward and backward of a whole micro-batch. The pass runs layer by layer; backward mirrors it from the head down.
#include "model/trainer_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/threads.h"
#include "cost/flops.h"
#include "model/convert.h"
#include "model/ffn.h"
#include "model/mla.h"
#include "model/parameter_store.h"
#include "model/train_linear.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/embedding/embedding.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"

namespace fathom {
namespace {

constexpr int64_t kHeadRows = 512;  // logits are made, used and forgotten this many rows at a time

// Sequences of one length side by side, as rows.
struct Rows {
  std::vector<SequencePiece> pieces;
  std::vector<int32_t> positions, first_visible;
  int64_t n() const { return static_cast<int64_t>(positions.size()); }
  View<const int32_t> positions_view() const { return {positions.data(), {n()}}; }
  View<const int32_t> first_visible_view() const {
    return first_visible.empty() ? View<const int32_t>() : View<const int32_t>(first_visible.data(), {n()});
  }
};

// Predicted positions of sequence s, `less` fewer than the batch has.
int64_t length_of(const TrainBatch& batch, int64_t s, int64_t less) {
  return std::max<int64_t>(0, (batch.lengths.empty() ? batch.tokens.dim(1) - 1 : batch.lengths[s]) - less);
}

// Of which the first are another row's.
int64_t shared_of(const TrainBatch& batch, int64_t s) { return batch.shared.empty() ? 0 : batch.shared.row(s)[1]; }

Rows rows_of(const TrainBatch& batch, int64_t less) {
  Rows r;
  std::vector<int64_t> begins;  // of each sequence
  for (int64_t s = 0; s < batch.tokens.dim(0); ++s) {
    const int64_t length = length_of(batch, s, less), own = shared_of(batch, s);
    begins.push_back(r.n());
    if (length > own) r.pieces.push_back({nullptr, r.n(), length - own, own, own > 0 ? begins[batch.shared.row(s)[0]] : 0});
    int64_t first = 0;
    for (int64_t t = own; t < length; ++t) {
      r.positions.push_back(static_cast<int32_t>(t));
      if (batch.document_ids.empty()) continue;
      const int32_t* ids = batch.document_ids.row(s);
      if (t > 0 && ids[t] != ids[t - 1]) first = t;
      r.first_visible.push_back(static_cast<int32_t>(first));
    }
  }
  return r;
}

// `values` [n_sequences, stride] from column `shift` on, row after row, each `less` shorter than its sequence.
template <typename V>
std::vector<V> shifted(View<const V> values, const TrainBatch& batch, int64_t shift, int64_t less) {
  std::vector<V> out;
  for (int64_t s = 0; s < batch.tokens.dim(0); ++s) {
    const int64_t length = length_of(batch, s, less), own = std::min(length, shared_of(batch, s));
    out.insert(out.end(), values.row(s) + shift + own, values.row(s) + shift + length);
  }
  return out;
}

template <typename V>
View<const V> view_of(const std::vector<V>& v) {
  return v.empty() ? View<const V>() : View<const V>(v.data(), {static_cast<int64_t>(v.size())});
}

template <typename T>
struct LayerActs {
  View<float> x, x_mid, x_out;  // input, after attention, after the FFN
  MlaActs<T> mla;
  FfnActs<T> ffn;
};

double mean_entropy(View<const float> affinity) {
  const int64_t n = affinity.dim(0), experts = affinity.dim(1);
  double total = 0;
  for (int64_t t = 0; t < n; ++t) {
    double sum = 0, plogp = 0;
    for (int64_t e = 0; e < experts; ++e) sum += affinity.row(t)[e];
    for (int64_t e = 0; e < experts; ++e) {
      const double p = affinity.row(t)[e] / sum;
      if (p > 0) plogp += p * std::log(p);
    }
    total -= plogp;
  }
  return total / static_cast<double>(n);
}

void copy_rows(View<float> dst, View<const float> src) { convert<float, float>(dst, src); }

// One forward-backward over the batch in arithmetic T.
template <typename T>
class Pass {
 public:
  Pass(const ModelConfig& config, const TrainOptions& options, ParameterStore& store, RopeTable& rope, Arena& arena, const TrainBatch& batch)
      : config_(config), options_(options), w_(store.weights()), g_(store.gradients()), rope_(rope), arena_(arena), batch_(batch) {
    FATHOM_CHECK(batch.tokens.rank() == 2 && batch.tokens.dim(1) >= 2);
    FATHOM_CHECK(batch.lengths.empty() || (batch.document_ids.empty() && options.balance_alpha == 0));
    for (int64_t s = 0; !batch.shared.empty() && s < batch.tokens.dim(0); ++s) {
      const int32_t row = batch.shared.row(s)[0], n = batch.shared.row(s)[1];
      FATHOM_CHECK(!batch.lengths.empty() && n >= 0 && n < batch.lengths[s]);
      FATHOM_CHECK(n == 0 || (row >= 0 && row < s && shared_of(batch, row) == 0 && n < batch.lengths[row]));
    }
    T_ = batch.tokens.dim(1) - 1;
    rope_.reserve(T_);
    arena_.reset();
    main_ = rows_of(batch, 0);
    n_ = main_.n();
    FATHOM_CHECK(batch.experts.empty() || batch.experts.dim(0) == n_);
    FATHOM_CHECK(batch.sampling_sets.empty() || static_cast<int64_t>(batch.sampling_sets.size()) == n_);
    inputs_ = shifted(batch.tokens, batch, 0, 0);
    targets_ = shifted(batch.tokens, batch, 1, 0);
    weight_sum_ = static_cast<double>(n_);
    if (!batch.loss_weights.empty()) {
      weights_ = shifted(batch.loss_weights, batch, 0, 0);
      weight_sum_ = 0;
      for (const float w : weights_) weight_sum_ += w;
    }
  }

  TrainStats forward_backward(double scale, const LogpLoss* loss) {
    TrainStats stats;
    const View<float> x = forward_main(true, stats);
    const View<float> dx = arena_.take_zeroed<float>({n_, hidden()});
    final_norm(x);
    stats.loss_ce = loss ? logp_head(dx, x, scale, *loss) : main_head(dx, x, scale);
    if (mtp_runs()) stats.loss_mtp = mtp(&dx, x, scale, stats);
    for (int64_t i = config_.num_hidden_layers - 1; i >= 0; --i) stats.balance += layer_backward(dx, i, scale);
    embedding_backward(g_.embed_tokens, dx, view_of(inputs_));
    return finish(stats);
  }

  TrainStats forward_only() {
    TrainStats stats;
    const View<float> x = forward_main(false, stats);
    final_norm(x);
    stats.loss_ce = main_head({}, x, 0);
    if (mtp_runs()) stats.loss_mtp = mtp(nullptr, x, 0, stats);
    return finish(stats);
  }

  void logps(View<float> logp) {
    TrainStats stats;
    final_norm(forward_main(false, stats));
    logps_of_final(logp);
  }

  void logits(View<float> main, View<float> mtp_out) {
    TrainStats stats;
    const View<float> x = forward_main(false, stats);
    final_norm(x);
    linear_forward<T, float>(main, final_, w_.lm_head);
    if (mtp_out.empty()) return;
    mtp_logits_ = mtp_out;
    mtp(nullptr, x, 0, stats);
  }

 private:
  int64_t hidden() const { return config_.hidden_size; }
  float eps() const { return static_cast<float>(config_.rms_norm_eps); }
  bool mtp_runs() const { return options_.mtp_lambda > 0 && config_.num_nextn_predict_layers > 0 && T_ >= 2; }
  LayerContext context(const Rows& rows) const {
    return {config_, rope_, arena_, rows.positions_view(), rows.pieces, options_.numerics, options_.fp8, {}};
  }
  TrainStats finish(TrainStats s) const {
    s.loss_total = s.loss_ce + (mtp_runs() ? options_.mtp_lambda * s.loss_mtp : 0) + options_.balance_alpha * s.balance;
    return s;
  }

  // Of layer idx of the trunk; empty where the router chooses.
  View<const int32_t> given_experts(int64_t idx) const {
    if (batch_.experts.empty() || idx >= config_.num_hidden_layers || w_.layers[idx].spec.ffn != FfnKind::kMoe) return {};
    int64_t before = 0;
    for (int64_t i = 0; i < idx; ++i) before += w_.layers[i].spec.ffn == FfnKind::kMoe;
    return columns(batch_.experts, before * config_.num_experts_per_tok, config_.num_experts_per_tok);
  }

  void run_layer(LayerActs<T>& a, int64_t idx, const Rows& rows) {
    LayerContext c = context(rows);
    c.given_experts = given_experts(idx);
    a.x_mid = arena_.take<float>({rows.n(), hidden()});
    mla_train_forward<T>(a.x_mid, a.mla, a.x, rows.first_visible_view(), w_.layers[idx], c);
    copy_rows(a.x_out, a.x_mid);
    ffn_forward<T>(a.x_out, a.ffn, w_.layers[idx], c, true);
  }

  void note_load(const LayerActs<T>& a, int64_t idx, TrainStats& stats) const {
    if (w_.layers[idx].spec.ffn != FfnKind::kMoe) return;
    stats.moe_layers.push_back(static_cast<int>(idx));
    std::vector<int64_t> load;
    for (size_t e = 0; e + 1 < a.ffn.plan.offsets.size(); ++e) load.push_back(a.ffn.plan.offsets[e + 1] - a.ffn.plan.offsets[e]);
    stats.expert_loads.push_back(std::move(load));
    stats.router_entropy.push_back(mean_entropy(a.ffn.router.affinity));
  }

  // The loss needs no gradient to be known: layers that forget their activations add it here, the others in backward.
  double balance_of(const LayerActs<T>& a, int64_t idx, const Rows& rows) const {
    if (w_.layers[idx].spec.ffn != FfnKind::kMoe || !of_one_length(rows.pieces)) return 0;
    return balance_loss({}, a.ffn.router, static_cast<int64_t>(rows.pieces.size()), 0, router_spec(config_));
  }

  View<float> forward_main(bool keep, TrainStats& stats) {
    View<float> x = arena_.take<float>({n_, hidden()});
    embedding_forward(x, view_of(inputs_), w_.embed_tokens);
    if (keep) layers_.resize(config_.num_hidden_layers);
    for (int64_t i = 0; i < config_.num_hidden_layers; ++i) {
      LayerActs<T> a;
      a.x = x;
      a.x_out = arena_.take<float>({n_, hidden()});
      const Arena::Mark mark = arena_.mark();
      run_layer(a, i, main_);
      note_load(a, i, stats);
      if (!keep) stats.balance += balance_of(a, i, main_);
      x = a.x_out;
      if (!keep || options_.recompute) arena_.release(mark);
      if (keep) layers_[i] = std::move(a);
    }
    return x;
  }

  double layer_backward(View<float> dx, int64_t idx, double scale) {
    LayerActs<T>& a = layers_[idx];
    const Arena::Mark mark = arena_.mark();
    if (options_.recompute) run_layer(a, idx, main_);
    const double balance = backward_through(dx, a, idx, main_, scale);
    arena_.release(mark);
    return balance;
  }

  double backward_through(View<float> dx, const LayerActs<T>& a, int64_t idx, const Rows& rows, double scale) {
    const LayerContext c = context(rows);
    const float balance_scale = static_cast<float>(scale * options_.balance_alpha);
    const double balance = ffn_backward<T>(dx, a.ffn, a.x_mid, w_.layers[idx], g_.layers[idx], balance_scale, c);
    mla_backward<T>(dx, a.mla, a.x, rows.first_visible_view(), w_.layers[idx], g_.layers[idx], c);
    return balance;
  }

  void final_norm(View<const float> x) {
    final_ = arena_.take<T>({n_, hidden()});
    final_inv_rms_ = arena_.take<float>({n_});
    rms_norm_forward<T, float>(final_, final_inv_rms_, x, w_.norm, eps());
  }

  struct HeadOut {
    View<float> dh = {};          // [n, hidden], overwritten with scale * gradient, or empty
    View<float> losses = {};      // [n] unweighted, or empty
    View<float> all_logits = {};  // [n, vocab_size], or empty
    bool moves_head = true;  // the head's weights have a gradient too
    std::vector<const std::vector<int32_t>*> sets = {};  // of each row, or empty: TrainBatch.sampling_sets
  };
  // Sum of the weighted losses of rows h [n, hidden]. Rows of weight 0, as the prompts' tokens are in tuning, are not computed.
  double head(const HeadOut& out, View<const T> h, View<const int32_t> targets, View<const float> weights, double scale) {
    std::vector<int32_t> kept;
    for (int64_t i = 0; i < weights.size(); ++i) {
      if (weights[i] != 0) kept.push_back(static_cast<int32_t>(i));
    }
    if (weights.empty() || static_cast<int64_t>(kept.size()) == weights.size() || !out.all_logits.empty()) {
      return head_of_rows(out, h, targets, weights, scale);
    }
    const Arena::Mark mark = arena_.mark();
    const int64_t n = static_cast<int64_t>(kept.size());
    const View<T> own_h = arena_.take<T>({n, hidden()});
    const View<int32_t> own_targets = arena_.take<int32_t>({n});
    const View<float> own_weights = arena_.take<float>({n});
    for (int64_t i = 0; i < n; ++i) {
      std::copy(h.row(kept[i]), h.row(kept[i]) + hidden(), own_h.row(i));
      own_targets[i] = targets[kept[i]];
      own_weights[i] = weights[kept[i]];
    }
    HeadOut own = out;
    own.sets.clear();
    if (!out.sets.empty()) {
      for (const int32_t i : kept) own.sets.push_back(out.sets[i]);
    }
    if (!out.dh.empty()) own.dh = arena_.take<float>({n, hidden()});
    if (!out.losses.empty()) own.losses = arena_.take<float>({n});
    const double sum = n == 0 ? 0 : head_of_rows(own, own_h, own_targets, own_weights, scale);
    if (!out.dh.empty()) std::fill(out.dh.data(), out.dh.data() + out.dh.size(), 0.0f);
    if (!out.losses.empty()) std::fill(out.losses.data(), out.losses.data() + out.losses.size(), 0.0f);
    for (int64_t i = 0; i < n; ++i) {
      if (!out.dh.empty()) std::copy(own.dh.row(i), own.dh.row(i) + hidden(), out.dh.row(kept[i]));
      if (!out.losses.empty()) out.losses[kept[i]] = own.losses[i];
    }
    arena_.release(mark);
    return sum;
  }

  double head_of_rows(const HeadOut& out, View<const T> h, View<const int32_t> targets, View<const float> weights, double scale) {
    const View<float> dh = out.dh, all_logits = out.all_logits;
    double sum = 0;
    for (int64_t begin = 0; begin < h.dim(0); begin += kHeadRows) {
      const Arena::Mark mark = arena_.mark();
      const int64_t end = std::min(h.dim(0), begin + kHeadRows), rows = end - begin;
      const View<float> logits = all_logits.empty() ? arena_.take<float>({rows, config_.vocab_size}) : all_logits.slice(begin, end);
      linear_forward<T, float>(logits, h.slice(begin, end), w_.lm_head);
      if (!out.sets.empty()) {
        parallel_for(rows, [&](int64_t i) { keep_sampling_set(logits.row(i), config_.vocab_size, *out.sets[begin + i]); });
      }
      const View<T> dlogits = dh.empty() ? View<T>() : arena_.take<T>({rows, config_.vocab_size});
      const View<const float> piece = weights.empty() ? weights : View<const float>(weights.data() + begin, {rows});
      const View<float> losses = out.losses.empty() ? out.losses : View<float>(out.losses.data() + begin, {rows});
      sum += cross_entropy<T>(dlogits, losses, logits, View<const int32_t>(targets.data() + begin, {rows}), piece, static_cast<float>(scale));
      if (!dh.empty()) {
        linear_backward_input<T, float>(dh.slice(begin, end), dlogits, w_.lm_head);
        if (out.moves_head) linear_backward_weight<T>(g_.lm_head, dlogits, h.slice(begin, end));
      }
      arena_.release(mark);
    }
    return sum;
  }

  // The main head's output with the batch's sampling sets.
  HeadOut masked(HeadOut out) const {
    for (const std::vector<int32_t>& set : batch_.sampling_sets) out.sets.push_back(&set);
    return out;
  }

  double main_head(View<float> dx, View<const float> x, double scale) {
    const Arena::Mark mark = arena_.mark();
    const View<float> dh = dx.empty() ? View<float>() : arena_.take<float>({n_, hidden()});
    const double sum = head(masked({.dh = dh}), final_, view_of(targets_), view_of(weights_), scale / weight_sum_);
    if (!dx.empty()) rms_norm_backward<float>(dx, g_.norm, dh, x, w_.norm, final_inv_rms_, true);
    arena_.release(mark);
    return sum / weight_sum_;
  }

  void logps_of_final(View<float> logp) {
    head(masked({.losses = logp}), final_, view_of(targets_), view_of(weights_), 0);
    for (int64_t i = 0; i < n_; ++i) logp[i] = -logp[i];
  }

  // The loss needs every log-probability before it knows one derivative, so the head is computed twice. d(loss)/d(logits) of a position is
  // that of its cross-entropy, weighted with -d(loss)/d(logp).
  double logp_head(View<float> dx, View<const float> x, double scale, const LogpLoss& loss) {
    const Arena::Mark mark = arena_.mark();
    const View<float> logp = arena_.take<float>({n_}), dlogp = arena_.take_zeroed<float>({n_}), dh = arena_.take<float>({n_, hidden()});
    logps_of_final(logp);
    const double value = loss(dlogp, logp);
    for (int64_t i = 0; i < n_; ++i) dlogp[i] = -dlogp[i];
    head(masked({.dh = dh}), final_, view_of(targets_), dlogp, scale);
    rms_norm_backward<float>(dx, g_.norm, dh, x, w_.norm, final_inv_rms_, true);
    arena_.release(mark);
    return value;
  }

  // Row i of a sequence takes position i of the main stream and the embedding of the next token. Source: DeepSeek-V3 §2.2.
  double mtp(const View<float>* dx, View<const float> x, double scale, TrainStats& stats) {
    const Arena::Mark mark = arena_.mark();
    const int64_t idx = config_.num_hidden_layers;
    const LayerWeights& lw = w_.layers[idx];
    const Rows rows = rows_of(batch_, 1);
    const int64_t n = rows.n();
    if (n == 0) return 0;
    const std::vector<int32_t> next = shifted(batch_.tokens, batch_, 1, 1), targets = shifted(batch_.tokens, batch_, 2, 1);
    const std::vector<float> weights = batch_.loss_weights.empty() ? std::vector<float>() : shifted(batch_.loss_weights, batch_, 1, 1);

    // Inputs: rows of the main output (normalised, or before the norm) and embeddings.
    const View<float> source = arena_.take<float>({n_, hidden()}), previous = arena_.take<float>({n, hidden()});
    if (options_.mtp_prenorm) {
      copy_rows(source, x);
    } else {
      rms_norm_forward<float, float>(source, {}, x, w_.norm, eps());
    }
    each_mtp_piece(rows, [&](const SequencePiece& own, int64_t in_main) {
      copy_rows(previous.slice(own.begin, own.begin + own.n), View<const float>(source).slice(in_main, in_main + own.n));
    });
    const View<float> embedded = arena_.take<float>({n, hidden()});
    embedding_forward(embedded, view_of(next), w_.embed_tokens);
    const View<T> z = arena_.take<T>({n, 2 * hidden()});
    const View<float> e_inv_rms = arena_.take<float>({n}), h_inv_rms = arena_.take<float>({n}), s_inv_rms = arena_.take<float>({n});
    rms_norm_forward<T, float>(columns(z, 0, hidden()), e_inv_rms, embedded, lw.enorm, eps());
    rms_norm_forward<T, float>(columns(z, hidden(), hidden()), h_inv_rms, previous, lw.hnorm, eps());
    LayerActs<T> a;
    a.x = arena_.take<float>({n, hidden()});
    a.x_out = arena_.take<float>({n, hidden()});
    linear_forward<T, float>(a.x, z, lw.eh_proj);
    run_layer(a, idx, rows);
    note_load(a, idx, stats);
    const View<T> h = arena_.take<T>({n, hidden()});
    rms_norm_forward<T, float>(h, s_inv_rms, a.x_out, lw.shared_head_norm, eps());
    const View<float> dh = dx ? arena_.take<float>({n, hidden()}) : View<float>();
    const HeadOut out{.dh = dh, .losses = {}, .all_logits = mtp_logits_, .moves_head = !options_.mtp_detached, .sets = {}};
    const double sum = head(out, h, view_of(targets), view_of(weights), scale * options_.mtp_lambda / weight_sum_);
    if (dx == nullptr) {
      stats.balance += balance_of(a, idx, rows);
    } else {
      const LayerGradients& lg = g_.layers[idx];
      const View<float> dlayer = arena_.take<float>({n, hidden()});
      rms_norm_backward<float>(dlayer, lg.shared_head_norm, dh, a.x_out, lw.shared_head_norm, s_inv_rms, false);
      stats.balance += backward_through(dlayer, a, idx, rows, scale);
      const View<T> dlayer_t = arena_.take<T>({n, hidden()});
      convert<T, float>(dlayer_t, dlayer);
      const View<float> dz = arena_.take<float>({n, 2 * hidden()});
      linear_backward_input<T, float>(dz, dlayer_t, lw.eh_proj);
      linear_backward_weight<T>(lg.eh_proj, dlayer_t, z);
      const View<float> dembedded = arena_.take<float>({n, hidden()}), dprevious = arena_.take<float>({n, hidden()});
      rms_norm_backward<float>(dembedded, lg.enorm, columns(dz, 0, hidden()), embedded, lw.enorm, e_inv_rms, false);
      rms_norm_backward<float>(dprevious, lg.hnorm, columns(dz, hidden(), hidden()), previous, lw.hnorm, h_inv_rms, false);
      if (!options_.mtp_detached) {
        embedding_backward(g_.embed_tokens, dembedded, view_of(next));
        main_output_gradient(*dx, x, dprevious, rows);
      }
    }
    arena_.release(mark);
    return sum / weight_sum_;
  }

  // fn(piece of the MTP layer's rows, where its first row stands among the main rows).
  template <typename Fn>
  void each_mtp_piece(const Rows& rows, const Fn& fn) const {
    size_t i = 0;
    for (const SequencePiece& main : main_.pieces) {
      if (main.n > 1) fn(rows.pieces[i++], main.begin);
    }
  }

  // dx += the gradient that reaches the main output through the MTP layer, whose rows are all but the last of each sequence.
  void main_output_gradient(View<float> dx, View<const float> x, View<const float> dprevious, const Rows& rows) {
    const View<float> spread = arena_.take_zeroed<float>({n_, hidden()});
    each_mtp_piece(rows, [&](const SequencePiece& own, int64_t in_main) {
      copy_rows(spread.slice(in_main, in_main + own.n), dprevious.slice(own.begin, own.begin + own.n));
    });
    if (!options_.mtp_prenorm) {
      rms_norm_backward<float>(dx, g_.norm, spread, x, w_.norm, final_inv_rms_, true);
      return;
    }
    parallel_ranges(n_, 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * hidden(); i < end * hidden(); ++i) dx[i] += spread[i];
    });
  }

  const ModelConfig& config_;
  const TrainOptions& options_;
  const ModelWeights& w_;
  const ModelGradients& g_;
  RopeTable& rope_;
  Arena& arena_;
  const TrainBatch& batch_;
  int64_t T_ = 0, n_ = 0;
  double weight_sum_ = 0;
  Rows main_;
  std::vector<int32_t> inputs_, targets_;
  std::vector<float> weights_;  // of the predicted positions; empty: 1 each
  std::vector<LayerActs<T>> layers_;
  View<T> final_;              // model.norm(x)
  View<float> final_inv_rms_, mtp_logits_;
};

class TrainerModelImpl final : public TrainerModel {
 public:
  TrainerModelImpl(const ModelConfig& config, const TrainOptions& options)
      : config_(config), options_(options), store_(config, options.compute, options.fp8), rope_(rope_spec(config)) {}

  ParameterStore& store() { return store_; }
  const ModelConfig& config() const override { return config_; }
  TrainOptions& options() override { return options_; }
  std::vector<Parameter>& parameters() override { return store_.parameters(); }
  void weights_changed() override { store_.refresh(); }
  void zero_gradients() override { store_.zero_gradients(); }

  TrainStats forward_backward(const TrainBatch& batch, double scale) override {
    return forward_backward_of(batch, nullptr, scale);
  }
  TrainStats forward_backward(const TrainBatch& batch, const LogpLoss& loss, double scale) override {
    return forward_backward_of(batch, &loss, scale);
  }
  void logps(View<float> logp, const TrainBatch& batch) override {
    if (options_.compute == Compute::kBf16) return pass<BF16>(batch).logps(logp);
    pass<float>(batch).logps(logp);
  }
  std::shared_ptr<const CheckpointReader> live_checkpoint() override { return store_.live_checkpoint(config_); }
  TrainStats forward_only(const TrainBatch& batch) override {
    if (options_.compute == Compute::kBf16) return pass<BF16>(batch).forward_only();
    return pass<float>(batch).forward_only();
  }
  void logits(View<float> logits, View<float> mtp_logits, const TrainBatch& batch) override {
    if (options_.compute == Compute::kBf16) return pass<BF16>(batch).logits(logits, mtp_logits);
    pass<float>(batch).logits(logits, mtp_logits);
  }
  double flops_per_token(int64_t T) const override {
    const FlopsPerToken f = forward_flops(config_, T);
    return 3.0 * (f.total + (options_.mtp_lambda > 0 ? f.mtp : 0.0));
  }

 private:
  TrainStats forward_backward_of(const TrainBatch& batch, const LogpLoss* loss, double scale) {
    if (options_.compute == Compute::kBf16) return pass<BF16>(batch).forward_backward(scale, loss);
    return pass<float>(batch).forward_backward(scale, loss);
  }
  template <typename T>
  Pass<T> pass(const TrainBatch& batch) {
    return Pass<T>(config_, options_, store_, rope_, arena_, batch);
  }
  ModelConfig config_;
  TrainOptions options_;
  ParameterStore store_;
  RopeTable rope_;
  Arena arena_;
};

Status trainable(const ModelConfig& config) {
  const auto specs = config.layers();
  if (specs.empty() || specs.front().attention != AttentionKind::kMla) {
    return Status::error(fmt::format("train: model_type deepseek_v2 or deepseek_v3 wanted, {} found", config.model_type));
  }
  if (config.attention_bias) return Status::error("train: attention_bias false wanted, true found");
  if (config.num_nextn_predict_layers > 1) {
    return Status::error(fmt::format("train: num_nextn_predict_layers 0 or 1 wanted, {} found", config.num_nextn_predict_layers));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<TrainerModel>> TrainerModel::create(const ModelConfig& config, uint64_t seed, const TrainOptions& options) {
  FATHOM_RETURN_IF_ERROR(trainable(config));
  auto model = std::make_unique<TrainerModelImpl>(config, options);
  model->store().randomize(config.initializer_range, seed);
  model->weights_changed();
  return std::unique_ptr<TrainerModel>(std::move(model));
}

Result<std::unique_ptr<TrainerModel>> TrainerModel::from_checkpoint(const CheckpointReader& checkpoint, const TrainOptions& options) {
  FATHOM_RETURN_IF_ERROR(trainable(checkpoint.config()));
  auto model = std::make_unique<TrainerModelImpl>(checkpoint.config(), options);
  FATHOM_RETURN_IF_ERROR(model->store().load(checkpoint));
  model->weights_changed();
  return std::unique_ptr<TrainerModel>(std::move(model));
}

Status write_trained_checkpoint(const std::filesystem::path& directory, TrainerModel& model) {
  std::vector<Tensor<BF16>> rounded;
  std::vector<TensorToWrite> tensors;
  for (const Parameter& p : model.parameters()) {
    TensorToWrite t;
    t.name = p.name;
    t.shape = p.cols == 0 ? std::vector<int64_t>{p.rows} : std::vector<int64_t>{p.rows, p.cols};
    if (p.router_bias) {
      t.dtype = DType::kF32;
      t.data = p.value.data();
    } else {
      rounded.emplace_back(std::initializer_list<int64_t>{1, p.value.size()});
      convert<BF16, float>(rounded.back().view(), View<const float>(p.value.data(), {1, p.value.size()}));
      t.data = rounded.back().data();
    }
    tensors.push_back(std::move(t));
  }
  return write_checkpoint(directory, model.config(), tensors);
}

}  // namespace fathom
