// What a ledger adds up to: which of its work counts and which was lost, and what both took.
// A step counts once: work on steps behind the checkpoint that a later attempt went on from is
// rolled back (failed, where its attempt ended by an error), whatever the lines of its time say.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "cost/ledger_entry.h"

namespace fathom {

enum class LedgerClass {
  kUseful,      // what the result stands on, set-up and checkpoints included
  kFailed,      // of an attempt that ended by an error, and in no checkpoint
  kRolledBack,  // of an attempt that was killed or went back, and in no checkpoint that lives on
  kIdle,        // held and waiting
  kNone,        // no device was held: moments, gaps between attempts
};
inline constexpr int kLedgerClasses = 4;  // those that hold a device
std::string_view ledger_class_name(LedgerClass c);

/// Of each entry.
std::vector<LedgerClass> classify_ledger(const std::vector<LedgerEntry>& entries);

/// Sums over lines; a line that does not know a figure is counted in `unknown` figures instead.
struct LedgerSum {
  int64_t lines = 0;
  double device_seconds = 0, tokens = 0, flops = 0, joules = 0;
  double bytes_read = 0, bytes_written = 0;
  int64_t lines_without_seconds = 0;
  int64_t lines_without_tokens = 0;  // of work that took steps
  double device_seconds_without_joules = 0;
  double tokens_with_flops = 0, flops_of_tokens = 0;  // of lines that know both, evaluations aside
  bool any_bytes = false;
  void add(const LedgerEntry& entry);
  void add(const LedgerSum& other);
  std::optional<double> flops_per_token() const {
    if (!(tokens_with_flops > 0)) return std::nullopt;
    return flops_of_tokens / tokens_with_flops;
  }
  bool joules_known() const {
    return device_seconds > 0 && device_seconds_without_joules == 0 && lines_without_seconds == 0;
  }
};

struct LedgerAttempt {
  int64_t attempt = 0;
  std::string start,
      ended;         // ended: finished, stopped, failed, "no end" (killed, or at work still)
  std::string note;  // why
  std::optional<int64_t> step_from, step_to;
  LedgerSum all;
  LedgerSum lost;  // of it, what did not count
};

/// Sums of the lines of one name: training, evaluation, checkpoint, ...
struct LedgerPart {
  std::string name;
  LedgerSum sum;
};

struct LedgerSummary {
  std::string path;
  int64_t lines = 0;
  std::string
      head;  // hash of the last line: who keeps it elsewhere can tell that lines were cut off
  std::array<LedgerSum, kLedgerClasses> classes;
  LedgerSum all;
  std::vector<LedgerAttempt> attempts;
  std::vector<LedgerPart> parts, useful_parts;
  std::string device, last_date;  // the last that were told; a day, ISO
  int64_t devices = 0;            // the most that were held at once
  double gap_seconds = 0;
  std::optional<int64_t> peak_memory_bytes, begins_at_step, last_step;
  std::vector<std::string> sources, flops_definitions, joules_sources, commits;  // each once
  const LedgerSum& of(LedgerClass c) const { return classes[static_cast<size_t>(c)]; }
  /// (failed + rolled back + idle) / total, in device-seconds; nothing where no time is known.
  std::optional<double> waste_ratio() const;
  /// Lines of lost work whose time nobody knows: the ratio is "at least" then.
  int64_t waste_lines_without_seconds() const;
};

LedgerSummary summarize_ledger(const LedgerFile& file, const std::string& path);

/// Loss against what had been spent by then, waste included.
struct LossPoint {
  int64_t step = 0;
  double tokens = 0;  // that count, by then
  double loss = 0;    // mean of loss_ce over the steps since the point before
  std::optional<double> val_loss, val_bpb;
  LedgerSum spent;
};
/// log: the text of the run's log.jsonl. A point for each stretch of training that counts.
std::vector<LossPoint> loss_points(const LedgerFile& file, std::string_view log);

}  // namespace fathom
