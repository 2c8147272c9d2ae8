// What this machine can do at most, measured: read bandwidth of memory and peak multiply-add rates,
// on the threads of the pool (base/threads.h). `fathom bench` states every speed as a share of
// these.
#pragma once

#include <cstdint>

namespace fathom {

enum class PageSize { k4KiB, k2MiB };

/// Bytes a second that all threads together read from a buffer of n_bytes (to be well above the
/// last-level cache), each thread 8 streams of 64-byte loads; the median of passes over about
/// `seconds`. 2 MiB pages are asked for by madvise: where the system has none to give, this is the
/// rate of what it gave. Requires: n_bytes >= 16 MiB. Returns 0 where the memory cannot be had.
double measure_read_bandwidth(PageSize page_size, int64_t n_bytes, double seconds);

/// Floating-point operations a second (a multiply-add is two) of independent chains of vector
/// multiply-adds in registers; the median of passes over about `seconds`.
double measure_peak_f32(double seconds);
/// The same for the bf16 dot product into f32 (VDPBF16PS); 0 where the instruction set in use has
/// none.
double measure_peak_bf16(double seconds);

}  // namespace fathom
