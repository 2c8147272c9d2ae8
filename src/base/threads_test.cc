#include "base/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

namespace fathom {
namespace {

TEST(Threads, EveryIndexIsTakenOnceForEveryThreadCount) {
  for (int n : {1, 2, 3, 5}) {
    set_num_threads(n);
    for (int64_t work : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> hits(work);
      parallel_for(work, [&](int64_t i) { hits[i]++; });
      for (auto& h : hits) EXPECT_EQ(h.load(), 1);
    }
  }
}

TEST(Threads, ANestedLoopRunsInPlace) {
  set_num_threads(3);
  std::atomic<int> total{0};
  parallel_for(8, [&](int64_t) {
    const int mine = thread_idx();
    parallel_for(5, [&](int64_t) {
      EXPECT_EQ(thread_idx(), mine);
      total++;
    });
  });
  EXPECT_EQ(total.load(), 40);
}

TEST(Threads, RangesCoverWithoutOverlap) {
  set_num_threads(2);
  std::vector<int> hits(103, 0);
  parallel_ranges(103, 10, [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) hits[i]++;
  });
  EXPECT_EQ(std::accumulate(hits.begin(), hits.end(), 0), 103);
}

TEST(Threads, AJobLeavesNothingBehindForWorkersThatComeLate) {
  // More threads than processors, and jobs over at once: workers reach most of them after their end. Each job's
  // function and its counter are gone by then.
  set_num_threads(8);
  for (int job = 0; job < 3000; ++job) {
    const int64_t n = 2 + job % 3;
    auto hits = std::make_unique<std::atomic<int64_t>>(0);
    parallel_for(n, [&hits](int64_t i) { hits->fetch_add(i + 1); });
    EXPECT_EQ(hits->load(), n * (n + 1) / 2);
  }
}

TEST(Threads, CallersFromSeveralThreadsTakeTurns) {
  set_num_threads(2);
  std::atomic<int> total{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int r = 0; r < 200; ++r) parallel_for(3, [&](int64_t) { total++; });
    });
  }
  for (auto& c : callers) c.join();
  EXPECT_EQ(total.load(), 4 * 200 * 3);
}

}  // namespace
}  // namespace fathom
