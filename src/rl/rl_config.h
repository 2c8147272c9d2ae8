// RlConfig: everything that the RUN.toml of reinforcement learning says. Read, checked and written
// back as pretraining's is (train/run_config.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/trainer_model.h"
#include "rl/environment.h"
#include "rl/grpo.h"
#include "train/optimizer.h"
#include "train/run_fields.h"
#include "train/schedule.h"

namespace fathom {

/// What becomes of an answer that was cut off. Source: DAPO (arXiv 2503.14476) §3.4.
enum class Overlong {
  kKeep,    // it is scored as it is
  kPunish,  // the reward falls from 0 to -1 over the last overlong_buffer tokens
  kFilter,  // it is left out of the loss
};

/// What is put between rollouts and trainer on purpose, to study what a mismatch does.
enum class RolloutNoise {
  kNone,
  kFp8,         // rollouts on FP8 weights (e4m3, 128 x 128 blocks)
  kKernel,      // rollouts in the other arithmetic: f32 where the trainer has bf16, or bf16 for f32
  kRouting,     // router biases of the rollouts are off by N(0, routing_std), drawn anew each step
  kRetokenise,  // the trainer gets the answer's text, tokenised again
};

struct RlConfig {
  struct ModelSection {
    std::filesystem::path init_from;  // a checkpoint
    std::filesystem::path reference;  // the KL term's model; empty: init_from's weights
    std::filesystem::path teacher;    // of on-policy distillation; empty: none
  } model;
  std::filesystem::path tokenizer;  // empty: init_from's
  struct ProblemsSection {
    std::vector<MixPart> environments, splits = {{"train", 1}};
    Curve difficulty_min = constant_curve(1), difficulty_max = constant_curve(1);  // both included
    int64_t seed = 0;
  } problems;
  struct RlSection {
    int algorithm = 0;  // index into kAlgorithms; sets what of `loss` is not named
    GrpoOptions loss;
    int64_t prompts = 32, group_size = 16, minibatches = 1;
    bool drop_groups = false;   // groups without spread count in no mean
    int64_t refill_rounds = 0;  // further rounds of prompts in place of dropped groups
    Overlong overlong = Overlong::kKeep;
    int64_t overlong_buffer = 32;
    double reward_weight = 1;  // of the advantages that rewards give
    double teacher_weight =
        1;  // of log(teacher / policy) as each token's advantage, where there is one
    /// The trainer computes with the experts, and with the tokens to choose from, that a rollout
    /// was sampled with. Source: V3.2 (arXiv 2512.02556) §3.1.
    bool keep_routing = false, keep_sampling_mask = false;
    int64_t reference_every = 400;  // steps between replacements of the reference; 0: never
  } rl;
  struct RolloutSection {
    double temp = 1, top_p = 1;
    int64_t max_answer_tokens = 256, slots = 64;
    Numerics numerics = Numerics::kExact;
    int64_t record_every = 50, record_keep = 20;  // steps; 0: no records
  } rollout;
  struct RewardSection {
    Curve dense = constant_curve(0.3);
    double wrong = -0.2, length = 0;
    int64_t length_free_tokens = 256;
  } reward;
  struct TrainSection {
    int64_t steps = 0;
    Curve lr, mtp_lambda = constant_curve(0.3), bias_gamma = constant_curve(0);
    int64_t micro_batch_tokens = 8192;
    AdamWOptions adamw;
    bool bias_recentre = true;
    Compute compute = Compute::kBf16;
    bool recompute = false;
    int64_t seed = 0, threads = 0;
  } train;
  struct LabSection {
    RolloutNoise noise = RolloutNoise::kNone;
    double routing_std = 0.02;
  } lab;
  struct EvalSection {
    int64_t every = 0, problems = 64;  // of each environment and split; greedy
    std::vector<MixPart> splits = {{"train", 1}};
    int64_t difficulty_min = 0, difficulty_max = kMaxDifficulty;
  } eval;
  struct CheckpointSection {
    int64_t every = 0;
    double minutes = 10;
    int64_t keep = 2;
  } checkpoint;
  int64_t log_every = 1;
  double watts = 0;
  /// Rollouts and trainer are to have the same log-probabilities.
  bool exact() const {
    return rollout.numerics == Numerics::kExact && lab.noise == RolloutNoise::kNone;
  }
};

/// "grpo", "dr_grpo", "dapo", "gspo", "v32"
std::string_view algorithm_name(int idx);

/// As parse_run_config. Errors also: an unknown environment or split, a group of one.
Result<RlConfig> parse_rl_config(std::string_view text, const std::string& where,
                                 const std::filesystem::path& base,
                                 const std::vector<std::string>& overrides);
Result<RlConfig> read_rl_config(const std::filesystem::path& path,
                                const std::vector<std::string>& overrides);
std::string write_rl_config(const RlConfig& config);

}  // namespace fathom
