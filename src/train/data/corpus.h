// The tokenized documents of a run: those to train on, source after source, and those held out to
// be measured on.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "train/data/shard.h"

namespace fathom {

/// Documents of several shards, numbered through. Thread-safe: reads only.
class Corpus {
 public:
  void add(std::shared_ptr<const Shard> shard);
  /// The documents added from now on belong to the next source.
  void end_source() { source_ends_.push_back(n_documents_); }
  int64_t n_documents() const { return n_documents_; }
  int64_t n_tokens() const { return n_tokens_; }
  int64_t n_sources() const { return static_cast<int64_t>(source_ends_.size()); }
  int64_t source_begin(int64_t source) const { return source == 0 ? 0 : source_ends_[source - 1]; }
  int64_t source_end(int64_t source) const { return source_ends_[source]; }
  int64_t length(int64_t document) const;
  /// Tokens [begin, begin + out.size()) of a document. Requires: they are there.
  void copy(std::span<int32_t> out, int64_t document, int64_t begin) const;

 private:
  struct Place {
    const Shard* shard;
    int64_t document;
  };
  Place place(int64_t document) const;

  std::vector<std::shared_ptr<const Shard>> shards_;
  std::vector<int64_t> shard_ends_;  // documents up to and with each shard
  std::vector<int64_t> source_ends_;
  int64_t n_documents_ = 0, n_tokens_ = 0;
};

}  // namespace fathom
