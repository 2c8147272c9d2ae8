// What -m MODEL means: a path, or the name of a model that ships with fathom.
#pragma once

#include <filesystem>
#include <string>

#include "base/status.h"

namespace fathom {

inline constexpr const char* kDefaultModel = "fathom";
inline constexpr const char* kModelHelp =
    "A Hugging Face directory, a run's directory or one of its checkpoints, or the name of a model "
    "that ships with fathom";

/// `model` itself where such a path exists; otherwise, where it is a plain name, the directory of
/// that name in one of $FATHOM_MODELS (separated by ':'), ../models and ../share/fathom/models
/// beside the program's directory. Empty: kDefaultModel. Error: where was looked.
Result<std::filesystem::path> find_model(const std::string& model);

}  // namespace fathom
