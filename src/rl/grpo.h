// The loss of group-relative policy optimisation, and its derivative by every log-probability: R1's
// GRPO with the field's mends as named options. Knows log-probabilities, rewards and nothing of
// models. Sources: GRPO, DeepSeekMath (arXiv 2402.03300) and R1 (arXiv 2501.12948); Dr. GRPO
// (2503.20783); DAPO (2503.14476); GSPO (2507.18071); truncated and masked importance weights
// (verl's rollout correction); V3.2 (2512.02556) §3.1.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/view.h"

namespace fathom {

/// What a rollout's reward is held against.
enum class AdvantageKind {
  kMeanStd,  // (r - mean) / population standard deviation of its group: GRPO
  kMean,     // r - mean: Dr. GRPO, V3.2
};
/// What the sum over tokens is divided by.
enum class LossMean {
  kSequence,  // each rollout by its own length, then by the number of rollouts: GRPO
  kToken,     // all tokens of the step alike: DAPO
  kConstant,  // by the number of rollouts and the longest answer allowed: Dr. GRPO
};
enum class RatioKind {
  kToken,     // of each token
  kSequence,  // the geometric mean over the rollout: GSPO
};
enum class KlEstimator {
  kK3,        // exp(ref - policy) - (ref - policy) - 1
  kUnbiased,  // the same times policy / old: V3.2
};
/// What is done about a rollout engine that computes other probabilities than the trainer.
enum class ImportanceWeight {
  kNone,
  kTruncated,  // min(old / rollout, importance_max): TIS
  kMasked,     // old / rollout inside [importance_min, importance_max], else 0: MIS
};

struct GrpoOptions {
  AdvantageKind advantage = AdvantageKind::kMeanStd;
  LossMean mean = LossMean::kSequence;
  RatioKind ratio = RatioKind::kToken;
  double clip_eps_low = 0.2,
         clip_eps_high = 0.2;  // the ratio counts within [1 - low, 1 + high]; R1: 10
  double kl_beta = 0.001;      // weight of the KL term; 0: none, and logp_ref is not read
  KlEstimator kl = KlEstimator::kK3;
  ImportanceWeight importance = ImportanceWeight::kNone;
  double importance_min = 0.5, importance_max = 2;
  /// V3.2's off-policy sequence mask: a rollout of negative advantage whose mean log(rollout /
  /// policy) is above this is left out; 0: none.
  double off_policy_delta = 0;
};

/// "grpo", "dr_grpo", "dapo", "gspo" or "v32": the options of that name. V3.2's paper gives no
/// number for the off-policy mask: the 0.1 of "v32" is our choice. Error: the names that there are.
Result<GrpoOptions> named_grpo_options(std::string_view name);

/// Advantages of one group's rollouts. A group without spread gets zeros. Error: a reward that is
/// not finite, by its place.
Result<std::vector<double>> group_advantages(std::span<const double> rewards, AdvantageKind kind);

/// Places [begin, end) of the log-probabilities are one rollout's answer.
struct RolloutSpan {
  int64_t begin = 0, end = 0;
  double advantage = 0;
  int64_t length() const { return end - begin; }
};

/// What every log-probability is compared with; each as long as logp, or empty where the options do
/// not read it.
struct GrpoReferences {
  std::span<const float> logp_old;              // the policy before the step's first update
  std::span<const float> logp_ref;              // the reference model
  std::span<const float> logp_rollout;          // as the rollout was sampled; empty: logp_old
  std::span<const float> token_advantage = {};  // added to the rollout's; empty: 0
};

/// What the whole step divides by, over all its micro-batches.
struct GrpoTotals {
  int64_t n_rollouts = 0, n_tokens = 0, max_answer_tokens = 0;
};

struct GrpoStats {
  int64_t n_tokens = 0, n_clipped = 0,
          n_masked = 0;                  // masked: by importance or by the off-policy mask
  double kl_sum = 0, surrogate_sum = 0;  // over tokens, unweighted
  double ratio_max = 0, ratio_min = 1e300;
  double mismatch_max = 0;  // largest |logp_old - logp_rollout|
};

/// loss = -(mean of surrogate - kl_beta * kl). dlogp, as long as logp, is overwritten at the spans'
/// places only. stats are added to. Requires: spans do not overlap, each of length >= 1.
double grpo_loss(View<float> dlogp, GrpoStats& stats, View<const float> logp,
                 std::span<const RolloutSpan> rollouts, const GrpoReferences& references,
                 const GrpoTotals& totals, const GrpoOptions& options);

}  // namespace fathom
