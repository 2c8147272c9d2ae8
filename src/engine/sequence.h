// Sequence: one text being continued, from its prompt to its finish. It owns its tokens and its
// entries in the latent cache, and keeps both between answers, so that the next prompt prefills
// only what is new.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/status.h"
#include "cache/latent_cache.h"
#include "engine/engine.h"
#include "engine/sampler.h"
#include "engine/stop.h"
#include "tokenizer/tokenizer.h"

namespace fathom {

struct GenerationOptions {
  SamplingOptions sampling;
  uint64_t stream = 0;     // tells sequences of one seed apart
  int64_t n_predict = -1;  // most tokens of the answer; -1: until it ends or the context is full
  std::vector<std::string> stop;  // the answer ends before the first of these
  bool ignore_eos = false;
};

enum class FinishReason { kNone, kEos, kStopString, kLength, kContext, kCancelled };
/// "eos", "stop_string", "length", "context", "cancelled"; "" for kNone.
std::string_view finish_reason_name(FinishReason reason);

/// A token that the model chose. `text` is what can be shown now: characters that are not whole
/// yet, and text that may become a stop string, come with a later token; the last token brings all
/// that is left.
struct TokenEvent {
  int32_t id = -1;
  float logprob =
      0;  // natural logarithm, of the model's own distribution: before penalties and temperature;
          // among sampling_set where SamplingOptions.keep_sampling_set asks for it
  std::string text;
  std::vector<int32_t> sampling_set = {};  // SampledToken's
};

/// Not thread-safe: one owner at a time. Requires: the engine outlives it.
class Sequence {
 public:
  explicit Sequence(Engine& engine) : engine_(&engine), cache_(&engine.model().cache()) {}

  /// Makes `prompt` the text to continue. Entries of the longest prefix that the cache holds of it
  /// already are kept (all but the last token's, whose logits are needed). Errors: an empty prompt,
  /// one that leaves no room in the context, an id outside the vocabulary, sampling options out of
  /// range; the sequence is then as it was.
  Status start(std::vector<int32_t> prompt, const GenerationOptions& options);
  /// From here on, or no longer: remembers the experts that each token in the cache went to.
  /// Requires: nothing is in the cache.
  void keep_experts(bool keep) {
    FATHOM_CHECK(cache_.length() == 0);
    keeps_experts_ = keep;
  }
  bool keeps_experts() const { return keeps_experts_; }
  /// Of each token in the cache, MoE layer after layer, num_experts_per_tok ids each; empty where
  /// they are not kept.
  const std::vector<uint16_t>& experts() const { return experts_; }
  /// Ends the answer where it is. Returns the text that was held back.
  std::string cancel();
  /// Forgets everything.
  void reset();
  /// Becomes a sequence that was given the first n tokens of `other`, whose entries it shares: a
  /// start() on a prompt that begins so prefills only the rest. Requires: the same engine, n <= the
  /// entries that `other` holds.
  void share_prefix(const Sequence& other, int64_t n);

  bool finished() const { return reason_ != FinishReason::kNone; }
  FinishReason finish_reason() const { return reason_; }
  /// Prompt and answer; the eos token that ended it is the last one.
  const std::vector<int32_t>& tokens() const { return tokens_; }
  std::span<const int32_t> answer() const {
    return std::span(tokens_).subspan(static_cast<size_t>(n_prompt_));
  }
  int64_t n_prompt() const { return n_prompt_; }
  int64_t n_reused() const { return n_reused_; }
  const SequenceCache& cache() const { return cache_; }

  // For engine/generate.h, which moves sequences forward.
  /// Tokens that the model has not seen: the rest of the prompt, or the token chosen last.
  std::span<const int32_t> pending() const;
  bool in_prompt() const { return cache_.length() < n_prompt_; }
  SequenceCache& mutable_cache() { return cache_; }
  /// Of tokens that were added to the cache.
  void note_experts(std::span<const uint16_t> ids) {
    experts_.insert(experts_.end(), ids.begin(), ids.end());
  }
  /// Chooses the next token from the logits [vocab_size] after tokens(). Error: the sampler's.
  Result<TokenEvent> accept(SamplerScratch& scratch, std::span<const float> logits);

 private:
  Status check_prompt(std::span<const int32_t> prompt) const;
  std::string flush();
  void truncate(int64_t n);
  FinishReason reason_after(int32_t id) const;

  Engine* engine_;
  SequenceCache cache_;
  GenerationOptions options_;
  std::vector<int32_t> tokens_;
  bool keeps_experts_ = false;
  std::vector<uint16_t> experts_;
  int64_t n_prompt_ = 0, n_reused_ = 0;
  FinishReason reason_ = FinishReason::kCancelled;  // nothing to do before start
  std::optional<Sampler> sampler_;
  std::optional<StreamDecoder> decoder_;  // none where the engine has no tokenizer
  std::optional<StopMatcher> stop_;
};

}  // namespace fathom
