// See run_log.h.
#include "train/run_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace fathom {
namespace {

Status system_error(const std::filesystem::path& path, const char* act) {
  return Status::error(fmt::format("{}: {}: {}", path.string(), act, std::strerror(errno)));
}

// Bytes of the lines that stay: whole ones, of steps that rise and do not pass last_step.
size_t kept_bytes(std::string_view text, int64_t last_step) {
  size_t kept = 0;
  int64_t before = 0;
  for (;;) {
    const size_t end = text.find('\n', kept);
    if (end == std::string_view::npos) return kept;
    const auto json =
        nlohmann::json::parse(text.substr(kept, end - kept), nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer())
      return kept;
    const int64_t step = json["step"].get<int64_t>();
    if (step <= before || step > last_step) return kept;
    before = step;
    kept = end + 1;
  }
}

}  // namespace

Result<std::unique_ptr<RunLog>> RunLog::open(const std::filesystem::path& path, int64_t last_step) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return system_error(path, "cannot create");
  std::unique_ptr<RunLog> log(new RunLog(fd, path));
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  if (::ftruncate(fd, static_cast<off_t>(kept_bytes(text, last_step))) != 0)
    return system_error(path, "cannot shorten");
  return log;
}

RunLog::~RunLog() { ::close(fd_); }

Status RunLog::append(std::string_view line) {
  std::string text(line);
  text += '\n';
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t n = ::write(fd_, left.data(), left.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return system_error(path_, "cannot write");
    }
    left.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Status RunLog::sync() { return ::fsync(fd_) == 0 ? Status() : system_error(path_, "cannot write"); }

}  // namespace fathom
