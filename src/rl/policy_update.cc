// See policy_update.h.
#include "rl/policy_update.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "train/step_record.h"

namespace fathom {
namespace {

// Rows that go through the model in one pass.
struct UpdatePiece {
  RolloutBatch batch;
  // At the batch's places; the last two may be empty.
  std::vector<float> logp_rollout, logp_old, logp_ref, token_advantage;
  std::vector<size_t> unknown;  // rows without numbers of the rollout
};

struct Minibatch {
  std::vector<UpdatePiece> pieces;
  GrpoTotals totals;            // of all its rows
  int64_t n_answer_tokens = 0;  // of the computed ones
};

class PolicyUpdate {
 public:
  PolicyUpdate(TrainerModel& policy, Optimizer& optimizer, TrainerModel* reference,
               TrainerModel* teacher, std::span<const UpdateRow> rows, const UpdateOptions& options)
      : policy_(policy),
        optimizer_(optimizer),
        reference_(reference),
        teacher_(teacher),
        rows_(rows),
        options_(options) {
    FATHOM_CHECK(options.loss.kl_beta == 0 || reference != nullptr);
    FATHOM_CHECK(options.teacher_weight == 0 || teacher != nullptr);
  }

  Result<UpdateStats> run(const std::function<void()>& after_update,
                          const std::function<bool()>& stop) {
    cut();
    if (!prepare(stop)) return stopped();
    for (Minibatch& m : minibatches_) {
      if (m.pieces.empty()) continue;
      if (!gradients(m, stop)) return stopped();
      FATHOM_RETURN_IF_ERROR(check_first());
      FATHOM_RETURN_IF_ERROR(take_step());
      after_update();
    }
    if (stats_.n_updates > 0) {
      const auto n = static_cast<double>(stats_.n_updates);
      stats_.loss /= n;
      stats_.loss_mtp /= n;
      stats_.grad_norm /= n;
    }
    return std::move(stats_);
  }

 private:
  UpdateStats stopped() {
    UpdateStats s;
    s.stopped = true;
    return s;
  }

  bool computes(const UpdateRow& row) const {
    return row.advantage != 0 || options_.loss.kl_beta > 0 || options_.teacher_weight > 0;
  }

  void cut() {
    const int64_t n_groups = rows_.empty() ? 0 : rows_.back().group + 1;
    size_t row = 0;
    for (int64_t m = 0; m < options_.minibatches; ++m) {
      const int64_t end = (m + 1) * n_groups / options_.minibatches;
      std::vector<const UpdateRow*> computed;
      Minibatch batch;
      batch.totals.max_answer_tokens = options_.max_answer_tokens;
      for (; row < rows_.size() && rows_[row].group < end; ++row) {
        ++batch.totals.n_rollouts;
        batch.totals.n_tokens += static_cast<int64_t>(rows_[row].tokens.answer.size());
        if (computes(rows_[row])) computed.push_back(&rows_[row]);
      }
      pack(batch, computed);
      minibatches_.push_back(std::move(batch));
    }
  }

  void pack(Minibatch& m, const std::vector<const UpdateRow*>& rows) const {
    std::vector<PromptAnswer> tokens;
    for (const UpdateRow* r : rows) tokens.push_back(r->tokens);
    size_t begin = 0;
    for (const size_t end : micro_batch_ends(tokens, options_.micro_batch_tokens)) {
      UpdatePiece piece;
      piece.batch = RolloutBatch(std::span(tokens).subspan(begin, end - begin));
      std::vector<std::span<const float>> logp;
      std::vector<std::vector<float>> unknown(end - begin);
      for (size_t i = begin; i < end; ++i) {
        logp.push_back(rows[i]->logp);
        if (rows[i]->logp.empty()) {
          FATHOM_CHECK(!options_.exact);
          unknown[i - begin].assign(rows[i]->tokens.answer.size(), 0.0f);
          logp.back() = unknown[i - begin];
          piece.unknown.push_back(i - begin);
        }
        piece.batch.spans()[i - begin].advantage = rows[i]->advantage;
      }
      piece.logp_rollout = piece.batch.at_places(logp);
      m.n_answer_tokens += piece.batch.n_answer_tokens();
      m.pieces.push_back(std::move(piece));
      begin = end;
    }
  }

  // What does not change during the step. Where the rollouts are the trainer's own numbers and one
  // forward pass sees all of them before the first update, that pass is the check and needs no
  // other before it.
  bool prepare(const std::function<bool()>& stop) {
    const bool own_pass = !options_.exact || options_.minibatches > 1;
    for (Minibatch& m : minibatches_) {
      for (UpdatePiece& p : m.pieces) {
        if (stop()) return false;
        p.logp_old = own_pass ? logps_of(policy_, p) : p.logp_rollout;
        for (const size_t row : p.unknown) {
          const RolloutSpan& s = p.batch.spans()[row];
          std::copy(p.logp_old.begin() + s.begin, p.logp_old.begin() + s.end,
                    p.logp_rollout.begin() + s.begin);
        }
        if (own_pass) note_mismatch(p, p.logp_old);
        if (options_.loss.kl_beta > 0) p.logp_ref = logps_of(*reference_, p);
        if (options_.teacher_weight > 0) ask_teacher(p);
      }
    }
    checked_ = own_pass;
    if (n_teacher_tokens_ > 0) stats_.teacher_kl /= static_cast<double>(n_teacher_tokens_);
    return true;
  }

