// See query_memory_impl.h.
#include <sqlite3.h>

#include <mutex>

#include "base/check.h"
#include "toolbox/query_memory_impl.h"

namespace fathom {
namespace {

struct Budget {
  bool active = false, refused = false;
  int64_t used = 0, limit = 0;  // used falls below 0 where what was allocated before is freed
};
thread_local Budget budget;
sqlite3_mem_methods plain;

bool take(int64_t n_bytes) {
  if (!budget.active) return true;
  if (budget.used + n_bytes > budget.limit) {
    budget.refused = true;
    return false;
  }
  budget.used += n_bytes;
  return true;
}

void give(int64_t n_bytes) {
  if (budget.active) budget.used -= n_bytes;
}

void* allocate(int n_bytes) {
  if (!take(n_bytes)) return nullptr;
  void* p = plain.xMalloc(n_bytes);
  if (p == nullptr) give(n_bytes);
  // The block may be larger than what was asked for: free counts its size, so allocate must too.
  if (p != nullptr) give(n_bytes - plain.xSize(p));
  return p;
}

void release(void* p) {
  if (p != nullptr) give(plain.xSize(p));
  plain.xFree(p);
}

void* reallocate(void* p, int n_bytes) {
  const int64_t before = plain.xSize(p);
  if (n_bytes > before && !take(n_bytes - before)) return nullptr;
  void* q = plain.xRealloc(p, n_bytes);
  if (q == nullptr) {
    if (n_bytes > before) give(n_bytes - before);
    return nullptr;
  }
  const int64_t counted = n_bytes > before ? n_bytes : before;
  give(counted - plain.xSize(q));
  return q;
}

}  // namespace

void install_query_memory() {
  static std::once_flag once;
  std::call_once(once, [] {
    FATHOM_CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain) == SQLITE_OK);
    sqlite3_mem_methods counting = plain;
    counting.xMalloc = allocate;
    counting.xFree = release;
    counting.xRealloc = reallocate;
    FATHOM_CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &counting) == SQLITE_OK);
    // Its statistics take a lock of the whole process at each allocation, and nobody reads them.
    FATHOM_CHECK(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
    FATHOM_CHECK(sqlite3_initialize() == SQLITE_OK);
  });
}

QueryMemory::QueryMemory(int64_t limit_bytes) {
  FATHOM_CHECK(!budget.active);
  budget = {.active = true, .limit = limit_bytes};
}

QueryMemory::~QueryMemory() { budget.active = false; }

bool QueryMemory::refused() const { return budget.refused; }

}  // namespace fathom
