// A checkpoint in the published layout: config.json, and model.safetensors or numbered shards with
// their index.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;


using Shards = std::vector<std::vector<TensorToWrite>>;

/// Tensors in their order; a new shard begins where the next one would not fit.
Shards split(const std::vector<TensorToWrite>& tensors, int64_t max_shard_bytes) {
  Shards shards(1);
  int64_t filled = 0;
  for (const TensorToWrite& t : tensors) {
    if (!shards.back().empty() && filled + t.n_bytes() > max_shard_bytes) {
      shards.emplace_back();
      filled = 0;
    }
    filled += t.n_bytes();
    shards.back().push_back(t);
  }
  return shards;
}

std::vector<std::string> shard_names(size_t n) {
  if (n == 1) return {"model.safetensors"};
  std::vector<std::string> names;
  for (size_t i = 1; i <= n; ++i) {
    names.push_back(fmt::format("model-{:05}-of-{:05}.safetensors", i, n));
  }
  return names;
}

/// Another checkpoint's files in the same directory would be read as part of this one.
Status check_directory(const fs::path& directory, const std::vector<std::string>& names) {
  std::set<std::string> ours(names.begin(), names.end());
  if (names.size() > 1) ours.insert(kSafetensorsIndex);
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string file = entry.path().filename().string();
    if ((file == kSafetensorsIndex || file.ends_with(".safetensors")) && !ours.count(file)) {
      return Status::error(fmt::format("{}: no files of another checkpoint wanted, {} found",
                                       directory.string(), file));
    }
  }
  return {};
}

Status write_index(const fs::path& directory, const Shards& shards,
                   const std::vector<std::string>& names) {
  nlohmann::ordered_json index;
  int64_t total = 0;
  auto& map = index["weight_map"] = nlohmann::ordered_json::object();
  for (size_t i = 0; i < shards.size(); ++i) {
    for (const TensorToWrite& t : shards[i]) {
      map[t.name] = names[i];
      total += t.n_bytes();
    }
  }
  index["metadata"]["total_size"] = total;
  return write_file_atomic(directory / kSafetensorsIndex, index.dump(2) + "\n");
}

}  // namespace

int64_t TensorToWrite::n_bytes() const {
  int64_t n = dtype_bytes(dtype);
  for (int64_t d : shape) n *= d;
  return n;
}

Status write_checkpoint(const fs::path& directory, const ModelConfig& config,
                        const std::vector<TensorToWrite>& tensors, int64_t max_shard_bytes,
                        const std::map<std::string, std::string>& metadata) {
  const Shards shards = split(tensors, max_shard_bytes);
  const std::vector<std::string> names = shard_names(shards.size());
  try {
    fs::create_directories(directory);
    FATHOM_RETURN_IF_ERROR(check_directory(directory, names));
  } catch (const fs::filesystem_error& e) {
    return Status::error(fmt::format("{}: {}", directory.string(), e.code().message()));
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    FATHOM_RETURN_IF_ERROR(write_safetensors(directory / names[i], shards[i], metadata));
  }
  if (names.size() > 1) FATHOM_RETURN_IF_ERROR(write_index(directory, shards, names));
  return write_file_atomic(directory / "config.json", write_model_config(config));
}

}  // namespace fathom
