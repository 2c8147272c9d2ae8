// A checkpoint as the model sees it: a config and named weights, memory-mapped, whatever the container.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/model_config.h"
#include "tensor/view.h"

namespace fathom {

/// Thread-safe: reads only. The weights point into mappings that live as long as the reader.
class CheckpointReader {
 public:
  virtual ~CheckpointReader() = default;
  virtual const ModelConfig& config() const = 0;
  virtual const std::filesystem::path& path() const = 0;
  /// Names as stored, sorted; FP8 scales are not listed by themselves.
  virtual std::vector<std::string> names() const = 0;
  virtual bool contains(std::string_view name) const = 0;
  /// The weight with its FP8 scales if it has them. A vector has rows = 1. Error: no such tensor.
  virtual Result<Weight> weight(std::string_view name) const = 0;
  virtual int64_t bytes_on_disk() const = 0;
  /// The file that holds a tensor, for messages.
  virtual std::string file_of(std::string_view) const { return path().filename().string(); }
  /// What a reader of the config alone would not expect, one sentence each: MTP layers that the config names and the files lack.
  virtual std::vector<std::string> notes() const { return {}; }
};

/// Reads every weight and scale once and looks for NaN and infinity: `model.safetensors: model.norm.weight: finite values wanted, NaN at
/// [3] found`, the first by name. Uses parallel_for.
Status check_finite(const CheckpointReader& checkpoint);

/// Opens a Hugging Face directory (config.json, *.safetensors with or without index). Reads headers only; checks that every tensor the
/// config calls for is there with the right shape and a known dtype, and says file, name, wanted and found where it is not. Tensors that it
/// does not call for are let be. If all tensors of the MTP layers are absent, config() says num_nextn_predict_layers 0 and notes() tells.
Result<std::shared_ptr<CheckpointReader>> open_checkpoint(const std::filesystem::path& path);

/// A tensor to be written: `data` is row-major, of `dtype`. FP8 scales are tensors of their own here ("….weight_scale_inv").
/// Where `data` is null, `make` fills a buffer of n_bytes() when the tensor's turn comes, so that a checkpoint may be larger than memory.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::kBF16;
  std::vector<int64_t> shape;
  const void* data = nullptr;
  std::function<void(void* buffer)> make = {};
  int64_t n_bytes() const;
};

/// Writes config.json and model.safetensors (or shards of at most max_shard_bytes with an index) into `directory`, each file atomically and
/// config.json last. The layout is the published one, so that other tools can read it. Safetensors files already there are replaced if the
/// new ones have their names; any other is an error before anything is written. Requires: names differ, data of the stated shape.
Status write_checkpoint(const std::filesystem::path& directory, const ModelConfig& config, const std::vector<TensorToWrite>& tensors,
                        int64_t max_shard_bytes = int64_t{5} << 30, const std::map<std::string, std::string>& metadata = {});

}  // namespace fathom
