#include "cache/latent_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

namespace fathom {
namespace {

constexpr CacheShape kShape{.n_layers = 3, .entry_dim = 5, .dtype = DType::kF32};

float* entry(const SequenceCache& s, int64_t layer, int64_t t) {
  return static_cast<float*>(s.page(layer, t / kPageEntries)) + t % kPageEntries * kShape.entry_dim;
}

// What entry t of a layer holds is told by `mark`, t, the layer and the channel.
void append(SequenceCache& s, int64_t n, float mark) {
  const int64_t begin = s.length();
  s.grow(n);
  for (int64_t layer = 0; layer < kShape.n_layers; ++layer) {
    for (int64_t t = begin; t < begin + n; ++t) {
      for (int64_t d = 0; d < kShape.entry_dim; ++d) {
        entry(s, layer, t)[d] = mark + static_cast<float>(1000 * t + 10 * layer + d);
      }
    }
  }
}

// Entries [begin, end) are those of `mark`.
bool holds(const SequenceCache& s, int64_t begin, int64_t end, float mark) {
  for (int64_t layer = 0; layer < kShape.n_layers; ++layer) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t d = 0; d < kShape.entry_dim; ++d) {
        if (entry(s, layer, t)[d] != mark + static_cast<float>(1000 * t + 10 * layer + d)) {
          return false;
        }
      }
    }
  }
  return true;
}

// Everything after length() in the last page is zero.
bool zero_after_end(const SequenceCache& s) {
  for (int64_t layer = 0; layer < kShape.n_layers; ++layer) {
    for (int64_t t = s.length(); t < s.n_pages() * kPageEntries; ++t) {
      for (int64_t d = 0; d < kShape.entry_dim; ++d) {
        if (entry(s, layer, t)[d] != 0) return false;
      }
    }
  }
  return true;
}

TEST(LatentCache, TokenOfV3Takes70272BytesInBf16) {
  EXPECT_EQ((CacheShape{.n_layers = 61, .entry_dim = 512 + 64}).bytes_per_token(), 70272);
}

TEST(LatentCache, GrowsAcrossPagesAndKeepsWhatWasThere) {
  LatentCache cache(kShape);
  SequenceCache s(&cache);
  EXPECT_EQ(cache.bytes_allocated(), 0);
  for (int64_t n : {1, 62, 1, 1, 130, 61}) {
    append(s, n, 0.5f);
    EXPECT_EQ(s.n_pages(), (s.length() + kPageEntries - 1) / kPageEntries);
    EXPECT_TRUE(holds(s, 0, s.length(), 0.5f));
    EXPECT_TRUE(zero_after_end(s));
  }
  EXPECT_EQ(s.length(), 256);
  EXPECT_EQ(s.n_pages(), 4);
  EXPECT_EQ(s.bytes_used(), 256 * 3 * 5 * 4);
}

TEST(LatentCache, CountsBytesByPagesInUseAndReusesThem) {
  LatentCache cache(kShape);
  EXPECT_EQ(cache.page_bytes(), 64 * 3 * 5 * 4);
  {
    SequenceCache a(&cache), b(&cache);
    append(a, 100, 1);
    b.share_prefix(a, 64);  // one page, shared
    EXPECT_EQ(cache.bytes_in_use(), 2 * cache.page_bytes());
    append(b, 1, 2);
    EXPECT_EQ(cache.bytes_in_use(), 3 * cache.page_bytes());
    EXPECT_EQ(cache.bytes_allocated(), 3 * cache.page_bytes());
  }
  EXPECT_EQ(cache.bytes_in_use(), 0);
  EXPECT_EQ(cache.bytes_allocated(), 3 * cache.page_bytes());
  SequenceCache c(&cache);
  append(c, 3 * kPageEntries - 1, 3);
  EXPECT_EQ(cache.bytes_allocated(), 3 * cache.page_bytes());
  EXPECT_TRUE(holds(c, 0, c.length(), 3));
  EXPECT_TRUE(zero_after_end(c));  // the pages were full of others' entries
}

TEST(LatentCache, EntriesOfEveryLayerAreAligned) {
  LatentCache cache({.n_layers = 3, .entry_dim = 7, .dtype = DType::kBF16});
  SequenceCache s(&cache);
  s.grow(65);
  for (int64_t layer = 0; layer < 3; ++layer) {
    for (int64_t p = 0; p < 2; ++p)
      EXPECT_EQ(reinterpret_cast<uintptr_t>(s.page(layer, p)) % 64, 0u);
  }
}

