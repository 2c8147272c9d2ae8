// The books of a training run: what train() does, as the spans of a ledger that follow each other
// without a gap, and what a killed attempt left in log.jsonl and not in its ledger.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "cost/ledger.h"
#include "train/run_directory.h"

namespace fathom {

struct RunLedgerStart {
  RunDirectory directory;
  std::string config_hash, commit;
  double watts = 0;             // stated draw of the machine; 0: none
  std::optional<int64_t> step;  // of the checkpoint it goes on from
};

/// Where the run is, for the lines.
struct RunPlace {
  int64_t step = 0, tokens = 0;
};

class RunLedger {
 public:
  /// Opens the ledger and the next attempt. First, what the last attempt did behind its last line
  /// and had logged by step becomes a line whose source is "log.jsonl": to be called before the log
  /// is shortened.
  static Result<std::unique_ptr<RunLedger>> begin(const RunLedgerStart& start);

  /// Ends the span that is open, if any, and begins one of this kind. A span of training keeps its
  /// place at its begin and writes the steps, tokens and FLOPs from there to `place`.
  Status next(LedgerKind kind, const std::string& name, RunPlace place);
  /// As next(), for a part of step `step` that is no training by itself: a rollout, a reward.
  Status part(const std::string& name, int64_t step, RunPlace place);
  /// What that part read or wrote; flops_definition: as LedgerSpan has it.
  void did(int64_t tokens, double flops, const std::string& flops_definition);
  /// Ends a span of training that has lasted a minute and begins another: so much is lost at most.
  Status beat(RunPlace place);
  /// Ends the open span. `extra_tokens`: of a span that is no training (an evaluation's).
  Status close(RunPlace place);
  /// What an evaluation read.
  void evaluated(int64_t tokens, double flops);
  /// Of a step that was taken: a token's FLOPs change where the MTP loss ends.
  void stepped(double flops) { flops_ += flops; }
  /// All so far on the disk.
  Status sync() { return ledger_->sync(); }

  Status finish(const std::string& outcome, RunPlace place);
  /// The attempt ends by this error; what cannot be written (a full disk) is left.
  void fail(const std::string& message, RunPlace place);

 private:
  RunLedger() = default;
  std::unique_ptr<Ledger> ledger_;
  std::optional<LedgerSpan> span_;
  bool training_ = false;
  RunPlace from_;
  double flops_ = 0;  // since the span's begin
};

}  // namespace fathom
