// What log.jsonl tells of one step of reinforcement learning.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rl/evaluate.h"
#include "train/step_record.h"

namespace fathom {

struct RlStepRecord {
  int64_t step = 0, tokens = 0;  // tokens: positions that updates computed, of the run so far
  int64_t prompts = 0, rollouts = 0, trained = 0;  // trained: rollouts that had an advantage
  int64_t groups_dropped = 0, refills = 0;
  // Of all rollouts of the step.
  double reward_mean = 0, reward_std = 0;
  double correct = 0, well_formed = 0, declined = 0, overlong = 0;
  double retokenised = 0;  // share of answers whose text gave other tokens (lab.noise)
  std::optional<double> decline_precision;   // of the declined, those that should be
  std::map<std::string, double> correct_by;  // environment
  double pass_k = 0;                         // groups with a right answer
  int64_t k = 0;
  double length_mean = 0;
  int64_t length_max = 0;
  double logp_mean = 0;  // of the sampled tokens; its negative estimates the entropy, nats
  // Of the update.
  double loss = 0, loss_mtp = 0, grad_norm = 0;
  std::optional<double> kl, teacher_kl;  // to the reference; to the teacher, of the sampled tokens
  double clipped = 0, masked = 0;        // shares of the tokens
  double ratio_min = 1, ratio_max = 1;   // before the first update
  double ratio_min_after = 1, ratio_max_after = 1;  // over all minibatches
  double logp_mismatch_max = 0;
  double lr = 0, dense = 0;
  int difficulty_min = 0, difficulty_max = 0;
  int64_t weight_version = 0;  // updates before the step's rollouts
  RouterTelemetry router;
  std::vector<EvaluateRow> evaluation;
  double rollout_tokens_per_s = 0, update_tokens_per_s = 0;  // answers' tokens; computed positions
  double seconds_rollout = 0, seconds_reward = 0, seconds_update = 0, seconds_evaluation = 0;
  double step_seconds = 0, seconds = 0;  // of the step; of the run in all its attempts
};

/// One line of JSON without the newline; as to_json(StepRecord).
std::string to_json(const RlStepRecord& record);

}  // namespace fathom
