// Rollouts: answers sampled from the policy on the engine of this program. Slots work side by side;
// a slot whose answer has ended takes the next prompt at once, so a long answer holds up nobody;
// rollouts of one prompt share its entries in the cache. What is recorded are token ids and
// log-probabilities as they were sampled, never a text that is tokenised again. In exact numerics a
// rollout does not depend on the number of slots or on what ran beside it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "engine/sequence.h"

namespace fathom {

struct RolloutOptions {
  double temp = 1;  // the log-probabilities are the model's own, at temperature 1
  double top_p = 1;
  int64_t max_answer_tokens = 512;
  int64_t n_slots = 32;
  uint64_t seed = 0;
  int64_t weight_version = 0;                             // recorded
  bool keep_experts = false, keep_sampling_sets = false;  // SamplingOptions.keep_sampling_set
};

struct Rollout {
  std::vector<int32_t> prompt,
      answer;               // the answer's last token is the eos where it ended by itself
  std::vector<float> logp;  // of each token of the answer
  /// Where they are kept: the experts of each token but the last, which never went through the
  /// model, MoE layer after layer; of each token of the answer the tokens that could be drawn.
  std::vector<uint16_t> experts;
  std::vector<std::vector<int32_t>> sampling_sets;
  FinishReason finish = FinishReason::kNone;
  uint64_t seed = 0,
           stream = 0;  // draw it again: the same prompt, seed and stream on the same weights
  int64_t weight_version = 0;
  bool overlong() const {
    return finish == FinishReason::kLength || finish == FinishReason::kContext;
  }
};

struct RolloutRequest {
  std::vector<int32_t> prompt;
  uint64_t stream = 0;  // tells rollouts of one prompt apart
};

struct RolloutStats {
  int64_t n_prefill_tokens = 0, n_decode_tokens = 0, n_passes = 0;
  double seconds = 0;
};

/// One rollout a request, in their order. Errors: a prompt that does not fit the context, logits
/// that are not finite.
Result<std::vector<Rollout>> sample_rollouts(Engine& engine,
                                             std::span<const RolloutRequest> requests,
                                             const RolloutOptions& options, RolloutStats& stats);

}  // namespace fathom
