// The pass that moves sequences forward, and the loop over it. A pass feeds each sequence's next
// tokens to the model: one for those that decode, a chunk for those still in their prompt.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/sequence.h"

namespace fathom {

struct StepEvent {
  int64_t sequence_idx = 0;  // in the list that step() was given
  TokenEvent token;
};

struct StepResult {
  std::vector<StepEvent> events;
  int64_t n_prefill_tokens = 0, n_decode_tokens = 0;
  double seconds = 0;
};

/// One pass for all sequences that are not finished: a token for each that decodes, and at most
/// n_chunk tokens of prompts, in the order given. Which pass a token falls into changes no bit of
/// its result in exact numerics. Error: logits that are not finite. Requires: one is not finished;
/// all on `engine`.
Result<StepResult> step(const Engine& engine, std::span<Sequence* const> sequences);

/// What a generation took. Passes that prefill anything count as prefill.
struct GenerationStats {
  int64_t n_prompt = 0,
          n_reused = 0;  // prompt tokens, and those of them whose entries were in the cache
  int64_t n_prefill = 0, n_decode = 0;  // tokens that went through the model in either kind of pass
  int64_t n_generated = 0;  // tokens chosen: the first of an answer comes out of its prefill
  double prefill_s = 0, decode_s = 0;
  int64_t cache_bytes = 0;  // entries held at the end
  /// Tokens a second; 0 where there was nothing to measure.
  double prefill_rate() const {
    return prefill_s > 0 ? static_cast<double>(n_prefill) / prefill_s : 0;
  }
  double decode_rate() const { return decode_s > 0 ? static_cast<double>(n_decode) / decode_s : 0; }
};

/// Steps until all sequences are finished or on_step returns false; those under way are then left
/// as they are, to be cancelled or continued.
Result<GenerationStats> generate(const Engine& engine, std::span<Sequence* const> sequences,
                                 const std::function<bool(const StepResult&)>& on_step);

}  // namespace fathom
