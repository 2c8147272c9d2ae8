// What a config costs before anything runs: FLOPs of a token's forward pass, parameters and cache
// bytes, from the config alone. Definition: a multiply-add is two FLOPs; matrix products and the
// attention core count, norms, activations, softmax and the embedding's row copy do not. Attention
// is counted in expanded form (keys and values per head), causal unless said: position i attends to
// i + 1 positions. One training step costs three forward passes (backward: two products for each of
// forward's); recomputation is not counted.
#pragma once

#include <cstdint>

#include "config/model_config.h"

namespace fathom {

/// FLOPs of one token's forward pass, the mean over the positions of a sequence.
struct FlopsPerToken {
  double attention_core = 0;         // scores and weighted sum of values
  double attention_projections = 0;  // MLA's compressions and expansions, or q, k, v; and o_proj
  double routed_experts = 0;         // the num_experts_per_tok chosen ones
  double shared_experts = 0;
  double dense_ffn = 0;
  double router = 0;
  double head = 0;
  double mtp = 0;    // all of the MTP layers: projection, layer, head; not part of total
  double total = 0;  // the main model: everything above but mtp
};
/// What the numerator of an MFU counts. One run has as many MFUs as there are definitions.
enum class FlopsDefinition {
  kNonCausal,  // attention as if every position attended to the whole context
  kCausal,     // attention as it is: position i attends to i + 1 positions
  kSixN,       // 6 x active parameters, attention's core left out
};
/// Forward pass over a sequence of `context_length` tokens. Requires: context_length >= 1; kCausal
/// or kNonCausal.
FlopsPerToken forward_flops(const ModelConfig& config, int64_t context_length,
                            FlopsDefinition definition = FlopsDefinition::kCausal);

/// Of one token's training, forward and backward, without recomputation and MTP. kSixN takes
/// `parameters_active`, or counts it where that is 0. Requires: context_length >= 1.
double training_flops_per_token(const ModelConfig& config, int64_t context_length,
                                FlopsDefinition definition, double parameters_active = 0);

struct ParameterCount {
  int64_t total = 0;   // the main model
  int64_t active = 0;  // of these, what one token's forward pass uses: all but the experts that it
                       // does not choose
  int64_t mtp = 0;     // the MTP layers' own, their copies of embedding and head not counted
};
ParameterCount count_parameters(const ModelConfig& config);

/// Bytes that the cache keeps of one token in all main layers, in bf16.
int64_t cache_bytes_per_token(const ModelConfig& config);

}  // namespace fathom
