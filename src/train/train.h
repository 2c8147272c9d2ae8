// The training loop: batches from a source, gradients summed over micro-batches, one optimizer
// step, the router biases moved by the loads, a line in the log, now and then a measurement on
// held-out text and a checkpoint. Source of the recipe: DeepSeek-V3 §2.1.2, §4.2.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "model/trainer_model.h"
#include "tokenizer/tokenizer.h"
#include "train/batch_source.h"
#include "train/data/prepare.h"
#include "train/run_config.h"
#include "train/run_directory.h"
#include "train/step_record.h"

namespace fathom {

/// What a run consists of once its data and model stand.
struct RunStart {
  int64_t n_parameters = 0;
  int64_t steps = 0, tokens = 0;  // of the whole run
  int64_t step = 0;               // done already
  double flops_per_token = 0;     // model FLOPs, forward and backward
  double peak_flops = 0;          // what MFU is a share of
  bool peak_measured = false;
  DataSummary data;
  std::optional<std::filesystem::path> resumed_from;
  std::vector<std::string> changes;  // settings that differ from when the run began: "lr = 0.001"
};

/// Hears what a run does, on the thread that trains.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void on_data(int64_t /*bytes_done*/, int64_t /*bytes_total*/) {}
  virtual void on_start(const RunStart&) {}
  /// seconds_left: estimate for the rest of the run.
  virtual void on_step(const StepRecord&, double /*seconds_left*/) {}
  virtual void on_validation(int64_t /*windows_done*/, int64_t /*windows_total*/) {}
  virtual void on_checkpoint(const std::filesystem::path&) {}
};

/// How a run gets its tokenizer and model, and writes the latter; the defaults are fathom's own.
struct TrainHooks {
  std::function<Result<std::shared_ptr<const Tokenizer>>(const std::filesystem::path&)>
      open_tokenizer;
  std::function<Result<std::unique_ptr<TrainerModel>>(const RunConfig&, const ModelConfig&,
                                                      const TrainOptions&)>
      create_model;
  std::function<Status(const std::filesystem::path&, TrainerModel&)> write_weights;
};

struct TrainCall {
  RunConfig config;
  std::string where;  // names the RUN.toml in messages
  RunDirectory directory;
  bool resume = false;
  TrainHooks hooks;
  std::function<std::unique_ptr<BatchSource>()> make_source;  // empty: documents to pretrain on
  TrainObserver* observer = nullptr;
  std::string commit;  // of the program, for the ledger; empty: unknown
  const std::atomic<bool>* stop =
      nullptr;  // set: save a checkpoint at the next moment between two micro-batches, and return
};

enum class RunEnd { kFinished, kStopped };

struct TrainResult {
  RunEnd end = RunEnd::kFinished;
  int64_t step = 0, steps = 0;
  std::filesystem::path checkpoint;  // the newest
  std::optional<StepRecord> last;    // of this call
};

/// Runs or goes on with a run. Errors: bad inputs, before any work; a loss or gradient that is not
/// finite or has leapt (guard), with the last good checkpoint named; a disk that is full.
/// log.jsonl, checkpoints and report are as of the last whole step then,
/// and ledger.jsonl says why.
Result<TrainResult> train(const TrainCall& call);

}  // namespace fathom
