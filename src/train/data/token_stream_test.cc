#include "train/data/token_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/rng.h"
#include "base/test_folder.h"
#include "train/data/validation_set.h"
#include "train/test_support.h"

namespace fathom {
namespace {

constexpr int32_t kEnd = 9999;

// Document d is 10 d, 10 d + 1, …, then kEnd.
Corpus make_corpus(const TestFolder& folder, const std::vector<std::vector<int>>& sources) {
  Corpus corpus;
  int d = 0;
  for (size_t s = 0; s < sources.size(); ++s) {
    ShardBuilder builder(2);
    for (int length : sources[s]) {
      std::vector<int32_t> tokens(length);
      std::iota(tokens.begin(), tokens.end(), 10 * d++);
      tokens.push_back(kEnd);
      builder.add(tokens);
    }
    const auto path = folder.path() / ("shard" + std::to_string(s));
    EXPECT_TRUE(builder.write(path, 1).ok());
    corpus.add(Shard::open(path, 1, 10000).value());
    corpus.end_source();
  }
  return corpus;
}

// The stream as one line of tokens.
std::vector<int32_t> read(TokenStream& stream, int64_t seq_len, int n) {
  std::vector<int32_t> all, tokens(seq_len + 1);
  for (int i = 0; i < n; ++i) {
    stream.next(tokens, {});
    if (!all.empty()) {
      EXPECT_EQ(all.back(), tokens[0]);
    }
    all.insert(all.end(), tokens.begin() + (all.empty() ? 0 : 1), tokens.end());
  }
  return all;
}

std::map<int, int> count_documents(const std::vector<int32_t>& line) {
  std::map<int, int> counts;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != kEnd && line[i] % 10 == 0) ++counts[line[i] / 10];
  }
  return counts;
}

TEST(Permutation, IsOneForEverySizeAndDiffersBetweenEpochs) {
  for (int64_t n : {1, 2, 3, 4, 5, 16, 17, 100, 1000}) {
    std::vector<int64_t> seen;
    const Permutation order(n, 11, 0);
    for (int64_t i = 0; i < n; ++i) seen.push_back(order(i));
    std::sort(seen.begin(), seen.end());
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(seen[i], i) << n;
  }
  const Permutation a(1000, 11, 0), b(1000, 11, 1);
  int same = 0, fixed = 0;
  for (int64_t i = 0; i < 1000; ++i) same += a(i) == b(i), fixed += a(i) == i;
  EXPECT_LT(same, 10);
  EXPECT_LT(fixed, 10);
}

TEST(TokenStream, AnEpochReadsEachTokenOfEachDocumentOnce) {
  TestFolder folder;
  const Corpus corpus = make_corpus(folder, {{3, 1, 9, 5}, {2, 7, 4}});
  ASSERT_EQ(corpus.n_tokens(), 31 + 7);
  TokenStream stream(corpus, {.seed = 1, .seq_len = 5, .weights = {}});
  // 75 predictions and the first token: two epochs of 38
  const std::vector<int32_t> line = read(stream, 5, 15);
  ASSERT_EQ(line.size(), 76u);
  EXPECT_EQ(stream.cursor().epoch, 2);
  EXPECT_EQ(stream.cursor().slot, 0);
  std::vector<std::vector<int32_t>> epochs = {{line.begin(), line.begin() + 38},
                                              {line.begin() + 38, line.end()}};
  EXPECT_NE(epochs[0], epochs[1]);  // another order
  std::vector<int32_t> wanted;
  for (int64_t d = 0; d < corpus.n_documents(); ++d) {
    std::vector<int32_t> tokens(corpus.length(d));
    corpus.copy(tokens, d, 0);
    wanted.insert(wanted.end(), tokens.begin(), tokens.end());
  }
  std::sort(wanted.begin(), wanted.end());
  for (auto& epoch : epochs) {
    for (size_t i = 0; i + 1 < epoch.size(); ++i) {
      if (epoch[i] == kEnd || epoch[i + 1] == kEnd) continue;
      EXPECT_EQ(epoch[i + 1], epoch[i] + 1);  // documents stay whole
    }
    std::sort(epoch.begin(), epoch.end());
    EXPECT_EQ(epoch, wanted);
  }
}

TEST(TokenStream, KilledAtAnyMomentItGoesOnWithTheVeryNextToken) {
  TestFolder folder;
  const Corpus corpus = make_corpus(folder, {{3, 1, 9, 5, 8, 2}, {2, 7, 4}});
  for (uint64_t trial = 0; trial < 50; ++trial) {
    const Rng rng(trial, 0);
    const int64_t seq_len = 1 + static_cast<int64_t>(rng.below(0, 20));
    const StreamOptions options{.seed = trial, .seq_len = seq_len, .weights = {1.5, 0.5}};
    TokenStream whole(corpus, options);
    DataCursor saved = whole.cursor();
    std::vector<int32_t> a(seq_len + 1), b(seq_len + 1), ids_a(seq_len), ids_b(seq_len);
    auto killed = std::make_unique<TokenStream>(corpus, options);
    for (int step = 0; step < 60; ++step) {
      if (rng.below(100 + step, 3) == 0) {  // a new process with the cursor of the checkpoint
        killed = std::make_unique<TokenStream>(corpus, options);
        ASSERT_TRUE(killed->seek(saved).ok());
      }
      whole.next(a, ids_a);
      killed->next(b, ids_b);
      ASSERT_EQ(a, b) << "trial " << trial << " step " << step;
      ASSERT_EQ(ids_a, ids_b);
      saved = killed->cursor();
      ASSERT_EQ(saved, whole.cursor());
    }
  }
}

