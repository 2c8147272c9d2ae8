#include "base/threads.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.h"

namespace fathom {
namespace {

thread_local int t_thread_idx = 0;
thread_local bool t_inside = false;

inline void cpu_relax() { __builtin_ia32_pause(); }

// Workers spin for a few microseconds after a job, since the next one of a decode step follows at once, then sleep.
// A job is over when its indices are done, whoever took them: a worker that comes late (on a busy machine the
// scheduler may hold it back for milliseconds) finds it closed and is not waited for.
class Pool {
 public:
  explicit Pool(int n) : n_threads_(n) {
    for (int i = 1; i < n; ++i) workers_.emplace_back([this, i] { work(i); });
  }
  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      epoch_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    for (auto& w : workers_) w.join();
  }
  int size() const { return n_threads_; }

  void run(int64_t n, const std::function<void(int64_t)>& fn) {
    std::lock_guard turn(turn_);
    fn_ = &fn;
    n_ = n;
    next_.store(0, std::memory_order_relaxed);
    open_.store(true);
    {
      std::lock_guard lock(mutex_);
      epoch_.fetch_add(1, std::memory_order_release);
    }
    if (sleepers_.load(std::memory_order_acquire) > 0) wake_.notify_all();
    drain();
    // Sequentially consistent, as in join(): either the worker sees the job closed or this sees the worker.
    open_.store(false);
    for (int spins = 0; n_joined_.load() != 0; ++spins) {
      if (spins < kSpins) {
        cpu_relax();
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  static constexpr int kSpins = 4000;

  void drain() {
    t_inside = true;
    for (;;) {
      const int64_t i = next_.fetch_add(1, std::memory_order_relaxed);
      if (i >= n_) break;
      (*fn_)(i);
    }
    t_inside = false;
  }

  void work(int idx) {
    t_thread_idx = idx;
    uint64_t seen = 0;
    for (;;) {
      for (int spins = 0; spins < kSpins && epoch_.load(std::memory_order_acquire) == seen; ++spins) {
        cpu_relax();
      }
      if (epoch_.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1, std::memory_order_acq_rel);
        wake_.wait(lock, [&] { return epoch_.load(std::memory_order_acquire) != seen; });
        sleepers_.fetch_sub(1, std::memory_order_acq_rel);
      }
      seen = epoch_.load(std::memory_order_acquire);
      if (stop_) return;
      join();
    }
  }

  // Takes part in the job that is open, if one is. fn_ and n_ are read only between the two counts.
  void join() {
    n_joined_.fetch_add(1);
    if (open_.load()) drain();
    n_joined_.fetch_sub(1);
  }

  const int n_threads_;
  std::mutex turn_, mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> epoch_{0};
  std::atomic<int> sleepers_{0}, n_joined_{0};
  std::atomic<bool> open_{false};
  std::atomic<int64_t> next_{0};
  const std::function<void(int64_t)>* fn_ = nullptr;
  int64_t n_ = 0;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

std::mutex g_pool_mutex;
std::unique_ptr<Pool> g_pool;

Pool& pool() {
  std::lock_guard lock(g_pool_mutex);
  if (!g_pool) g_pool = std::make_unique<Pool>(available_threads());
  return *g_pool;
}

}  // namespace

int available_threads() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

void set_num_threads(int n) {
  FATHOM_CHECK(n >= 1);
  std::lock_guard lock(g_pool_mutex);
  if (g_pool && g_pool->size() == n) return;
  g_pool.reset();
  g_pool = std::make_unique<Pool>(n);
}

int num_threads() { return pool().size(); }

int thread_idx() { return t_thread_idx; }

void parallel_for(int64_t n, const std::function<void(int64_t)>& fn) {
  if (n <= 0) return;
  if (t_inside || n == 1) {
    for (int64_t i = 0; i < n; ++i) fn(i);
    return;
  }
  Pool& p = pool();
  if (p.size() == 1) {
    for (int64_t i = 0; i < n; ++i) fn(i);
    return;
  }
  p.run(n, fn);
}

void parallel_ranges(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& fn) {
  FATHOM_CHECK(grain >= 1);
  parallel_for((n + grain - 1) / grain, [&](int64_t i) { fn(i * grain, std::min(n, (i + 1) * grain)); });
}

}  // namespace fathom
