// How rows are shared among threads. Rows are independent, so the split never shows in the results.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fathom {

/// Rows per task so that a task has at least 32768 elements (some 5 µs of a memory-bound
/// operation): a decode step stays on its thread.
inline int64_t row_grain(int64_t elements_per_row) {
  return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, elements_per_row));
}

}  // namespace fathom
