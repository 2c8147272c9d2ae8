// A checkpoint of any config with seeded random weights, for tests and benchmarks: the published
// layout, nothing learned.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace fathom {

/// How a checkpoint of this config stores its matrices: kF8E4M3 where quantization_config says so,
/// else kF32 or kBF16 by torch_dtype.
DType stored_dtype(const ModelConfig& config);

/// Every tensor of a checkpoint of this config (FP8 scales included, as F32), without data. dtype:
/// kBF16, kF32, or kF8E4M3, which holds for the matrices that published FP8 checkpoints quantize
/// (attention projections, gate, up and down); the others are then BF16. Router biases are always
/// F32.
std::vector<TensorToWrite> checkpoint_layout(const ModelConfig& config, DType dtype);

struct SyntheticOptions {
  uint64_t seed = 0;
  DType dtype = DType::kBF16;
  int64_t max_shard_bytes = int64_t{5} << 30;
  /// Called after each tensor with the bytes made so far and in all; may be empty.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

/// Matrices and biases are N(0, initializer_range), norms 1, router biases N(0, 0.01); parameter i
/// of parameters(config) draws element j from Rng(seed, i) at index j, and the MTP layers' copies
/// repeat the main tensor. The values depend on config and seed alone, not on shards or threads.
/// Holds one tensor in memory. Error: the directory is there and not empty. On failure nothing is
/// left behind.
Status write_synthetic_checkpoint(const std::filesystem::path& directory, const ModelConfig& config,
                                  const SyntheticOptions& options);

}  // namespace fathom
