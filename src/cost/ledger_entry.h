// One line of a ledger, and the chain that holds the lines together: what was spent, written down
// as it was spent. A line is one JSON object; its last field, `hash`, is the SHA-256 of all bytes
// before it, and `prev` among these is the hash of the line before. So a line that is altered,
// taken out or put in anywhere but at the end is found without any key. The format: docs/cost.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace fathom {

enum class LedgerKind {
  kAttempt,     // a process begins work, from nothing
  kResume,      // a process begins work, from the checkpoint of step_from
  kPhase,       // a stretch of work; `name` says which: data, start-up, training, rollout, ...
  kEvaluation,  // a measurement on held-out data
  kCheckpoint,  // the writing of a checkpoint
  kIdle,        // the devices were held and waited
  kGap,         // no process ran: between two attempts
  kFailure,     // the attempt ended by an error; `note` is its sentence
  kEnd,         // the attempt ended; outcome: finished or stopped
  kMended,      // a torn last line was found and taken away; `note` keeps what was left of it
};
std::string_view ledger_kind_name(LedgerKind kind);

/// What is not known is absent (null in the file), never zero.
struct LedgerEntry {
  int64_t n = 0;  // place in the chain, from 0
  LedgerKind kind = LedgerKind::kPhase;
  std::string name, outcome;              // outcome: done, failed, finished, stopped
  int64_t attempt = 0;                    // from 1
  std::optional<std::string> start, end;  // UTC, "2026-11-28T02:46:38.123Z"
  std::optional<double> seconds;          // by a clock that nobody sets
  std::optional<double> device_seconds;   // seconds x devices that were held
  std::optional<int64_t> step_from, step_to;
  std::optional<int64_t> tokens;
  std::optional<double> flops;
  std::string flops_definition;
  std::optional<int64_t> bytes_read, bytes_written;  // of storage, by this process
  std::optional<double> joules;
  std::string joules_source;                 // "rapl", "nvml", "model: 65 W a device"
  std::optional<int64_t> peak_memory_bytes;  // resident, of the process until then
  std::string device;                        // "cpu", or a name
  std::optional<int64_t> devices, threads;
  std::string config_hash, commit;
  std::string source = "measured";  // or what the figures were taken from
  std::string note;
  std::string prev, hash;  // 64 hexadecimal digits each
};

/// `prev` of the first line.
inline constexpr std::string_view kLedgerOrigin =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256 as 64 hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

/// The line without its newline; sets entry.hash. n and prev are the caller's.
std::string write_ledger_line(LedgerEntry& entry);

/// The rest behind the last whole line: a write that a crash or a full disk cut short.
struct TornLine {
  int64_t line = 0;    // from 1
  int64_t offset = 0;  // bytes before it
  std::string text;
  bool whole = false;  // a valid line but for its newline
};

struct LedgerFile {
  std::vector<LedgerEntry> entries;
  std::optional<TornLine> torn;
};

/// Reads and checks the chain. A torn last line is no error here but told; anything else that is
/// not as it was written is: "WHERE:12: the hash ... wanted, ... found: this line was altered".
Result<LedgerFile> parse_ledger(std::string_view text, const std::string& where);
Result<LedgerFile> read_ledger(const std::filesystem::path& path);

/// "ledger.jsonl:7: a whole line wanted, 41 bytes without an end found: ..."
std::string describe_torn(const TornLine& torn, const std::string& where);

/// The fields of an entry from JSON: n, prev and hash are read if there. Errors name the field.
Result<LedgerEntry> parse_ledger_entry(std::string_view line, const std::string& where);

}  // namespace fathom