TEST(LatentCache, TruncationZeroesWhatItDrops) {
  for (int64_t kept : {0, 1, 63, 64, 65, 100, 127, 128, 129, 150}) {
    LatentCache cache(kShape);
    SequenceCache s(&cache);
    append(s, 150, 7);
    s.truncate(kept);
    EXPECT_EQ(s.length(), kept);
    EXPECT_EQ(s.n_pages(), (kept + kPageEntries - 1) / kPageEntries);
    EXPECT_TRUE(holds(s, 0, kept, 7)) << kept;
    EXPECT_TRUE(zero_after_end(s)) << kept;
    append(s, 70, 9);
    EXPECT_TRUE(holds(s, 0, kept, 7)) << kept;
    EXPECT_TRUE(holds(s, kept, kept + 70, 9)) << kept;
  }
}

TEST(LatentCache, SharedPrefixIsNotChangedByEitherSide) {
  for (int64_t n : {0, 1, 63, 64, 65, 128, 140}) {
    LatentCache cache(kShape);
    SequenceCache a(&cache), b(&cache);
    append(a, 140, 1);
    append(b, 10, 5);  // is dropped
    b.share_prefix(a, n);
    EXPECT_EQ(b.length(), n);
    EXPECT_TRUE(holds(b, 0, n, 1));
    EXPECT_TRUE(zero_after_end(b));
    append(b, 100, 2);
    append(a, 100, 3);
    EXPECT_TRUE(holds(a, 0, 140, 1) && holds(a, 140, 240, 3)) << n;
    EXPECT_TRUE(holds(b, 0, n, 1) && holds(b, n, n + 100, 2)) << n;
  }
}

TEST(LatentCache, FullPagesOfAPrefixAreSharedNotCopied) {
  LatentCache cache(kShape);
  SequenceCache a(&cache), b(&cache);
  append(a, 130, 1);
  b.share_prefix(a, 130);
  EXPECT_EQ(a.page(0, 0), b.page(0, 0));
  EXPECT_EQ(a.page(0, 1), b.page(0, 1));
  EXPECT_NE(a.page(0, 2), b.page(0, 2));
}

TEST(LatentCache, TruncationInsideASharedPageLeavesTheOtherSequenceWhole) {
  LatentCache cache(kShape);
  SequenceCache a(&cache), b(&cache);
  append(a, 128, 1);
  b.share_prefix(a, 128);
  b.truncate(70);
  EXPECT_TRUE(holds(a, 0, 128, 1));
  EXPECT_TRUE(holds(b, 0, 70, 1));
  EXPECT_TRUE(zero_after_end(b));
  a.truncate(10);
  EXPECT_TRUE(holds(b, 0, 70, 1));
  EXPECT_TRUE(zero_after_end(a));
}

TEST(LatentCache, TruncationAtAPageBoundaryKeepsSharing) {
  LatentCache cache(kShape);
  SequenceCache a(&cache);
  append(a, 100, 1);
  SequenceCache b = a;
  b.truncate(64);
  EXPECT_EQ(a.page(0, 0), b.page(0, 0));
  EXPECT_EQ(cache.bytes_in_use(), 2 * cache.page_bytes());
}

TEST(LatentCache, ACopyGrowsIntoItsOwnPartialPage) {
  LatentCache cache(kShape);
  SequenceCache a(&cache);
  append(a, 70, 1);
  SequenceCache b = a;
  EXPECT_EQ(a.page(0, 1), b.page(0, 1));
  append(b, 5, 2);
  append(a, 3, 3);
  EXPECT_TRUE(holds(a, 0, 70, 1) && holds(a, 70, 73, 3) && zero_after_end(a));
  EXPECT_TRUE(holds(b, 0, 70, 1) && holds(b, 70, 75, 2) && zero_after_end(b));
  // The page a grew into is its own: b had copied, so a wrote where it was.
  EXPECT_NE(a.page(0, 1), b.page(0, 1));
  EXPECT_EQ(a.page(0, 0), b.page(0, 0));
}

TEST(LatentCache, AMovedFromSequenceIsEmpty) {
  LatentCache cache(kShape);
  SequenceCache a(&cache);
  append(a, 70, 1);
  SequenceCache b = std::move(a);
  EXPECT_EQ(a.length(), 0);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(a.n_pages(), 0);
  append(a, 2, 4);
  EXPECT_TRUE(holds(a, 0, 2, 4));
  EXPECT_TRUE(holds(b, 0, 70, 1));
}

TEST(LatentCache, SequencesOnManyThreadsShareOnePool) {
  LatentCache cache(kShape);
  SequenceCache prefix(&cache);
  append(prefix, 100, 1);
  std::vector<std::thread> threads;
  std::atomic<int> n_wrong{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        SequenceCache s = prefix;
        const float mark = static_cast<float>(1 + i) / 8;
        append(s, 60, mark);
        s.truncate(90);
        append(s, 64, mark);
        if (!holds(s, 0, 90, 1) || !holds(s, 90, 154, mark) || !zero_after_end(s)) ++n_wrong;
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(n_wrong.load(), 0);
  EXPECT_TRUE(holds(prefix, 0, 100, 1));
  EXPECT_EQ(cache.bytes_in_use(), 2 * cache.page_bytes());
}

}  // namespace
}  // namespace fathom
