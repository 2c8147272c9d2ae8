// The look-up of the catalogue. The environment is read here.
#include "cli/catalogue_path.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <system_error>
#include <vector>

namespace fathom {

namespace fs = std::filesystem;

Result<fs::path> find_catalogue() {
  std::error_code error;
  if (const char* named = std::getenv("FATHOM_CATALOGUE"); named != nullptr && *named != '\0') {
    if (fs::is_directory(named, error)) return fs::path(named);
    return Status::error(fmt::format("FATHOM_CATALOGUE: a directory wanted, {} found", named));
  }
  std::vector<std::string> tried;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path home = program.parent_path().parent_path();
  for (const char* below : {"data/catalogue", "share/fathom/catalogue"}) {
    const fs::path path = home / below;
    if (fs::is_directory(path, error)) return path;
    tried.push_back(path.string());
  }
  return Status::error(fmt::format("the catalogue of the books wanted, not found (looked in {})",
                                   fmt::join(tried, ", ")));
}

Result<Catalogue> open_catalogue() {
  FATHOM_ASSIGN_OR_RETURN(const fs::path path, find_catalogue());
  return load_catalogue(path);
}

}  // namespace fathom
