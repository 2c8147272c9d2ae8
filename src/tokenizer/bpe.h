// Byte-level BPE inside one piece: apply the pair of lowest rank, leftmost first, until none is
// left (Sennrich et al. 2016; on bytes: GPT-2). Works on bytes; the letters that stand for them in
// the files are gone by here.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/byte_map.h"

namespace fathom {

struct BpeToken {
  std::string bytes;
  int32_t id;
};

struct BpeMerge {
  int32_t left, right, merged;  // ids; a merge's rank is its place in the list
};

/// A pair of ids in one number.
inline uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

struct BpeScratch {
  struct Symbol {
    int32_t id, previous, next;  // neighbours in the piece; -1: none
  };
  std::vector<Symbol> symbols;
  std::vector<int32_t> ids;
  std::vector<uint64_t> heap;
};

/// Thread-safe after construction: reads only; the scratch belongs to one call at a time.
class Bpe {
 public:
  /// tokens: distinct, with distinct ids. A byte without a token of its own is dropped from every
  /// piece. Of two merges of one pair the later counts. ignore_merges: a piece that is a token as a
  /// whole becomes that token before any merging.
  Bpe(const std::vector<BpeToken>& tokens, const std::vector<BpeMerge>& merges, bool ignore_merges);

  /// Appends the ids of one piece. n log n in its length.
  void encode(std::vector<int32_t>& out, std::string_view piece, BpeScratch& scratch) const;
  /// -1 where no token has these bytes.
  int32_t token_of(std::string_view bytes) const { return tokens_.find(bytes); }
  bool has_all_bytes() const;

 private:
  struct Pair {
    uint64_t key = ~uint64_t{0};  // left id, right id
    int32_t rank = 0, merged = 0;
  };
  const Pair* find_pair(int32_t left, int32_t right) const;
  void insert_pair(const BpeMerge& merge, int32_t rank);
  void merge(std::vector<int32_t>& out, std::string_view piece, BpeScratch& scratch) const;
  void merge_short(std::vector<int32_t>& ids) const;
  void merge_long(BpeScratch& scratch) const;
  void push_pair(BpeScratch& scratch, int32_t left) const;

  std::array<int32_t, 256> byte_ids_;
  std::vector<Pair> pairs_;  // open addressing
  int pair_shift_ = 0;
  ByteMap tokens_;  // every token
  ByteMap
      direct_;  // tokens that merging their own bytes gives back; all of them with ignore_merges
};

}  // namespace fathom
