// Reinforcement learning as a run: step after step of rollouts on the engine, which computes with
// the trainer's weights in place, rewards in this process, and an update by grpo.h. Its directory,
// checkpoints, ledger and resuming are those of pretraining (train/train.h). Sources: DeepSeek-R1
// §2.2, §2.3; what the field changed since is in grpo.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "model/trainer_model.h"
#include "rl/problem_set.h"
#include "rl/rl_config.h"
#include "rl/rl_step_record.h"
#include "tokenizer/tokenizer.h"
#include "train/run_directory.h"
#include "train/train.h"

namespace fathom {

struct RlStart {
  int64_t n_parameters = 0, steps = 0, step = 0;  // step: done already
  bool has_reference = false;
  std::optional<std::filesystem::path> resumed_from;
  std::vector<std::string> changes;
};

/// Hears what a run does, on its thread.
class RlObserver {
 public:
  virtual ~RlObserver() = default;
  virtual void on_start(const RlStart&) {}
  virtual void on_step(const RlStepRecord&, double /*seconds_left*/) {}
  virtual void on_checkpoint(const std::filesystem::path&) {}
};

struct RlCall {
  RlConfig config;
  std::string where;  // names the RUN.toml in messages
  RunDirectory directory;
  bool resume = false;
  RlObserver* observer = nullptr;
  std::string commit;
  const std::atomic<bool>* stop = nullptr;
  /// For tests; empty: fathom's own.
  std::function<Result<std::shared_ptr<const Tokenizer>>(const std::filesystem::path&)>
      open_tokenizer;
  std::function<Result<ProblemSet>()> open_problems;
};

struct RlResult {
  RunEnd end = RunEnd::kFinished;
  int64_t step = 0, steps = 0;
  std::filesystem::path checkpoint;
  std::optional<RlStepRecord> last;
};

/// Runs or goes on with a run. Errors: bad inputs before any work; a reward, loss or gradient that
/// is not finite; log-probabilities of rollout and trainer that differ in exact numerics.
Result<RlResult> run_rl(const RlCall& call);

}  // namespace fathom
