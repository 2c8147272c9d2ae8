// The plan of reinforcement learning with groups of rollouts (GRPO): where the device-hours of a
// step go. Rollouts are decoded as plan_inference.h has it; log-probabilities and the update run at
// an MFU; the rest of the time the devices wait. Formulas: docs/cost.md, "The planner".
#pragma once

#include <string>
#include <vector>

#include "cost/machine.h"
#include "cost/plan_inference.h"

namespace fathom {

struct RlInput {
  int64_t steps = 1;
  int64_t prompts = 32, group = 16;  // of a step; a group's rollouts answer one prompt
  int64_t steps_per_round = 1;       // steps that one round of rollouts feeds (its mini-batches)
  int64_t inner_epochs = 1;          // times that an output is trained on
  double prompt_length = 256;        // tokens
  Range output_length = Range::exactly(1000);  // tokens of an output, the mean
  double longest_output = 0;                   // tokens, of a round; 0: three times the mean
  bool logp_old = true, logp_ref = true;       // passes made apart from the update
  std::string precision;                 // of these; empty: bf16, or f32 where there is no other
  Range mfu = {0.2, 0.3, 0.4};           // of log-probabilities and update
  Range other_idle = Range::exactly(0);  // share of all time: loading, rewards, weight exchange
  int64_t rollout_devices = 0;           // of one replica; 0: the fewest whole nodes that hold it
  /// The engine. batch: sequences at once on a replica; 0: its share of a round, or what fits.
  InferenceInput rollout = {.batch = 0};
};

struct RlPart {
  std::string name;    // "rollout", "rollout tail", "logp_old", "logp_ref", "update", "idle"
  double flop = 0;     // of a step
  Range seconds;       // of a step
  Range device_hours;  // of all steps
};

struct RlPlan {
  ParameterCount parameters;
  int64_t kv_bytes_per_token = 0;
  int64_t steps = 0, outputs_per_step = 0, rollout_devices = 0, replicas = 0;
  Range tokens_per_step;       // of prompts and outputs
  double flops_per_token = 0;  // of the update: three forward passes at the mean length, causal
  std::vector<RlPart> parts;
  Range seconds_per_step;
  Range waiting_share;  // of the time: rollout tail and idle
  RunCost cost;
};

/// Errors: plan_inference's; no peak for the precision; a replica that does not fit or does not
/// divide the devices; lengths and shares out of range.
Result<RlPlan> plan_rl(const ModelConfig& config, const Machine& machine, const RlInput& input);

}  // namespace fathom
