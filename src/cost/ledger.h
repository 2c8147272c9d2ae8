// Writes a ledger: the append-only books of a run directory or of a server (the format:
// ledger_entry.h). A line goes out in one write, so a process that is killed loses at most the line
// it was at. What an attempt does is written as spans that follow each other:
//
//   FATHOM_ASSIGN_OR_RETURN(auto ledger, Ledger::open({.path = dir / "ledger.jsonl", .commit =
//   …})); FATHOM_RETURN_IF_ERROR(ledger->begin_attempt());
//   {
//     LedgerSpan span(*ledger, LedgerKind::kPhase, "rollout");
//     … span.tokens = n;  span.flops = …;
//     FATHOM_RETURN_IF_ERROR(span.end());          // left without end(): written as failed
//   }
//   FATHOM_RETURN_IF_ERROR(ledger->end_attempt("finished"));
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "cost/energy.h"
#include "cost/ledger_entry.h"

namespace fathom {

struct LedgerOptions {
  std::filesystem::path path;
  std::string device = "cpu";
  int64_t devices =
      1;  // held by this process; all threads of a machine's processors are one device
  std::optional<int64_t> threads;
  std::string config_hash, commit;  // of every line; empty: unknown
  std::string flops_definition;     // what flops count in every line that has some
  EnergySources energy;
};

/// Names of the counts of model FLOPs; docs/cost.md says what each takes in.
inline constexpr const char* kTrainStepFlops = "model-train-step";
inline constexpr const char* kForwardFlops = "model-forward";

/// Not thread-safe: one thread writes. A server has one span open at a time, `serving` or idle, and
/// ends it every minute or where the one turns into the other.
class Ledger {
 public:
  /// Opens for appending; made if it is not there. Checks the whole chain: an altered line is an
  /// error that names it. A torn last line is cut off and a line `mended` that keeps its text takes
  /// its place. Error as well: another process writes it.
  static Result<std::unique_ptr<Ledger>> open(LedgerOptions options);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  /// The lines as open() found them, with what it mended.
  const std::vector<LedgerEntry>& before() const { return before_; }
  int64_t attempt() const { return attempt_; }
  const LedgerOptions& options() const { return options_; }

  /// Opens the next attempt, from nothing or from the checkpoint of `step`. Where an earlier one
  /// left its last trace at `left` (default: the end of the last line), the time since becomes a
  /// line `gap`, which holds no device.
  Status begin_attempt(std::optional<int64_t> step = std::nullopt, const std::string& note = "",
                       std::optional<std::string> left = std::nullopt);
  /// outcome: "finished" or "stopped".
  Status end_attempt(const std::string& outcome, std::optional<int64_t> step = std::nullopt);
  Status fail_attempt(const std::string& message, std::optional<int64_t> step = std::nullopt);

  /// One line; fills in its place in the chain and what the options say. Where `source` is not
  /// "measured", device, hash and commit stay as they are given.
  Status append(LedgerEntry entry);
  /// Until here on the disk.
  Status sync();

 private:
  friend class LedgerSpan;
  Ledger(LedgerOptions options, int fd);
  Status load();
  Status mend(const TornLine& torn);
  Status mend_newline();
  LedgerEntry instant(LedgerKind kind) const;

  LedgerOptions options_;
  int fd_;
  EnergyMeter meter_;
  std::vector<LedgerEntry> before_;
  int64_t next_ = 0, attempt_ = 0;
  std::string prev_{kLedgerOrigin};
};

/// A stretch of work that holds the ledger's devices from its construction to end(). Its fields are
/// what is known of it then; time, bytes, energy and memory are measured. Requires: the ledger
/// outlives it; spans of one process do not overlap, or its seconds would count twice.
class LedgerSpan {
 public:
  LedgerSpan(Ledger& ledger, LedgerKind kind, std::string name);
  ~LedgerSpan();
  LedgerSpan(const LedgerSpan&) = delete;
  LedgerSpan& operator=(const LedgerSpan&) = delete;
  Status end(const std::string& outcome = "done");
  /// Leaves no line.
  void drop() { open_ = false; }
  double seconds() const;

  std::optional<int64_t> step_from, step_to, tokens;
  std::optional<double> flops;
  std::string flops_definition;  // empty: the ledger's
  std::string note;

 private:
  Ledger& ledger_;
  LedgerKind kind_;
  std::string name_, start_;
  std::chrono::steady_clock::time_point begin_;
  EnergyMeter::Mark energy_;
  std::optional<int64_t> read_, written_;
  bool open_ = true;
};

/// Now, or a moment of the system's clock: "2026-11-28T02:46:38.123Z".
std::string utc_now();
std::string utc_time(std::chrono::system_clock::time_point time);
/// Seconds between two such texts; nothing where one is none.
std::optional<double> utc_seconds_between(const std::string& from, const std::string& to);

}  // namespace fathom
