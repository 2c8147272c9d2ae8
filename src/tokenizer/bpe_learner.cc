// All pieces lie in one array of symbols, linked to their neighbours; for each pair its count and
// the places where it began. A merge visits its places, from left to right, skips those that
// another merge has changed since, and corrects its neighbours' counts.
#include "tokenizer/bpe_learner.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

#include "base/check.h"
#include "tokenizer/bpe.h"

namespace fathom {
namespace {

struct Pair {
  int64_t count = 0;
  std::vector<int32_t> places;  // of the left symbol; some may be stale
};

struct Candidate {
  int64_t count;
  int32_t left, right;
  bool operator<(const Candidate& other) const {  // the greatest is merged first
    if (count != other.count) return count < other.count;
    if (left != other.left) return left > other.left;
    return right > other.right;
  }
};

struct PairHash {
  size_t operator()(uint64_t key) const { return (key ^ key >> 29) * 0x9E3779B97F4A7C15ULL >> 7; }
};

class Learner {
 public:
  Learner(std::span<const PieceCount> pieces, const BpeLearning& options) : options_(options) {
    size_t n_bytes = 0;
    for (const PieceCount& piece : pieces) n_bytes += piece.bytes.size();
    FATHOM_CHECK(n_bytes < size_t{1} << 31);
    symbols_.reserve(n_bytes);
    for (const PieceCount& piece : pieces) add_piece(piece);
    for (const auto& [key, pair] : pairs_) push(key, pair.count);
  }

  LearnedBpe learn() {
    while (static_cast<int64_t>(learned_.tokens.size()) < options_.n_tokens && !queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const int64_t count = pairs_[pair_key(best.left, best.right)].count;
      if (count != best.count) {  // merges elsewhere took some; its turn comes later
        push(pair_key(best.left, best.right), count);
        continue;
      }
      if (count < options_.min_count) break;
      if (too_long(best)) continue;
      apply(best);
      const auto n_done = static_cast<int64_t>(learned_.tokens.size());
      if (options_.progress) options_.progress(n_done, options_.n_tokens);
    }
    return std::move(learned_);
  }

 private:
  struct Symbol {
    int32_t id;              // -1: absorbed by its left neighbour
    int32_t previous, next;  // -1: the piece ends there
    int32_t piece;
  };

  void add_piece(const PieceCount& piece) {
    const auto first = static_cast<int32_t>(symbols_.size());
    const auto n = static_cast<int32_t>(piece.bytes.size());
    const auto piece_idx = static_cast<int32_t>(counts_.size());
    counts_.push_back(piece.count);
    for (int32_t i = 0; i < n; ++i) {
      symbols_.push_back({static_cast<uint8_t>(piece.bytes[static_cast<size_t>(i)]),
                          i > 0 ? first + i - 1 : -1, i + 1 < n ? first + i + 1 : -1, piece_idx});
    }
    for (int32_t i = 0; i + 1 < n; ++i) count_pair(first + i);
  }

  std::string bytes_of(int32_t id) const {
    return id < 256 ? std::string(1, static_cast<char>(id))
                    : learned_.tokens[static_cast<size_t>(id) - 256];
  }
  bool too_long(const Candidate& c) const {
    return options_.max_token_bytes > 0 &&
           static_cast<int64_t>(bytes_of(c.left).size() + bytes_of(c.right).size()) >
               options_.max_token_bytes;
  }
  void push(uint64_t key, int64_t count) {
    if (count < options_.min_count) return;
    queue_.push({count, static_cast<int32_t>(key >> 32), static_cast<int32_t>(key & 0xFFFFFFFF)});
  }
  uint64_t key_at(int32_t place) const {
    return pair_key(symbols_[place].id, symbols_[symbols_[place].next].id);
  }
  /// Counts the pair that begins at `place`.
  uint64_t count_pair(int32_t place) {
    const uint64_t key = key_at(place);
    Pair& pair = pairs_[key];
    pair.count += counts_[symbols_[place].piece];
    pair.places.push_back(place);
    return key;
  }
  void uncount_pair(int32_t place) {
    pairs_[key_at(place)].count -= counts_[symbols_[place].piece];
  }

  /// The id of the joined bytes: that of another pair that spells the same, or a new one.
  int32_t symbol_for(const Candidate& c) {
    std::string bytes = bytes_of(c.left) + bytes_of(c.right);
    const auto [it, is_new] =
        ids_.emplace(bytes, static_cast<int32_t>(256 + learned_.tokens.size()));
    if (is_new) learned_.tokens.push_back(std::move(bytes));
    return it->second;
  }

  void apply(const Candidate& c) {
    const int32_t merged = symbol_for(c);
    learned_.merges.push_back({c.left, c.right, merged});
    std::vector<int32_t> places;
    places.swap(pairs_[pair_key(c.left, c.right)].places);
    std::sort(places.begin(), places.end());
    grown_.clear();
    for (const int32_t place : places) {
      const int32_t next = symbols_[place].next;
      if (symbols_[place].id == c.left && next >= 0 && symbols_[next].id == c.right)
        merge_at(place, merged);
    }
    std::sort(grown_.begin(), grown_.end());
    grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
    for (const uint64_t key : grown_) push(key, pairs_[key].count);
  }

  void merge_at(int32_t place, int32_t merged) {
    Symbol& left = symbols_[place];
    Symbol& right = symbols_[left.next];
    if (left.previous >= 0) uncount_pair(left.previous);
    uncount_pair(place);
    if (right.next >= 0) uncount_pair(left.next);
    left.id = merged;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) symbols_[left.next].previous = place;
    if (left.previous >= 0) grown_.push_back(count_pair(left.previous));
    if (left.next >= 0) grown_.push_back(count_pair(place));
  }

  const BpeLearning& options_;
  std::vector<Symbol> symbols_;
  std::vector<int64_t> counts_;  // of each piece
  std::unordered_map<uint64_t, Pair, PairHash> pairs_;
  std::priority_queue<Candidate> queue_;
  std::unordered_map<std::string, int32_t> ids_;
  std::vector<uint64_t> grown_;  // pairs that the merge under way made
  LearnedBpe learned_;
};

}  // namespace

LearnedBpe learn_bpe(std::span<const PieceCount> pieces, const BpeLearning& options) {
  return Learner(pieces, options).learn();
}

}  // namespace fathom
