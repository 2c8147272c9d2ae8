// See token_stream.h.
#include "train/data/token_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/rng.h"
#include "train/data/streams.h"

namespace fathom {
namespace {

constexpr int kRounds = 6;

}  // namespace

Permutation::Permutation(int64_t n, uint64_t seed, uint64_t stream)
    : n_(n), seed_(seed), stream_(stream) {
  FATHOM_CHECK(n >= 1);
  const int bits = std::bit_width(static_cast<uint64_t>(n - 1));
  half_bits_ = std::max(1, (bits + 1) / 2);
}

uint64_t Permutation::encrypt(uint64_t x) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  const Rng rng(seed_, stream_);
  uint64_t left = x >> half_bits_, right = x & mask;
  for (uint64_t round = 0; round < kRounds; ++round) {
    const uint64_t mixed = left ^ (rng.bits((round << 32) | right) & mask);
    left = right;
    right = mixed;
  }
  return (left << half_bits_) | right;
}

int64_t Permutation::operator()(int64_t i) const {
  FATHOM_DCHECK(i >= 0 && i < n_);
  uint64_t x = static_cast<uint64_t>(i);
  do {
    x = encrypt(x);
  } while (x >= static_cast<uint64_t>(n_));
  return static_cast<int64_t>(x);
}

DocumentOrder::DocumentOrder(const Corpus& corpus, uint64_t seed, std::vector<double> weights)
    : corpus_(corpus), seed_(seed), weights_(std::move(weights)) {
  if (weights_.empty()) weights_.assign(corpus.n_sources(), 1.0);
  FATHOM_CHECK(static_cast<int64_t>(weights_.size()) == corpus.n_sources());
  int64_t n_slots = 0;
  for (int64_t s = 0; s < corpus.n_sources(); ++s) {
    const int64_t copies = static_cast<int64_t>(std::ceil(weights_[s]));
    n_slots += copies * (corpus.source_end(s) - corpus.source_begin(s));
    slot_ends_.push_back(n_slots);
  }
  FATHOM_CHECK(n_slots >= 1);
}

int64_t DocumentOrder::document(int64_t epoch_number, int64_t slot) const {
  const uint64_t epoch = static_cast<uint64_t>(epoch_number);
  const int64_t place = Permutation(slot_ends_.back(), seed_, kOrderStreams + epoch)(slot);
  const int64_t source =
      std::upper_bound(slot_ends_.begin(), slot_ends_.end(), place) - slot_ends_.begin();
  const int64_t in_source = place - (source == 0 ? 0 : slot_ends_[source - 1]);
  const int64_t n = corpus_.source_end(source) - corpus_.source_begin(source);
  const int64_t document = corpus_.source_begin(source) + in_source % n;
  const double share = weights_[source] - static_cast<double>(in_source / n);
  if (share < 1.0 && !(Rng(seed_, kWeightStreams + epoch).uniform(document) < share)) return -1;
  return document;
}

TokenStream::TokenStream(const Corpus& corpus, const StreamOptions& options)
    : corpus_(corpus), options_(options), order_(corpus, options.seed, options.weights) {
  FATHOM_CHECK(options.seq_len >= 1);
  open_slot();
}

// Moves on until the cursor stands before a token that is there.
void TokenStream::open_slot() {
  for (;;) {
    if (cursor_.slot == order_.n_slots()) {
      cursor_.slot = 0;
      ++cursor_.epoch;
    }
    document_ = order_.document(cursor_.epoch, cursor_.slot);
    if (document_ >= 0) break;
    ++cursor_.slot;
  }
  length_ = corpus_.length(document_);
  FATHOM_CHECK(length_ >= 1);
}

void TokenStream::next(std::span<int32_t> tokens, std::span<int32_t> document_ids) {
  const int64_t n = options_.seq_len + 1;
  FATHOM_CHECK(static_cast<int64_t>(tokens.size()) == n);
  FATHOM_CHECK(document_ids.empty() || static_cast<int64_t>(document_ids.size()) == n - 1);
  int64_t filled = 0;
  int32_t id = 0;
  if (cursor_.carry >= 0) {
    tokens[0] = cursor_.carry;
    if (!document_ids.empty()) document_ids[0] = 0;
    filled = 1;
    if (cursor_.offset == 0) id = 1;  // the carried token ended its document
  }
  while (filled < n) {
    const int64_t take = std::min(n - filled, length_ - cursor_.offset);
    corpus_.copy(tokens.subspan(filled, take), document_, cursor_.offset);
    if (!document_ids.empty()) {
      const int64_t end = std::min(filled + take, n - 1);
      std::fill(document_ids.begin() + std::min(filled, end), document_ids.begin() + end, id);
    }
    filled += take;
    cursor_.offset += take;
    if (cursor_.offset == length_) {
      cursor_.offset = 0;
      ++cursor_.slot;
      open_slot();
      ++id;
    }
  }
  cursor_.carry = tokens[n - 1];
}

Status TokenStream::seek(const DataCursor& cursor) {
  const auto wrong = [&] {
    return Status::error(
        fmt::format("data cursor: a place in this data wanted, epoch {} slot {} offset {} found",
                    cursor.epoch, cursor.slot, cursor.offset));
  };
  if (cursor.epoch < 0 || cursor.slot < 0 || cursor.slot >= order_.n_slots() || cursor.offset < 0)
    return wrong();
  cursor_ = cursor;
  open_slot();
  if (cursor_ != cursor || cursor.offset >= length_) return wrong();
  return {};
}

double TokenStream::epochs() const {
  return static_cast<double>(cursor_.epoch) +
         static_cast<double>(cursor_.slot) / static_cast<double>(order_.n_slots());
}

}  // namespace fathom
