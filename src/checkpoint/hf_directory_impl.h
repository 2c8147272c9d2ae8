// A Hugging Face directory as a CheckpointReader: config.json, and one or many safetensors files
// with or without an index.
#pragma once

#include "checkpoint/checkpoint.h"

namespace fathom {

Result<std::shared_ptr<CheckpointReader>> open_hf_directory(const std::filesystem::path& path);

/// weight_map of an index: tensor name to file name. Error: no such object, or a name that is not a
/// file of the same directory.
Result<std::map<std::string, std::string>> parse_weight_map(std::string_view text,
                                                            const std::string& where);

/// The name of a weight's FP8 scales.
std::string scale_name(std::string_view weight_name);

}  // namespace fathom
