#include "rl/grpo.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace fathom {
namespace {

// Surrogate of one ratio, and its derivative by the logarithm of the ratio.
struct Surrogate {
  double value, derivative;
  bool clipped;
};

Surrogate surrogate_of(double ratio, double advantage, const GrpoOptions& o) {
  const double bounded = std::clamp(ratio, 1 - o.clip_eps_low, 1 + o.clip_eps_high);
  if (bounded * advantage < ratio * advantage) return {bounded * advantage, 0, true};
  return {ratio * advantage, ratio * advantage, false};
}

struct Term {
  double value = 0, derivative = 0;
};

// KL of one token, and its derivative by logp. The ratio of the unbiased form moves too.
Term kl_of(double logp, double logp_ref, double ratio, const GrpoOptions& o) {
  const double d = logp_ref - logp, e = std::exp(d), k3 = e - d - 1;
  if (o.kl == KlEstimator::kK3) return {k3, 1 - e};
  return {ratio * k3, ratio * k3 + ratio * (1 - e)};
}

class LossRollout {
 public:
  LossRollout(View<const float> logp, const RolloutSpan& span, const GrpoReferences& refs,
              const GrpoOptions& options)
      : logp_(logp), span_(span), refs_(refs), o_(options) {}

  double log_ratio(int64_t t) const { return static_cast<double>(logp_[t]) - refs_.logp_old[t]; }
  double mean_log_ratio() const {
    double sum = 0;
    for (int64_t t = span_.begin; t < span_.end; ++t) sum += log_ratio(t);
    return sum / static_cast<double>(span_.length());
  }
  float logp_rollout(int64_t t) const {
    return refs_.logp_rollout.empty() ? refs_.logp_old[t] : refs_.logp_rollout[t];
  }

  bool off_policy() const {
    if (o_.off_policy_delta <= 0 || span_.advantage >= 0) return false;
    double sum = 0;
    for (int64_t t = span_.begin; t < span_.end; ++t)
      sum += static_cast<double>(logp_rollout(t)) - logp_[t];
    return sum / static_cast<double>(span_.length()) > o_.off_policy_delta;
  }
  // A constant factor: no gradient flows through it.
  double importance(int64_t t) const {
    if (o_.importance == ImportanceWeight::kNone) return 1;
    const double w = std::exp(static_cast<double>(refs_.logp_old[t]) - logp_rollout(t));
    if (o_.importance == ImportanceWeight::kTruncated) return std::min(w, o_.importance_max);
    return w >= o_.importance_min && w <= o_.importance_max ? w : 0;
  }

 private:
  View<const float> logp_;
  const RolloutSpan& span_;
  const GrpoReferences& refs_;
  const GrpoOptions& o_;
};

double token_weight(const RolloutSpan& span, const GrpoTotals& totals, LossMean mean) {
  switch (mean) {
    case LossMean::kSequence:
      return 1.0 / static_cast<double>(totals.n_rollouts * span.length());
    case LossMean::kToken:
      return 1.0 / static_cast<double>(totals.n_tokens);
    case LossMean::kConstant:
      return 1.0 / static_cast<double>(totals.n_rollouts * totals.max_answer_tokens);
  }
  return 0;
}

void note_ratio(GrpoStats& stats, double ratio) {
  stats.ratio_max = std::max(stats.ratio_max, ratio);
  stats.ratio_min = std::min(stats.ratio_min, ratio);
}

}  // namespace

Result<GrpoOptions> named_grpo_options(std::string_view name) {
  GrpoOptions o;
  if (name == "grpo") return o;
  o.kl_beta = 0;
  if (name == "dr_grpo") {
    o.advantage = AdvantageKind::kMean;
    o.mean = LossMean::kConstant;
    return o;
  }
  if (name == "dapo") {
    o.mean = LossMean::kToken;
    o.clip_eps_high = 0.28;
    return o;
  }
  if (name == "gspo") {
    o.ratio = RatioKind::kSequence;
    o.clip_eps_low = 3e-4;
    o.clip_eps_high = 4e-4;
    return o;
  }
  if (name == "v32") {
    o.advantage = AdvantageKind::kMean;
    o.kl_beta = 0.001;
    o.kl = KlEstimator::kUnbiased;
    o.off_policy_delta = 0.1;
    return o;
  }
  return Status::error(
      fmt::format("rl.algorithm: grpo, dr_grpo, dapo, gspo or v32 wanted, \"{}\" found", name));
}

Result<std::vector<double>> group_advantages(std::span<const double> rewards, AdvantageKind kind) {
  double mean = 0, variance = 0;
  for (size_t i = 0; i < rewards.size(); ++i) {
    if (!std::isfinite(rewards[i])) {
      return Status::error(
          fmt::format("rollout {} of the group: a finite reward wanted, {} found", i, rewards[i]));
    }
    mean += rewards[i] / static_cast<double>(rewards.size());
  }
  const bool spread =
      std::any_of(rewards.begin(), rewards.end(), [&](double r) { return r != rewards[0]; });
  for (const double r : rewards)
    variance += (r - mean) * (r - mean) / static_cast<double>(rewards.size());
  std::vector<double> advantages;
  for (const double r : rewards) {
    const double centred = spread ? r - mean : 0;
    advantages.push_back(kind == AdvantageKind::kMeanStd && spread ? centred / std::sqrt(variance)
                                                                   : centred);
  }
  return advantages;
}

double grpo_loss(View<float> dlogp, GrpoStats& stats, View<const float> logp,
                 std::span<const RolloutSpan> rollouts, const GrpoReferences& references,
                 const GrpoTotals& totals, const GrpoOptions& o) {
  double loss = 0;
  for (const RolloutSpan& span : rollouts) {
    FATHOM_CHECK(span.length() >= 1 && span.end <= logp.size());
    const LossRollout rollout(logp, span, references, o);
    const double weight = token_weight(span, totals, o.mean);
    const double sequence_ratio =
        o.ratio == RatioKind::kSequence ? std::exp(rollout.mean_log_ratio()) : 0;
    const bool masked = rollout.off_policy();
    stats.n_tokens += span.length();
    for (int64_t t = span.begin; t < span.end; ++t) {
      const double token_ratio = std::exp(rollout.log_ratio(t));
      const double importance = masked ? 0 : rollout.importance(t);
      // A sequence's ratio has 1/length of each token's logarithm in it; summed over its tokens
      // that is the derivative once.
      const double advantage =
          span.advantage +
          (references.token_advantage.empty() ? 0.0 : double{references.token_advantage[t]});
      const Surrogate s = surrogate_of(
          o.ratio == RatioKind::kSequence ? sequence_ratio : token_ratio, advantage, o);
      const Term kl =
          o.kl_beta > 0 ? kl_of(logp[t], references.logp_ref[t], token_ratio, o) : Term{};
      loss -= weight * (importance * s.value - o.kl_beta * kl.value);
      dlogp[t] =
          static_cast<float>(-weight * (importance * s.derivative - o.kl_beta * kl.derivative));
      stats.n_clipped += s.clipped;
      stats.n_masked += importance == 0;
      stats.kl_sum += kl.value;
      stats.surrogate_sum += s.value;
      note_ratio(stats, token_ratio);
      const double mismatch =
          std::abs(static_cast<double>(references.logp_old[t]) - rollout.logp_rollout(t));
      stats.mismatch_max = std::max(stats.mismatch_max, mismatch);
    }
  }
  return loss;
}

}  // namespace fathom
