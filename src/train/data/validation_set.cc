// See validation_set.h.
#include "train/data/validation_set.h"

#include <algorithm>
#include <numbers>
#include <vector>

namespace fathom {

ValidationSet::ValidationSet(const Corpus& corpus, const Tokenizer& tokenizer, int64_t seq_len,
                             int64_t max_tokens)
    : corpus_(corpus), seq_len_(seq_len) {
  int64_t end = 0;
  for (int64_t d = 0; d < corpus.n_documents(); ++d)
    document_ends_.push_back(end += corpus.length(d));
  n_predictions_ = std::max<int64_t>(0, end - 1);
  if (max_tokens > 0) n_predictions_ = std::min(n_predictions_, max_tokens);
  n_windows_ = (n_predictions_ + seq_len - 1) / seq_len;

  std::vector<int32_t> bytes_of(tokenizer.vocab_size());
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    bytes_of[id] =
        tokenizer.is_special(id) ? 0 : static_cast<int32_t>(tokenizer.token_bytes(id).size());
  }
  std::vector<int32_t> tokens;
  int64_t seen = 0;  // tokens before this document
  for (int64_t d = 0; d < corpus.n_documents() && seen <= n_predictions_; ++d) {
    tokens.resize(corpus.length(d));
    corpus.copy(tokens, d, 0);
    for (size_t i = 0; i < tokens.size(); ++i, ++seen) {
      if (seen >= 1 && seen <= n_predictions_) n_bytes_ += bytes_of[tokens[i]];
    }
  }
}

void ValidationSet::window(int64_t idx, std::span<int32_t> tokens, std::span<int32_t> document_ids,
                           std::span<float> weights) const {
  FATHOM_CHECK(idx >= 0 && idx < n_windows_ && static_cast<int64_t>(tokens.size()) == seq_len_ + 1);
  const int64_t begin = idx * seq_len_;
  int64_t document = std::upper_bound(document_ends_.begin(), document_ends_.end(), begin) -
                     document_ends_.begin();
  const int64_t first_document = document;
  for (int64_t i = 0; i <= seq_len_;) {
    if (document == corpus_.n_documents()) {
      tokens[i] = 0;
      if (i < seq_len_ && !document_ids.empty())
        document_ids[i] = static_cast<int32_t>(document - first_document);
      ++i;
      continue;
    }
    const int64_t document_begin = document == 0 ? 0 : document_ends_[document - 1];
    const int64_t take = std::min(seq_len_ + 1 - i, document_ends_[document] - (begin + i));
    corpus_.copy(tokens.subspan(i, take), document, begin + i - document_begin);
    for (int64_t j = i; j < std::min(i + take, seq_len_) && !document_ids.empty(); ++j) {
      document_ids[j] = static_cast<int32_t>(document - first_document);
    }
    i += take;
    ++document;
  }
  for (int64_t i = 0; i < seq_len_; ++i) weights[i] = begin + i < n_predictions_ ? 1.0f : 0.0f;
}

double bits_per_byte(double nll, int64_t n_bytes) {
  return nll / std::numbers::ln2 / static_cast<double>(n_bytes);
}

}  // namespace fathom
