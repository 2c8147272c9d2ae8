#include "tokenizer/bpe.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/rng.h"

namespace fathom {
namespace {

struct Vocabulary {
  std::vector<BpeToken> tokens;
  std::vector<BpeMerge> merges;

  int32_t id_of(const std::string& bytes) {
    for (const BpeToken& token : tokens) {
      if (token.bytes == bytes) return token.id;
    }
    tokens.push_back({bytes, static_cast<int32_t>(tokens.size())});
    return tokens.back().id;
  }
  void merge(const std::string& left, const std::string& right) {
    merges.push_back({id_of(left), id_of(right), id_of(left + right)});
  }
};

/// The definition: the pair of lowest rank, leftmost, until none is left.
std::vector<int32_t> encode_plainly(const Vocabulary& v, std::string_view piece) {
  std::map<std::pair<int32_t, int32_t>, std::pair<int32_t, int32_t>> ranks;
  for (size_t i = 0; i < v.merges.size(); ++i) {
    ranks[{v.merges[i].left, v.merges[i].right}] = {static_cast<int32_t>(i), v.merges[i].merged};
  }
  std::vector<int32_t> ids;
  for (const char c : piece) {
    for (const BpeToken& token : v.tokens) {
      if (token.bytes == std::string(1, c)) ids.push_back(token.id);
    }
  }
  while (true) {
    size_t best = ids.size();
    int32_t rank = INT32_MAX;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto it = ranks.find({ids[i], ids[i + 1]});
      if (it != ranks.end() && it->second.first < rank) {
        rank = it->second.first;
        best = i;
      }
    }
    if (best == ids.size()) return ids;
    ids[best] = ranks[{ids[best], ids[best + 1]}].second;
    ids.erase(ids.begin() + static_cast<int64_t>(best) + 1);
  }
}

std::vector<int32_t> encode(const Bpe& bpe, std::string_view piece) {
  std::vector<int32_t> ids;
  BpeScratch scratch;
  bpe.encode(ids, piece, scratch);
  return ids;
}

/// Random merges over three letters, in random order of rank, so that a token need not be what its
/// own bytes merge to.
Vocabulary random_vocabulary(const Rng& rng, uint64_t seed) {
  Vocabulary v;
  for (const char* c : {"a", "b", "c"}) v.id_of(c);
  std::set<std::pair<int32_t, int32_t>> seen;
  for (uint64_t i = 0; i < 40; ++i) {
    const BpeToken left = v.tokens[rng.below(1000 * seed + 2 * i, v.tokens.size())];
    const BpeToken right = v.tokens[rng.below(1000 * seed + 2 * i + 1, v.tokens.size())];
    if (left.bytes.size() + right.bytes.size() > 9 || !seen.insert({left.id, right.id}).second)
      continue;
    v.merge(left.bytes, right.bytes);
  }
  for (size_t i = v.merges.size(); i > 1; --i)
    std::swap(v.merges[i - 1], v.merges[rng.below(1000 * seed + 500 + i, i)]);
  return v;
}

TEST(Bpe, EveryLengthGivesWhatTheDefinitionGives) {
  const Rng rng(11, 0), text_rng(11, 1);
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Vocabulary v = random_vocabulary(rng, seed);
    const Bpe bpe(v.tokens, v.merges, false);
    for (uint64_t n = 1; n < 90; ++n) {  // both ways of merging: up to 32 symbols, and beyond
      std::string piece;
      for (uint64_t k = 0; k < n; ++k)
        piece += "abc"[text_rng.below(seed * 100000 + n * 100 + k, 3)];
      ASSERT_EQ(encode(bpe, piece), encode_plainly(v, piece)) << piece;
    }
  }
}

TEST(Bpe, BytesWithoutATokenAreDroppedAndMergingGoesOnAcrossTheGap) {
  Vocabulary v;
  v.merge("a", "b");
  const Bpe bpe(v.tokens, v.merges, false);
  EXPECT_EQ(encode(bpe, "axb"), (std::vector<int32_t>{v.id_of("ab")}));
  EXPECT_EQ(encode(bpe, "xx"), std::vector<int32_t>());
}

TEST(Bpe, OfTwoMergesOfOnePairTheLaterCounts) {
  Vocabulary v;
  v.merge("a", "b");
  v.merge("b", "c");
  v.merge("a", "b");
  const Bpe bpe(v.tokens, v.merges, false);
  EXPECT_EQ(encode(bpe, "abc"), (std::vector<int32_t>{v.id_of("a"), v.id_of("bc")}));
}

TEST(Bpe, IgnoreMergesTakesAWholePieceThatIsAToken) {
  Vocabulary v;
  v.merge("a", "b");
  v.id_of("c");
  v.id_of("abc");  // no merge leads here
  EXPECT_EQ(encode(Bpe(v.tokens, v.merges, false), "abc"),
            (std::vector<int32_t>{v.id_of("ab"), v.id_of("c")}));
  EXPECT_EQ(encode(Bpe(v.tokens, v.merges, true), "abc"), (std::vector<int32_t>{v.id_of("abc")}));
  EXPECT_EQ(encode(Bpe(v.tokens, v.merges, true), "abcc").size(), 3U);
}

TEST(Bpe, AMegabyteOfOneLetterEnds) {
  Vocabulary v;
  for (std::string unit = "a"; unit.size() < 64; unit += unit) v.merge(unit, unit);
  const Bpe bpe(v.tokens, v.merges, false);
  EXPECT_EQ(encode(bpe, std::string((1 << 20) + 1, 'a')).size(), (1U << 20) / 64 + 1);
}

}  // namespace
}  // namespace fathom
