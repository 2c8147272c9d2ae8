// See corpus.h.
#include "train/data/corpus.h"

#include <algorithm>

namespace fathom {

void Corpus::add(std::shared_ptr<const Shard> shard) {
  n_documents_ += shard->n_documents();
  n_tokens_ += shard->n_tokens();
  shard_ends_.push_back(n_documents_);
  shards_.push_back(std::move(shard));
}

Corpus::Place Corpus::place(int64_t document) const {
  FATHOM_CHECK(document >= 0 && document < n_documents_);
  const auto it = std::upper_bound(shard_ends_.begin(), shard_ends_.end(), document);
  const size_t idx = static_cast<size_t>(it - shard_ends_.begin());
  return {shards_[idx].get(), document - (idx == 0 ? 0 : shard_ends_[idx - 1])};
}

int64_t Corpus::length(int64_t document) const {
  const Place p = place(document);
  return p.shard->length(p.document);
}

void Corpus::copy(std::span<int32_t> out, int64_t document, int64_t begin) const {
  const Place p = place(document);
  p.shard->copy(out, p.document, begin);
}

}  // namespace fathom
