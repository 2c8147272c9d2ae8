// Where the catalogue of the books lies.
#pragma once

#include <filesystem>

#include "base/status.h"
#include "cost/catalogue.h"

namespace fathom {

/// $FATHOM_CATALOGUE if set; else the first that exists of ../data/catalogue and
/// ../share/fathom/catalogue beside the program's directory. Error: where was looked.
Result<std::filesystem::path> find_catalogue();
/// find_catalogue, read.
Result<Catalogue> open_catalogue();

}  // namespace fathom