TEST(TokenStream, AWeightIsHowOftenAnEpochReadsADocument) {
  TestFolder folder;
  const std::vector<int> forty(40, 5);
  const Corpus corpus = make_corpus(folder, {forty, forty, forty});
  TokenStream stream(corpus, {.seed = 9, .seq_len = 6, .weights = {1.0, 2.5, 0.25}});
  std::vector<int32_t> line;
  std::vector<int32_t> tokens(7);
  while (stream.cursor().epoch < 20) {
    stream.next(tokens, {});
    line.insert(line.end(), tokens.begin() + (line.empty() ? 0 : 1), tokens.end());
  }
  double n[3] = {};
  for (auto [document, count] : count_documents(line)) n[document / 40] += count / 800.0;
  EXPECT_NEAR(n[0], 1.0, 0.01);  // the last sequence may reach into epoch 20
  EXPECT_NEAR(n[1], 2.5, 0.08);  // 800 draws: deviation 0.018
  EXPECT_NEAR(n[2], 0.25, 0.08);
}

TEST(TokenStream, DocumentIdsChangeExactlyAfterAnEnd) {
  TestFolder folder;
  const Corpus corpus = make_corpus(folder, {{3, 1, 9, 5, 0, 2}});
  TokenStream stream(corpus, {.seed = 4, .seq_len = 7, .weights = {}});
  std::vector<int32_t> tokens(8), ids(7);
  for (int step = 0; step < 40; ++step) {
    stream.next(tokens, ids);
    EXPECT_EQ(ids[0], 0);
    for (int i = 1; i < 7; ++i)
      EXPECT_EQ(ids[i], ids[i - 1] + (tokens[i - 1] == kEnd)) << step << " " << i;
  }
}

TEST(TokenStream, ACursorOfOtherDataIsRefused) {
  TestFolder folder;
  const Corpus corpus = make_corpus(folder, {{3, 1}});
  TokenStream stream(corpus, {.seed = 4, .seq_len = 7, .weights = {}});
  EXPECT_FALSE(stream.seek({.epoch = 0, .slot = 2, .offset = 0, .carry = 1}).ok());
  EXPECT_FALSE(stream.seek({.epoch = 0, .slot = 0, .offset = 4, .carry = 1}).ok());
  EXPECT_FALSE(stream.seek({.epoch = -1, .slot = 0, .offset = 0, .carry = 1}).ok());
  EXPECT_TRUE(stream.seek({.epoch = 3, .slot = 1, .offset = 1, .carry = 1}).ok());
}

TEST(ValidationSet, PredictsEachTokenButTheFirstOnceAndCountsItsBytes) {
  TestFolder folder;
  const ByteTokenizer tokenizer;
  ShardBuilder builder(2);
  const std::string texts[] = {"abc", "de", "fghijkl"};
  std::vector<int32_t> line;
  for (const std::string& text : texts) {
    std::vector<int32_t> ids;
    if (&text != &texts[0]) ids.push_back(tokenizer.bos_id());
    for (char c : text) ids.push_back(c);
    ids.push_back(tokenizer.eos_id());
    builder.add(ids);
    line.insert(line.end(), ids.begin(), ids.end());
  }
  ASSERT_TRUE(builder.write(folder.path() / "s", 1).ok());
  Corpus corpus;
  corpus.add(Shard::open(folder.path() / "s", 1, 261).value());
  corpus.end_source();

  const ValidationSet set(corpus, tokenizer, 5, 0);
  EXPECT_EQ(set.n_predictions(), 16);
  EXPECT_EQ(set.n_bytes(), 11);  // all but the first character
  ASSERT_EQ(set.n_windows(), 4);
  std::vector<int32_t> tokens(6), ids(5), targets;
  std::vector<float> weights(5);
  for (int64_t w = 0; w < 4; ++w) {
    set.window(w, tokens, ids, weights);
    for (int i = 0; i < 5; ++i) {
      if (weights[i] == 0) continue;
      EXPECT_EQ(tokens[i], line[5 * w + i]);
      targets.push_back(tokens[i + 1]);
      if (i == 0) continue;
      EXPECT_EQ(ids[i], ids[i - 1] + (tokens[i - 1] == tokenizer.eos_id()));
    }
  }
  EXPECT_EQ(targets, std::vector<int32_t>(line.begin() + 1, line.end()));

  const ValidationSet part(corpus, tokenizer, 5, 6);  // predicts b c </s> <s> d e
  EXPECT_EQ(part.n_predictions(), 6);
  EXPECT_EQ(part.n_windows(), 2);
  EXPECT_EQ(part.n_bytes(), 4);
}

TEST(ValidationSet, BitsPerByteOfAUniformByteModelAreEight) {
  EXPECT_DOUBLE_EQ(bits_per_byte(100 * std::log(256.0), 100), 8.0);
}

}  // namespace
}  // namespace fathom
