// The held-out text as windows of seq_len predictions, one after another, each token but the first
// predicted once; and what its text weighs, so that a loss per token becomes bits per byte, which
// does not depend on the tokenizer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tokenizer/tokenizer.h"
#include "train/data/corpus.h"

namespace fathom {

/// Thread-safe after construction: reads only.
class ValidationSet {
 public:
  /// The first max_tokens predictions of the corpus (0: all). The corpus must outlive the set.
  ValidationSet(const Corpus& corpus, const Tokenizer& tokenizer, int64_t seq_len,
                int64_t max_tokens);
  int64_t n_windows() const { return n_windows_; }
  int64_t n_predictions() const { return n_predictions_; }
  /// Bytes of the predicted tokens' text; special tokens have none, though their loss counts.
  int64_t n_bytes() const { return n_bytes_; }
  /// tokens [seq_len + 1], document_ids empty or [seq_len], weights [seq_len]: 1, and 0 past the
  /// end of the text (where the token is 0).
  void window(int64_t idx, std::span<int32_t> tokens, std::span<int32_t> document_ids,
              std::span<float> weights) const;

 private:
  const Corpus& corpus_;
  int64_t seq_len_;
  std::vector<int64_t> document_ends_;  // in tokens of the corpus laid end to end
  int64_t n_windows_ = 0, n_predictions_ = 0, n_bytes_ = 0;
};

/// nll: sum over predictions, in nats.
double bits_per_byte(double nll, int64_t n_bytes);

}  // namespace fathom
