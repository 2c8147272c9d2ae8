// The endless stream of training sequences: each epoch reads the documents in an order of its own,
// laid end to end and cut into sequences of seq_len predictions. Where it stands is a cursor of a
// few numbers, so that a run killed at any step goes on with the very next token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/data/corpus.h"

namespace fathom {

/// A permutation of [0, n) as a function, with nothing stored: a Feistel network over the next
/// power of four, walked until it falls inside. Source: Black & Rogaway 2002 ("Ciphers with
/// arbitrary finite domains", cycle walking).
class Permutation {
 public:
  Permutation(int64_t n, uint64_t seed, uint64_t stream);
  int64_t operator()(int64_t i) const;

 private:
  uint64_t encrypt(uint64_t x) const;
  int64_t n_;
  uint64_t seed_, stream_;
  int half_bits_;
};

/// Where the stream stands. `slot` counts the places of the epoch's order, `offset` the tokens
/// already read of its document; `carry` is the last token read, which the next sequence begins
/// with (-1: none yet).
struct DataCursor {
  int64_t epoch = 0, slot = 0, offset = 0;
  int32_t carry = -1;
  bool operator==(const DataCursor&) const = default;
};

struct StreamOptions {
  uint64_t seed = 0;
  int64_t seq_len = 0;
  std::vector<double> weights;  // of the corpus' sources; empty: all 1
};

/// The order in which each epoch reads the documents. Slots of a source: all its documents, then
/// all again, as many times as its weight says; the last round of a weight with a fraction holds
/// each document by chance, drawn anew each epoch.
class DocumentOrder {
 public:
  /// weights: of the corpus' sources; empty: all 1. Requires: a document of a source with weight >
  /// 0.
  DocumentOrder(const Corpus& corpus, uint64_t seed, std::vector<double> weights);
  int64_t n_slots() const { return slot_ends_.back(); }
  /// -1: left out this epoch.
  int64_t document(int64_t epoch, int64_t slot) const;

 private:
  const Corpus& corpus_;
  uint64_t seed_;
  std::vector<double> weights_;
  std::vector<int64_t> slot_ends_;  // of each source
};

/// Invariant: the sequences are a function of corpus, options and cursor. Every token of every
/// document is predicted once each time the epoch reads it, except the very first of the stream.
class TokenStream {
 public:
  /// Requires: the corpus, which must outlive the stream, has a document of a source with weight >
  /// 0, and no empty documents.
  TokenStream(const Corpus& corpus, const StreamOptions& options);
  /// tokens [seq_len + 1], overwritten: the last one is the next sequence's first. document_ids
  /// empty or [seq_len], overwritten: which of the sequence's documents a position belongs to, from
  /// 0.
  void next(std::span<int32_t> tokens, std::span<int32_t> document_ids);
  const DataCursor& cursor() const { return cursor_; }
  /// Error: a cursor that this corpus cannot have.
  Status seek(const DataCursor& cursor);
  /// Epochs read so far, with the part of the one under way.
  double epochs() const;

 private:
  void open_slot();

  const Corpus& corpus_;
  StreamOptions options_;
  DocumentOrder order_;
  DataCursor cursor_;
  int64_t document_ = -1, length_ = 0;  // of the cursor's slot
};

}  // namespace fathom
