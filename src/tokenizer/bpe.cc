// Three ways, the same result: a table of the words that are one token, a scan for the lowest rank
// in short pieces, a heap in long ones; see bpe.h.
#include "tokenizer/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "base/check.h"

namespace fathom {
namespace {

constexpr size_t kShortPiece = 32;  // symbols; beyond, the heap is quicker than scanning
constexpr uint64_t kFree = ~uint64_t{0};

}  // namespace

Bpe::Bpe(const std::vector<BpeToken>& tokens, const std::vector<BpeMerge>& merges,
         bool ignore_merges)
    : pairs_(std::bit_ceil(2 * merges.size() + 8)), tokens_(tokens.size()), direct_(tokens.size()) {
  pair_shift_ = 64 - std::countr_zero(pairs_.size());
  byte_ids_.fill(-1);
  for (const BpeToken& token : tokens) {
    FATHOM_CHECK(tokens_.insert(token.bytes, token.id));
    if (token.bytes.size() == 1) byte_ids_[static_cast<uint8_t>(token.bytes[0])] = token.id;
  }
  for (size_t i = 0; i < merges.size(); ++i) insert_pair(merges[i], static_cast<int32_t>(i));
  BpeScratch scratch;
  std::vector<int32_t> ids;
  for (const BpeToken& token : tokens) {
    ids.clear();
    merge(ids, token.bytes, scratch);
    if (ignore_merges || (ids.size() == 1 && ids[0] == token.id))
      direct_.insert(token.bytes, token.id);
  }
}

bool Bpe::has_all_bytes() const {
  return std::find(byte_ids_.begin(), byte_ids_.end(), -1) == byte_ids_.end();
}

const Bpe::Pair* Bpe::find_pair(int32_t left, int32_t right) const {
  const uint64_t key = pair_key(left, right);
  const size_t mask = pairs_.size() - 1;
  for (size_t i = key * 0x9E3779B97F4A7C15ULL >> pair_shift_;; i = (i + 1) & mask) {
    if (pairs_[i].key == key) return &pairs_[i];
    if (pairs_[i].key == kFree) return nullptr;
  }
}

void Bpe::insert_pair(const BpeMerge& merge, int32_t rank) {
  const uint64_t key = pair_key(merge.left, merge.right);
  const size_t mask = pairs_.size() - 1;
  size_t i = key * 0x9E3779B97F4A7C15ULL >> pair_shift_;
  while (pairs_[i].key != key && pairs_[i].key != kFree) i = (i + 1) & mask;
  pairs_[i] = {key, rank, merge.merged};
}

void Bpe::encode(std::vector<int32_t>& out, std::string_view piece, BpeScratch& scratch) const {
  const int32_t whole = direct_.find(piece);
  if (whole >= 0) {
    out.push_back(whole);
  } else {
    merge(out, piece, scratch);
  }
}

void Bpe::merge(std::vector<int32_t>& out, std::string_view piece, BpeScratch& scratch) const {
  scratch.ids.clear();
  for (const char c : piece) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(c)];
    if (id >= 0) scratch.ids.push_back(id);
  }
  if (scratch.ids.size() <= kShortPiece) {
    merge_short(scratch.ids);
  } else {
    merge_long(scratch);
  }
  out.insert(out.end(), scratch.ids.begin(), scratch.ids.end());
}

/// The pair after ids[i] is kept in pairs[i], so each merge looks up two pairs.
void Bpe::merge_short(std::vector<int32_t>& ids) const {
  size_t n = ids.size();
  if (n < 2) return;
  std::array<const Pair*, kShortPiece> pairs;
  for (size_t i = 0; i + 1 < n; ++i) pairs[i] = find_pair(ids[i], ids[i + 1]);
  while (true) {
    size_t best = n;
    for (size_t i = 0; i + 1 < n; ++i) {
      if (pairs[i] != nullptr && (best == n || pairs[i]->rank < pairs[best]->rank)) best = i;
    }
    if (best == n) break;
    ids[best] = pairs[best]->merged;
    for (size_t i = best + 1; i + 1 < n; ++i) {
      ids[i] = ids[i + 1];
      pairs[i] = pairs[i + 1];
    }
    --n;
    if (best > 0) pairs[best - 1] = find_pair(ids[best - 1], ids[best]);
    if (best + 1 < n) pairs[best] = find_pair(ids[best], ids[best + 1]);
  }
  ids.resize(n);
}

/// Heap entries are rank, place of the left symbol: the smallest is the lowest rank, leftmost. An
/// entry whose pair has changed since is known by its rank, which is the pair's alone.
void Bpe::push_pair(BpeScratch& scratch, int32_t left) const {
  const int32_t right = scratch.symbols[left].next;
  if (right < 0) return;
  const Pair* pair = find_pair(scratch.symbols[left].id, scratch.symbols[right].id);
  if (pair == nullptr) return;
  scratch.heap.push_back(static_cast<uint64_t>(pair->rank) << 32 | static_cast<uint32_t>(left));
  std::push_heap(scratch.heap.begin(), scratch.heap.end(), std::greater<>());
}

void Bpe::merge_long(BpeScratch& scratch) const {
  const auto n = static_cast<int32_t>(scratch.ids.size());
  auto& symbols = scratch.symbols;
  symbols.resize(n);
  scratch.heap.clear();
  for (int32_t i = 0; i < n; ++i) symbols[i] = {scratch.ids[i], i - 1, i + 1 < n ? i + 1 : -1};
  for (int32_t i = 0; i < n; ++i) push_pair(scratch, i);
  while (!scratch.heap.empty()) {
    std::pop_heap(scratch.heap.begin(), scratch.heap.end(), std::greater<>());
    const auto rank = static_cast<int32_t>(scratch.heap.back() >> 32);
    const auto left = static_cast<int32_t>(scratch.heap.back() & 0xFFFFFFFF);
    scratch.heap.pop_back();
    const int32_t right = symbols[left].id < 0 ? -1 : symbols[left].next;
    if (right < 0) continue;
    const Pair* pair = find_pair(symbols[left].id, symbols[right].id);
    if (pair == nullptr || pair->rank != rank) continue;
    symbols[left].id = pair->merged;
    symbols[left].next = symbols[right].next;
    if (symbols[right].next >= 0) symbols[symbols[right].next].previous = left;
    symbols[right].id = -1;
    if (symbols[left].previous >= 0) push_pair(scratch, symbols[left].previous);
    push_pair(scratch, left);
  }
  scratch.ids.clear();
  for (int32_t i = 0; i >= 0; i = symbols[i].next) scratch.ids.push_back(symbols[i].id);
}

}  // namespace fathom
