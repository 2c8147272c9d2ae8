// A model ready to compute: a checkpoint's weights, the schedule of layers, and one forward pass for prefill, decode and training.
// Knows neither requests nor optimizers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cache/latent_cache.h"
#include "checkpoint/checkpoint.h"
#include "config/model_config.h"
#include "tensor/view.h"

namespace fathom {

enum class Numerics { kExact, kFast };
enum class Compute { kBf16, kF32 };

struct ModelOptions {
  Numerics numerics = Numerics::kExact;
  Compute compute = Compute::kBf16;
  bool fp8_activations = false;  // W8A8 as the published FP8 code does it: inputs of FP8 linears quantized per 1x128 (compute f32)
  bool mtp_prenorm = false;      // the MTP layer reads the main output before model.norm instead of after it
};

/// A piece of one sequence in a batch: `tokens` continue what `cache` holds. Requires: tokens.size() >= 1.
struct SequenceChunk {
  SequenceCache* cache = nullptr;
  std::span<const int32_t> tokens;
  bool all_logits = false;  // logits of every position instead of the last one only
};

/// What a test or an inspector may ask to see of a forward pass; null members are not filled.
struct ForwardProbe {
  std::vector<std::vector<float>>* hidden = nullptr;       // embedding, then the residual stream after each layer: [n_tokens * hidden]
  std::vector<std::vector<int32_t>>* expert_ids = nullptr; // per MoE layer [n_tokens * num_experts_per_tok]
  std::vector<std::vector<float>>* expert_weights = nullptr;
};

/// Thread-safe for concurrent forward() calls on different sequences (they take turns on the thread pool).
class Model {
 public:
  static Result<std::shared_ptr<Model>> open(std::shared_ptr<const CheckpointReader> checkpoint, const ModelOptions& options);
  virtual ~Model() = default;
  virtual const ModelConfig& config() const = 0;
  virtual const ModelOptions& options() const = 0;
  /// Pages of the right shape for this model's sequences.
  virtual LatentCache& cache() = 0;

  /// Runs every chunk through the model and appends to the caches. logits [n_rows, vocab_size] f32, overwritten: rows in the order of
  /// the chunks, one row a chunk or one a token where all_logits. Requires: token ids in [0, vocab_size).
  virtual void forward(View<float> logits, std::span<const SequenceChunk> chunks, ForwardProbe* probe = nullptr) = 0;

  /// MTP logits [n_tokens - 1, vocab_size] of a whole sequence from position 0 (row i predicts tokens[i + 2]).
  /// Requires: num_nextn_predict_layers >= 1, tokens.size() >= 2.
  virtual void mtp_logits(View<float> logits, std::span<const int32_t> tokens, ForwardProbe* probe = nullptr) = 0;

  /// To be called after the checkpoint's numbers changed in place (TrainerModel::live_checkpoint): norms and biases are read anew; matrices
  /// are always read where they lie. Entries cached before belong to the old weights. Requires: no forward() under way.
  virtual void vectors_changed() = 0;

  /// Bytes of weights as mapped, and of copies made because a kernel wants another layout (0 where none).
  virtual int64_t weight_bytes() const = 0;
  virtual int64_t packed_bytes() const = 0;
};

}  // namespace fathom
