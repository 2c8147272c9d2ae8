// One step's rollouts: problems posed, answers sampled, rewards given, advantages taken, and what
// of it goes into the update.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/status.h"
#include "rl/policy_update.h"
#include "rl/problem_set.h"
#include "rl/rl_config.h"
#include "rl/rl_step_record.h"
#include "rl/rollout.h"

namespace fathom {

struct ScoredRollout {
  Rollout rollout;
  Score score;
  double reward = 0;  // the score's, with what the length takes away
  double advantage = 0;
  /// The text, tokenised again, where that differs from what was sampled (lab.noise); else empty.
  std::vector<int32_t> retokenised;
  bool counts = true;  // in the loss; false: filtered, or of a dropped group
};

struct RolloutGroup {
  PosedProblem posed;
  std::vector<ScoredRollout> rollouts;
  bool dropped = false;
};

/// What the step's problems and rewards are drawn by.
struct RolloutPlan {
  int64_t step = 0, weight_version = 0;
  bool recorded = false;  // experts and sampling sets are kept, for the record
  double dense = 0;
  int difficulty_min = 1, difficulty_max = 1;
};

struct RolloutStep {
  std::vector<RolloutGroup> groups;  // with those that were dropped
  RolloutStats stats;
  int64_t refills = 0;
  double seconds_reward = 0;

  /// Rows of the update; they point into this.
  std::vector<UpdateRow> rows(const RlConfig::RlSection& how) const;
  /// Fills what the rollouts say of a step.
  void describe(RlStepRecord& record) const;
};

/// Hears that a part of the work begins ("rollout", "reward") and what rollouts took so far.
using PartListener = std::function<Status(const char* part, const RolloutStats& so_far)>;

/// A function of the settings, the plan and the weights alone. Errors: those of rollouts; a reward
/// that is not finite, with its environment and problem.
Result<RolloutStep> sample_step(Engine& engine, const ChatFormat& format,
                                const ProblemSet& problems, const RlConfig& config,
                                const RolloutPlan& plan, const PartListener& listener = {});

/// What DAPO takes from the reward of an answer of n tokens: 0 up to most - buffer, -1 at most.
double overlong_punishment(int64_t n_tokens, int64_t most, int64_t buffer);

}  // namespace fathom
