// From one row of logits to the next token. The random number is a function of (seed, stream,
// position) alone, so the same seed gives the same text whatever else runs. The log-probability
// that comes with a token is that of the model itself: of the row as it is, before penalties and
// temperature, by the same steps as the training loss (DESIGN: one numerics contract).
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/status.h"

namespace fathom {

/// Applied in this order, that of transformers, vLLM and SGLang, for which the models' recommended
/// settings are published (llama.cpp applies the temperature last): penalties, temp, top_k, top_p,
/// min_p. Defaults: DeepSeek's advice for R1.
struct SamplingOptions {
  double temp = 0.6;    // divides the logits; 0: always the most probable token
  double top_p = 0.95;  // the fewest most probable tokens whose probabilities, after top_k, sum to
                        // this; 1: off
  double min_p = 0;     // tokens at least this share of the most probable one's probability; 0: off
  int64_t top_k = 0;    // this many most probable tokens; 0: off
  /// Logits of tokens in the prompt or the answer: divided by it where positive, multiplied where
  /// negative (Keskar et al. 2019); 1: off.
  double repetition_penalty = 1;
  /// As OpenAI defines them: logit -= n * frequency_penalty + (n > 0) * presence_penalty, n: times
  /// the token stands in the answer.
  double presence_penalty = 0, frequency_penalty = 0;
  uint64_t seed = 0;
  /// Log-probabilities are those among the tokens that top_k, top_p and min_p left, which are told
  /// with each token (V3.2's keep sampling mask); false: among all, and none are told.
  bool keep_sampling_set = false;
};

/// One sentence that names the option, its range and what was given.
Status check_sampling_options(const SamplingOptions& options);

struct SampledToken {
  int32_t id;
  float logp;
  std::vector<int32_t> sampling_set = {};  // rising; empty: all tokens
};

/// Buffers of sample(), to be used by one call at a time; they grow to a few times the vocabulary.
struct SamplerScratch {
  struct Candidate {
    float weight;  // a logit while top_k is applied, then exp((logit - max) / temp)
    int32_t id;
  };
  std::vector<float> logits, kept_logits, masked_logits, weights;
  std::vector<double> block_sums;
  std::vector<Candidate> candidates;
};

/// The sampling of one sequence: options, and the tokens that penalties look at.
/// Among equal logits the lower id counts as the more probable. Not thread-safe; sequences are
/// independent of each other.
class Sampler {
 public:
  /// stream: tells sequences of the same seed apart. Requires:
  /// check_sampling_options(options).ok().
  Sampler(const SamplingOptions& options, uint64_t stream);

  void accept_prompt(std::span<const int32_t> ids);
  void accept(int32_t id);

  /// The token at `position` of the sequence (any number that differs from draw to draw). Remembers
  /// nothing: accept() does. logits: one row of f32, read only; -inf excludes a token. An error
  /// where the row holds NaN, +inf, or -inf alone.
  Result<SampledToken> sample(SamplerScratch& scratch, std::span<const float> logits,
                              int64_t position) const;

 private:
  std::span<const float> penalised(SamplerScratch& scratch, std::span<const float> logits) const;
  int32_t draw(SamplerScratch& scratch, std::span<const float> logits, int64_t position) const;

  SamplingOptions options_;
  uint64_t stream_;
  bool has_penalties_;
  // Times in the answer of every token in the prompt or the answer; empty without penalties.
  std::unordered_map<int32_t, int64_t> n_in_answer_;
};

}  // namespace fathom
