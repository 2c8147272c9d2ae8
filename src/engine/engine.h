// Engine: a model, its tokenizer and the limits that every sequence on it obeys. Sequences are in
// engine/sequence.h, the pass that moves them forward in engine/generate.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "checkpoint/checkpoint.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace fathom {

struct EngineOptions {
  ModelOptions model;
  int64_t n_ctx = 0;  // most tokens of a sequence, prompt and answer; 0: max_position_embeddings
  int64_t n_chunk = 512;  // most prompt tokens of one pass through the model
};

/// What generation_config.json recommends; a field that it does not name is negative.
struct RecommendedSampling {
  double temperature = -1, top_p = -1, min_p = -1, repeat_penalty = -1;
  int64_t top_k = -1;
};

/// What an Engine is made of.
struct EngineParts {
  std::string where;  // the model's directory, for messages
  std::shared_ptr<const CheckpointReader> checkpoint;
  std::shared_ptr<Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;  // null: none, so there are logits but no text
  std::vector<int32_t> eos_ids;                // sorted; any of them ends an answer
  RecommendedSampling recommended;
};

/// Thread-safe as Model is: sequences may run on several threads, a sequence on one at a time.
class Engine {
 public:
  /// Opens a Hugging Face directory, a run's checkpoint directory, or a run directory, which stands
  /// for its newest checkpoint. Ends of an answer are every eos id that config.json,
  /// generation_config.json and the tokenizer name. Errors: as the readers give them; a tokenizer
  /// with more tokens than the model has; a context (n_ctx) beyond max_position_embeddings.
  static Result<std::unique_ptr<Engine>> open(const std::filesystem::path& path,
                                              const EngineOptions& options);
  /// Checks that the parts fit each other.
  static Result<std::unique_ptr<Engine>> create(EngineParts parts, const EngineOptions& options);

  const std::string& where() const { return parts_.where; }
  const CheckpointReader& checkpoint() const { return *parts_.checkpoint; }
  Model& model() const { return *parts_.model; }
  const Tokenizer* tokenizer() const { return parts_.tokenizer.get(); }
  const std::vector<int32_t>& eos_ids() const { return parts_.eos_ids; }
  const RecommendedSampling& recommended() const { return parts_.recommended; }
  int64_t n_ctx() const { return n_ctx_; }
  int64_t n_chunk() const { return n_chunk_; }
  bool is_eos(int32_t id) const;

  /// The tokens of a text to be continued, with bos where the tokenizer adds one. Error: no
  /// tokenizer.
  Result<std::vector<int32_t>> encode(std::string_view text, bool parse_added_tokens = true) const;
  /// Error: the model has no tokenizer, and says what still works.
  Status check_tokenizer() const;

 private:
  Engine(EngineParts parts, int64_t n_ctx, int64_t n_chunk)
      : parts_(std::move(parts)), n_ctx_(n_ctx), n_chunk_(n_chunk) {}
  EngineParts parts_;
  int64_t n_ctx_, n_chunk_;
};

/// PATH itself, or the newest of PATH/checkpoints/step-N where PATH is a run directory.
/// Error: nothing there, or a run without a checkpoint.
Result<std::filesystem::path> find_checkpoint(const std::filesystem::path& path);

}  // namespace fathom
