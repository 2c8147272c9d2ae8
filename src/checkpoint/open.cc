// The table of containers: which files are a checkpoint, and who opens them.
#include <fmt/format.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/hf_directory_impl.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

struct Container {
  const char* name;
  bool (*is)(const fs::path& path);
  Result<std::shared_ptr<CheckpointReader>> (*open)(const fs::path& path);
};

const Container kContainers[] = {
    {"a directory with config.json and safetensors files",
     [](const fs::path& p) { return fs::is_directory(p); }, open_hf_directory},
};

}  // namespace

Result<std::shared_ptr<CheckpointReader>> open_checkpoint(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    return Status::error(fmt::format("{}: a checkpoint wanted, nothing found", path.string()));
  }
  std::string known;
  for (const Container& c : kContainers) {
    try {
      if (c.is(path)) return c.open(path);
    } catch (const fs::filesystem_error& e) {
      return Status::error(fmt::format("{}: {}", path.string(), e.code().message()));
    }
    known += fmt::format("{}{}", known.empty() ? "" : " or ", c.name);
  }
  return Status::error(fmt::format("{}: {} wanted, another file found", path.string(), known));
}

}  // namespace fathom