  void ask_teacher(UpdatePiece& p) {
    p.token_advantage = logps_of(*teacher_, p);
    for (const RolloutSpan& s : p.batch.spans()) {
      for (int64_t t = s.begin; t < s.end; ++t) {
        const double d = static_cast<double>(p.token_advantage[t]) - p.logp_old[t];
        stats_.teacher_kl -= d;
        p.token_advantage[t] = static_cast<float>(options_.teacher_weight * d);
      }
      n_teacher_tokens_ += s.length();
    }
  }

  std::vector<float> logps_of(TrainerModel& model, const UpdatePiece& p) {
    std::vector<float> logp(p.batch.n_places());
    stats_.n_forward_tokens += p.batch.n_places();
    model.logps(View<float>(logp.data(), {p.batch.n_places()}),
                p.batch.batch(/*own_experts=*/&model != &policy_));
    return logp;
  }

  void note_mismatch(const UpdatePiece& p, std::span<const float> logp) {
    for (const RolloutSpan& s : p.batch.spans()) {
      for (int64_t t = s.begin; t < s.end; ++t) {
        const double d = std::abs(static_cast<double>(logp[t]) - p.logp_rollout[t]);
        stats_.mismatch_max = d <= stats_.mismatch_max ? stats_.mismatch_max : d;  // NaN stays
      }
    }
  }

  bool gradients(Minibatch& m, const std::function<bool()>& stop) {
    const bool first = stats_.n_updates == 0;
    TrainStats sums;
    GrpoStats grpo;
    policy_.zero_gradients();
    for (UpdatePiece& p : m.pieces) {
      if (first && stop()) return false;
      const double share =
          static_cast<double>(p.batch.n_answer_tokens()) / static_cast<double>(m.n_answer_tokens);
      const LogpLoss loss = [&](View<float> dlogp, View<const float> logp) {
        if (first && !checked_) note_mismatch(p, std::span(logp.data(), logp.size()));
        return grpo_loss(dlogp, grpo, logp, p.batch.spans(),
                         {p.logp_old, p.logp_ref, p.logp_rollout, p.token_advantage}, m.totals,
                         options_.loss);
      };
      policy_.options().mtp_lambda = options_.mtp_lambda * share;
      const TrainStats s = policy_.forward_backward(p.batch.batch(), loss, 1.0);
      stats_.loss += s.loss_ce;
      stats_.n_tokens += p.batch.n_places();
      accumulate(sums, s, share);
    }
    policy_.options().mtp_lambda = 0;
    stats_.loss_mtp += sums.loss_mtp;
    stats_.loads = std::move(sums);
    if (first) {
      stats_.first_ratio_min = grpo.ratio_min;
      stats_.first_ratio_max = grpo.ratio_max;
    }
    add(grpo);
    return true;
  }

  void add(const GrpoStats& s) {
    GrpoStats& all = stats_.grpo;
    all.n_tokens += s.n_tokens;
    all.n_clipped += s.n_clipped;
    all.n_masked += s.n_masked;
    all.kl_sum += s.kl_sum;
    all.surrogate_sum += s.surrogate_sum;
    all.ratio_max = std::max(all.ratio_max, s.ratio_max);
    all.ratio_min = std::min(all.ratio_min, s.ratio_min);
    all.mismatch_max = std::max(all.mismatch_max, s.mismatch_max);
  }

  Status check_first() const {
    if (!options_.exact || stats_.n_updates > 0 || stats_.mismatch_max == 0) return {};
    return Status::error(fmt::format(
        "the same log-probabilities in rollout and trainer wanted, as exact numerics promise, a "
        "difference of {:.3g} found (rollout.numerics = \"fast\" goes on without the promise)",
        stats_.mismatch_max));
  }

  Status take_step() {
    const double norm = optimizer_.step(options_.lr);
    if (!std::isfinite(norm))
      return Status::error(fmt::format("a finite gradient wanted, norm {} found", norm));
    if (options_.bias_gamma > 0)
      update_router_biases(policy_.parameters(), stats_.loads, options_.bias_gamma,
                           options_.bias_recentre);
    policy_.weights_changed();
    stats_.grad_norm += norm;
    ++stats_.n_updates;
    return {};
  }

  TrainerModel& policy_;
  Optimizer& optimizer_;
  TrainerModel* reference_;
  TrainerModel* teacher_;
  std::span<const UpdateRow> rows_;
  const UpdateOptions& options_;
  std::vector<Minibatch> minibatches_;
  UpdateStats stats_;
  bool checked_ = false;
  int64_t n_teacher_tokens_ = 0;
};

}  // namespace

Result<UpdateStats> update_policy(TrainerModel& policy, Optimizer& optimizer,
                                  TrainerModel* reference, TrainerModel* teacher,
                                  std::span<const UpdateRow> rows, const UpdateOptions& options,
                                  const std::function<void()>& after_update,
                                  const std::function<bool()>& stop) {
  return PolicyUpdate(policy, optimizer, reference, teacher, rows, options).run(after_update, stop);
}

}  // namespace fathom
