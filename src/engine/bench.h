// How fast a model prefills and decodes at a depth of context, and how much of the machine's own
// limits that is. Logits are computed and no token is chosen: this measures the model, not the
// sampler.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"

namespace fathom {

struct BenchSpec {
  int64_t n_prompt = 512, n_decode = 128;  // 0: not measured
  std::vector<int64_t> depths = {0};       // tokens in the cache before
  int n_repeats = 5;
};

/// Medians over the repeats. A rate is tokens a second; 0 where it was not measured.
struct BenchPoint {
  int64_t depth = 0;
  double prefill_rate = 0, decode_rate = 0;
  std::vector<double> prefill_rates, decode_rates;  // each repeat's
  double prefill_flops_per_token = 0;               // mean over the prompt
  double decode_bytes_per_token =
      0;  // weights and cache entries that a token reads, mean over the decode
};

/// Seeded random token ids; each depth is filled once and every repeat starts from a copy of it,
/// which shares its pages. One warm-up of either kind is not counted. on_progress gets the points
/// as they are done. Error: a depth that with its prompt or decode exceeds the context.
Result<std::vector<BenchPoint>> bench_model(
    const Engine& engine, const BenchSpec& spec,
    const std::function<void(const BenchPoint&)>& on_progress);

/// Bytes of weights that one token's forward pass reads, as the checkpoint stores them: every
/// matrix of the main layers, num_experts_per_tok of the routed experts, one row of the embedding.
double weight_bytes_per_token(const CheckpointReader& checkpoint);

/// Operations (a multiply-add is two) of the matrix products of one token: active weights, and
/// attention in expanded form over n_entries entries. The head counts for one token of a prompt
/// only, so it is left out here.
double forward_flops_per_token(const ModelConfig& config, double n_entries);

/// The most memory that this process has had (ru_maxrss).
int64_t peak_rss_bytes();

}  // namespace fathom
