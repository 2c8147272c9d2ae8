// One step's update of a policy by its scored rollouts: log-probabilities of before, the loss of
// grpo.h over micro-batches of sequences of their own lengths, and a step of the optimizer for each
// minibatch. The MTP layer learns beside it from the same answers, detached from the trunk. A
// teacher makes it on-policy distillation: log(teacher / policy) of each sampled token is that
// token's advantage, whose expectation is the negative reverse KL (Agarwal et al. 2023, arXiv
// 2306.13649; Gu et al. 2023, arXiv 2306.08543).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/trainer_model.h"
#include "rl/grpo.h"
#include "rl/rollout_batch.h"
#include "train/optimizer.h"

namespace fathom {

/// A rollout that counts in the loss.
struct UpdateRow {
  PromptAnswer tokens;
  /// Of the answer, as it was sampled; empty: not known, the policy's own numbers stand for it,
  /// which is not exact.
  std::span<const float> logp;
  double advantage = 0;
  int64_t group = 0;  // rising from 0; a minibatch holds whole groups
};

struct UpdateOptions {
  GrpoOptions loss;
  int64_t minibatches = 1, micro_batch_tokens = 8192, max_answer_tokens = 0;
  double lr = 0, mtp_lambda = 0;
  double teacher_weight = 0;  // above 0: a teacher is wanted
  double bias_gamma = 0;      // 0: the router biases are frozen
  bool bias_recentre = true;
  /// The rollouts' numerics are the trainer's: a log-probability that differs by a bit is an error.
  bool exact = true;
};

struct UpdateStats {
  GrpoStats grpo;                                // over all minibatches
  double loss = 0, loss_mtp = 0, grad_norm = 0;  // means over the minibatches that took a step
  /// Before the first update: the ratio to logp_old, and the largest |trainer - rollout|.
  double teacher_kl = 0;  // mean log(policy / teacher) of the computed tokens
  double first_ratio_min = 1, first_ratio_max = 1, mismatch_max = 0;
  TrainStats loads;  // of the last minibatch: what router telemetry reads
  int64_t n_updates = 0, n_tokens = 0, n_forward_tokens = 0;  // forward: logp_old, reference
  bool stopped = false;  // before the first update: nothing was changed
};

/// Updates `policy`. Rows without advantage are computed only where there is a KL term, since their
/// gradient is zero. reference: null where loss.kl_beta is 0; teacher: null where teacher_weight is
/// 0. after_update is called when the weights are new, stop between micro-batches until the first
/// update. Errors: numbers that differ from the rollouts' where `exact`; a gradient that is not
/// finite (nothing was changed by it).
Result<UpdateStats> update_policy(TrainerModel& policy, Optimizer& optimizer,
                                  TrainerModel* reference, TrainerModel* teacher,
                                  std::span<const UpdateRow> rows, const UpdateOptions& options,
                                  const std::function<void()>& after_update,
                                  const std::function<bool()>& stop);

}  // namespace fathom
