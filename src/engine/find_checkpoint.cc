// A run directory stands for its newest checkpoint.
#include <fmt/format.h>

#include <charconv>
#include <system_error>

#include "engine/engine.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// N of "step-N", or -1.
int64_t step_of(const fs::path& directory) {
  const std::string name = directory.filename().string();
  constexpr std::string_view kPrefix = "step-";
  if (!name.starts_with(kPrefix)) return -1;
  int64_t step = -1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return error == std::errc() && stop == end ? step : -1;
}

// A run has a config.json too, so only weights tell a model's directory from it.
bool has_weights(const fs::path& directory) {
  std::error_code error;
  return fs::exists(directory / "model.safetensors", error) ||
         fs::exists(directory / "model.safetensors.index.json", error);
}

}  // namespace

Result<fs::path> find_checkpoint(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    return Status::error(
        fmt::format("{}: a model's directory wanted, nothing found", path.string()));
  }
  const fs::path checkpoints = path / "checkpoints";
  if (has_weights(path) || !fs::is_directory(checkpoints, error)) return path;
  fs::path newest;
  int64_t newest_step = -1;
  for (const auto& entry : fs::directory_iterator(checkpoints, error)) {
    const int64_t step = step_of(entry.path());
    if (step > newest_step) {
      newest = entry.path();
      newest_step = step;
    }
  }
  if (newest_step < 0) {
    return Status::error(
        fmt::format("{}: a checkpoint (step-N) wanted, none found", checkpoints.string()));
  }
  return newest;
}

}  // namespace fathom
