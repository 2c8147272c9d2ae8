// RunConfig: everything that RUN.toml says of a training run, every key known, in range, or refused
// by its name and line. The keys, their ranges and their defaults stand in one list
// (run_config.cc), from which RUN.toml is read and written back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/model_config.h"
#include "model/trainer_model.h"
#include "train/data/prepare.h"
#include "train/optimizer.h"
#include "train/schedule.h"

namespace fathom {

class RunFields;

/// What is done about a sample of supervised tuning that has more than seq_len predictions.
enum class TooLong { kRefuse, kLeaveOut };

struct RunConfig {
  struct ModelSection {
    std::filesystem::path config;     // a config.json
    std::filesystem::path init_from;  // a checkpoint to start from; empty: random weights
    std::string keys;                 // JSON object of the config.json keys given in [model] itself
    // Of random weights, against initializer_range: the embedding's, and those that add to the
    // residual stream (o_proj, down_proj).
    double embedding_scale = 1, residual_scale = 1;
  } model;
  struct TokenizerSection {
    std::filesystem::path path;  // a directory with tokenizer.json; init_from's where it is empty
  } tokenizer;
  struct DataSection {
    DataOptions options;
    int64_t seq_len = 0;
    bool document_mask = false;  // attention does not cross documents
    TooLong too_long = TooLong::kRefuse;
    std::filesystem::path cache;  // shards shared between runs; empty: in the run's directory
  } data;
  struct TrainSection {
    int64_t steps = 0, tokens = 0;  // one of these and
    double epochs = 0;              // this
    Curve batch_size, lr;
    Curve mtp_lambda = constant_curve(0.3), bias_gamma = constant_curve(0.001);
    int64_t micro_batch_size = 1;
    AdamWOptions adamw;
    bool bias_recentre = true;
    double balance_alpha = 1e-4;
    Compute compute = Compute::kBf16;
    bool fp8 = false, recompute = false;
    int64_t seed = 0;
    int64_t threads = 0;  // 0: all of the machine
  } train;
  struct EvalSection {
    int64_t every = 0;       // steps; 0: after the last one only
    int64_t max_tokens = 0;  // 0: all of the held-out text
  } eval;
  struct CheckpointSection {
    int64_t every = 0;    // steps; 0: none by steps
    double minutes = 10;  // 0: none by time
    int64_t keep = 2;     // how many of the newest stay
  } checkpoint;
  struct LogSection {
    int64_t every = 10;     // a line each so many steps where there is no terminal
    double peak_flops = 0;  // of this machine, for MFU; 0: measured at the start
  } log;
  struct LedgerSection {
    double watts = 0;  // stated draw of the machine, where no counter can be read; 0: unknown
  } ledger;
  struct GuardSection {
    bool nan = true;            // stop where the loss or the gradient is not a finite number
    double spike_factor = 2;    // stop where the loss exceeds this times its running mean; 0: never
    int64_t spike_after = 100;  // steps before a spike is looked for
  } guard;

  ScheduleOptions schedule() const;
};

/// The keys of [train] that are the optimizer's; reinforcement learning has them too.
void describe_optimizer(RunFields& fields, AdamWOptions& options);

/// Reads the text of a RUN.toml. `where` names it in messages; relative paths in it are taken from
/// `base`, those of overrides from the working directory. overrides: "section.key=value", the value
/// as TOML writes it; they win over the text. Touches no other file.
Result<RunConfig> parse_run_config(std::string_view text, const std::string& where,
                                   const std::filesystem::path& base,
                                   const std::vector<std::string>& overrides);
Result<RunConfig> read_run_config(const std::filesystem::path& path,
                                  const std::vector<std::string>& overrides);

/// The model that a RunConfig without init_from means: its config.json, the keys of [model] laid
/// over it. A key of [model] that the architecture does not have is refused by its name.
Result<ModelConfig> resolve_model_config(const RunConfig& config, const std::string& where);

/// The text of a RUN.toml that means the same, all keys written, paths absolute.
std::string write_run_config(const RunConfig& config);

}  // namespace fathom
