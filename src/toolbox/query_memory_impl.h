// How much memory one query holds. SQLite's own limit (sqlite3_hard_heap_limit64) is one for the
// whole process, so that queries on several threads would take each other's share, and in what
// order decides which one fails. Here SQLite's allocator is wrapped once, and counts per thread,
// since a query runs on one thread: past its limit, an allocation is refused, which SQLite answers
// with SQLITE_NOMEM and an intact database.
#pragma once

#include <cstdint>

namespace fathom {

/// Wraps SQLite's allocator. Requires: SQLite was not used before the first call.
/// Thread-safe: does it once.
void install_query_memory();

/// While it lives, what this thread allocates through SQLite is held to `limit` bytes more than at
/// its start. Requires: one at a time on a thread.
class QueryMemory {
 public:
  explicit QueryMemory(int64_t limit_bytes);
  ~QueryMemory();
  QueryMemory(const QueryMemory&) = delete;
  QueryMemory& operator=(const QueryMemory&) = delete;
  bool refused() const;  // an allocation was
};

}  // namespace fathom
