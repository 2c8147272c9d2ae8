// See run_directory.h.
#include "train/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "train/snapshot.h"

namespace fathom {

std::vector<std::string> changed_settings(const std::string& before, const std::string& now) {
  std::vector<std::string> old, changed;
  std::string line;
  for (std::istringstream in(before); std::getline(in, line);) old.push_back(line);
  for (std::istringstream in(now); std::getline(in, line);) {
    if (std::find(old.begin(), old.end(), line) == old.end()) changed.push_back(line);
  }
  return changed;
}

Result<std::optional<std::filesystem::path>> find_run_start(const RunDirectory& directory,
                                                            bool resume) {
  clean_snapshots(directory.checkpoints());
  const auto newest = newest_snapshot(directory.checkpoints());
  if (!newest || resume) return newest;
  return Status::error(
      fmt::format("{}: a directory without checkpoints, or --resume, wanted; {} found",
                  directory.root.string(), newest->filename().string()));
}

Result<std::unique_ptr<RunLock>> RunLock::take(const RunDirectory& directory) {
  const std::string root = directory.root.string();
  std::error_code error;
  std::filesystem::create_directories(directory.root, error);
  if (error) return Status::error(fmt::format("{}: cannot create: {}", root, error.message()));
  const std::filesystem::path path = directory.root / "lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0)
    return Status::error(fmt::format("{}: cannot create: {}", path.string(), std::strerror(errno)));
  std::unique_ptr<RunLock> lock(new RunLock(fd));
  char holder[32] = {};
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return Status::error(fmt::format("{}: cannot lock: {}", path.string(), std::strerror(errno)));
    const ssize_t n = ::pread(fd, holder, sizeof holder - 1, 0);
    return Status::error(
        fmt::format("{}: a directory of its own wanted, the run of process {} found at work in it",
                    root, n > 0 ? std::atol(holder) : 0));
  }
  const std::string id = fmt::format("{}\n", getpid());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, id.data(), id.size(), 0) < 0) {
    return Status::error(fmt::format("{}: cannot write: {}", path.string(), std::strerror(errno)));
  }
  return lock;
}

RunLock::~RunLock() { ::close(fd_); }

}  // namespace fathom
