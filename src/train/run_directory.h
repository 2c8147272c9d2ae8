// A run's directory: run.toml and config.json (resolved), log.jsonl, ledger.jsonl, checkpoints/,
// data/, report.html, and the lock that keeps a second run out of it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace fathom {

struct RunDirectory {
  std::filesystem::path root;
  std::filesystem::path run_toml() const { return root / "run.toml"; }
  std::filesystem::path config_json() const { return root / "config.json"; }
  std::filesystem::path log() const { return root / "log.jsonl"; }
  std::filesystem::path ledger() const { return root / "ledger.jsonl"; }
  std::filesystem::path report() const { return root / "report.html"; }
  std::filesystem::path checkpoints() const { return root / "checkpoints"; }
  std::filesystem::path data() const { return root / "data"; }
};

/// The newest checkpoint, from which a run goes on; none where it begins. Half-written ones are
/// removed. Error: there is one, and `resume` was not asked for. Requires: the run's lock is held.
Result<std::optional<std::filesystem::path>> find_run_start(const RunDirectory& directory,
                                                            bool resume);

/// Lines of the settings `now` that the settings `before` have not.
std::vector<std::string> changed_settings(const std::string& before, const std::string& now);

/// Held while a run is at work; the system lets go of it when the process ends, however it ends.
class RunLock {
 public:
  /// Makes the directory if it is not there. Error: another process holds the lock (named by its
  /// id), or the directory cannot be made.
  static Result<std::unique_ptr<RunLock>> take(const RunDirectory& directory);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  explicit RunLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace fathom
