// A Hugging Face directory as a CheckpointReader: config.json, and one or many safetensors files
// with or without an index.
#pragma once

#include "checkpoint/checkpoint.h"

namespace fathom {

Result<std::shared_ptr<CheckpointReader>> open_hf_directory(const std::filesystem::path& path);

/// The name of a weight's FP8 scales.
std::string scale_name(std::string_view weight_name);

}  // namespace fathom
