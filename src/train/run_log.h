// log.jsonl: one line a step, in order, each once, also after a run was killed and went on from an
// earlier checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/status.h"

namespace fathom {

class RunLog {
 public:
  /// Opens for appending after taking away what lies behind step `last_step`, half-written lines
  /// included.
  static Result<std::unique_ptr<RunLog>> open(const std::filesystem::path& path, int64_t last_step);
  ~RunLog();
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;
  /// One line, written at once.
  Status append(std::string_view line);
  /// Until here on the disk: a checkpoint of a step must not outlive its line.
  Status sync();

 private:
  RunLog(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::filesystem::path path_;
};

}  // namespace fathom
