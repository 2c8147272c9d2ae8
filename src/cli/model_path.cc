// The look-up of shipped models. The environment is read here.
#include "cli/model_path.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <sstream>
#include <system_error>
#include <vector>

namespace fathom {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> model_directories() {
  std::vector<std::string> directories;
  if (const char* listed = std::getenv("FATHOM_MODELS")) {
    std::stringstream list(listed);
    for (std::string d; std::getline(list, d, ':');) {
      if (!d.empty()) directories.push_back(d);
    }
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const fs::path home = program.parent_path().parent_path();
    directories.push_back((home / "models").string());
    directories.push_back((home / "share/fathom/models").string());
  }
  return directories;
}

}  // namespace

Result<fs::path> find_model(const std::string& model) {
  std::error_code error;
  if (!model.empty() && fs::exists(model, error)) return fs::path(model);
  const std::string name = model.empty() ? kDefaultModel : model;
  if (name.find('/') != std::string::npos) {
    return Status::error(fmt::format("{}: a model wanted, no such file or directory found", name));
  }
  const std::vector<std::string> directories = model_directories();
  for (const std::string& d : directories) {
    const fs::path path = fs::path(d) / name;
    if (fs::exists(path / "model.safetensors", error)) return path;  // a plan alone is no model
  }
  return Status::error(fmt::format(
      "{}: a path or the name of a shipped model wanted, neither found (names are looked up in {})",
      name, fmt::join(directories, ", ")));
}

}  // namespace fathom
