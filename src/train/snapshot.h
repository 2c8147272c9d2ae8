// Checkpoints of a run: checkpoints/step-00001200/ holds the model in the published layout with its
// tokenizer, ready for any reader, and beside it all that a run needs to go on bit for bit:
// state.safetensors (f32 masters, moments, averages, router biases) and state.json (step, data
// cursor, what the run was begun with). A checkpoint is there whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/trainer_model.h"
#include "train/data/token_stream.h"
#include "train/optimizer.h"

namespace fathom {

/// What state.json holds.
struct RunState {
  int64_t step = 0, tokens = 0;
  DataCursor cursor;
  double seconds = 0;    // spent so far, in all attempts
  double loss_mean = 0;  // running mean, for the guard
  /// What the state is bound to (model, tokenizer, data, seeds): name to text. A run that goes on
  /// must have the same.
  std::map<std::string, std::string> identity;
};

struct SnapshotParts {
  TrainerModel* model = nullptr;
  Optimizer* optimizer = nullptr;
  RunState state;
  std::filesystem::path tokenizer;  // directory whose tokenizer files are copied
  /// Writes the model's masters in the published layout into a directory.
  std::function<Status(const std::filesystem::path&, TrainerModel&)> write_weights;
  std::vector<OptimizerTensor> others;  // what else the run would miss
};

/// Writes checkpoints/step-NNNNNNNN and then removes all but the `keep` newest. Where anything
/// fails (a full disk), what was there stays as it was and nothing half-written is left. With an
/// average of the weights, its checkpoint lies in the folder ema/. Returns the new checkpoint's
/// path.
Result<std::filesystem::path> write_snapshot(const std::filesystem::path& checkpoints,
                                             const SnapshotParts& parts, int64_t keep);

/// The newest checkpoint in the directory, or nothing.
std::optional<std::filesystem::path> newest_snapshot(const std::filesystem::path& checkpoints);

/// Removes what a killed run left half-written or half-removed.
void clean_snapshots(const std::filesystem::path& checkpoints);

Result<RunState> read_snapshot_state(const std::filesystem::path& snapshot);
/// Masters, biases, moments and averages, into model and optimizer; weights_changed() is called.
/// Error: a tensor that is missing or of another type or size, or a damaged file.
Status load_snapshot(const std::filesystem::path& snapshot, TrainerModel& model,
                     Optimizer& optimizer, const std::vector<OptimizerTensor>& others = {});

}  // namespace fathom
