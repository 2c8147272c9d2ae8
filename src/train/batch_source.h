// What a run trains on, as the training loop sees it: a stream of micro-batches with a cursor, and
// batches that are held out. The loop knows neither documents nor samples; pretraining's source is
// train/text_source.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/status.h"
#include "model/trainer_model.h"
#include "tokenizer/tokenizer.h"
#include "train/data/prepare.h"
#include "train/data/token_stream.h"
#include "train/run_config.h"
#include "train/run_directory.h"

namespace fathom {

struct SourceStart {
  std::shared_ptr<const Tokenizer> tokenizer;
  uint64_t tokenizer_hash = 0;  // of the tokenizer's files
  RunDirectory directory;
  bool resumes = false;  // the data of a checkpoint: what was prepared is not asked about
  std::function<bool(int64_t bytes_done, int64_t bytes_total)> progress;  // false: stop
};

/// One forward and backward pass.
struct MicroBatch {
  TrainBatch batch;        // views that hold until the source is asked again
  double share = 1;        // of the step's loss: a step's shares sum to 1
  int64_t n_tokens = 0;    // predicted positions that are computed
  double loss_weight = 0;  // sum of the positions' loss weights
  int64_t n_sequences = 0;
};

/// Invariant: the micro-batches are a function of the data, the settings and the cursor.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  /// Reads or prepares the data. Errors as prepare_data gives them.
  virtual Status open(const RunConfig& config, const SourceStart& start) = 0;
  virtual const DataSummary& summary() const = 0;
  /// What a run that goes on must have the same (RunState::identity).
  virtual std::map<std::string, std::string> identity() const = 0;
  /// Every micro-batch has micro_batch_size * seq_len predicted positions.
  virtual bool tokens_are_fixed() const = 0;
  /// Micro-batches in the first `epochs` epochs, at least 1.
  virtual int64_t micro_batches_in(double epochs) const = 0;

  virtual const DataCursor& cursor() const = 0;
  virtual Status seek(const DataCursor& cursor) = 0;
  virtual double epochs() const = 0;
  /// The next n_micro_batches calls of next() are one step's.
  virtual void begin_step(int64_t n_micro_batches) = 0;
  virtual MicroBatch next() = 0;

  /// Held-out batches, and what their losses are means over. Bytes of the predicted text: 0 where
  /// a loss per byte has no meaning.
  virtual int64_t n_held_out() const = 0;
  virtual int64_t held_out_bytes() const = 0;
  virtual MicroBatch held_out(int64_t idx) = 0;
};

}  // namespace fathom
