// One pool of threads for everything fathom computes. parallel_for shares out indices; a task's result must not depend on which
// thread takes it or how many threads there are (docs/numerics.md), so work is split over outputs and never over a sum.
#pragma once

#include <cstdint>
#include <functional>

namespace fathom {

/// Sets how many threads parallel_for uses from now on, the caller's included. Requires: n >= 1, no parallel_for under way.
void set_num_threads(int n);
int num_threads();
/// The machine's processors that this process may run on.
int available_threads();

/// Calls fn(i) once for each i in [0, n), on the pool and on the calling thread, and returns when all are done.
/// Indices are taken one at a time, in order. Inside fn, parallel_for runs its loop in place, on the thread that called it.
/// Thread-safe: calls from several threads take turns. Requires: fn throws nothing.
void parallel_for(int64_t n, const std::function<void(int64_t)>& fn);

/// Cuts [0, n) into pieces of `grain` (the last may be shorter) and calls fn(begin, end) for each, like parallel_for.
void parallel_ranges(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& fn);

/// Index of the calling thread in [0, num_threads()): 0 outside a parallel_for. Chooses scratch memory, never results.
int thread_idx();

}  // namespace fathom
