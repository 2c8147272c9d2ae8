// fathom bench --train: steps of pretraining (forward, backward, clipping, AdamW) on random tokens,
// at two fixed shapes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"
#include "model/trainer_model.h"

namespace fathom {

struct TrainBenchSpec {
  std::string preset = "small";  // nano or small
  Compute compute = Compute::kBf16;
  int64_t n_steps = 5, n_sequences = 8, n_tokens = 512;  // of a step: sequences, tokens of each
};

struct TrainBenchResult {
  int64_t n_parameters = 0;
  double step_s = 0, tokens_per_s = 0;  // median step; one step before the first is not counted
  double flops_per_token = 0;  // forward and backward, as TrainerModel::flops_per_token defines it
  double loss = 0;             // of the last step
};

/// The config of a preset: V3's layers (MLA, sigmoid router, one shared expert), no MTP.
ModelConfig bench_preset(const std::string& name, int64_t n_tokens);

Result<TrainBenchResult> bench_train(const TrainBenchSpec& spec,
                                     const std::function<void(int64_t n_done)>& on_step);

}  // namespace fathom
