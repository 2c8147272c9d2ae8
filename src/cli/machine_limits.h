// What the machine can do, as fathom bench measures it in the same run as what it states shares of.
#pragma once

#include <algorithm>
#include <nlohmann/json_fwd.hpp>

#include "model/model.h"

namespace fathom {

struct MachineLimits {
  double read_4k = 0, read_2m = 0;     // bytes a second, from 4 KiB and from 2 MiB pages
  double peak_f32 = 0, peak_bf16 = 0;  // operations a second; peak_bf16 0: no such instruction
  /// The better of the two kinds of pages: a program may ask for either.
  double bandwidth() const { return read_4k > read_2m ? read_4k : read_2m; }
  /// Of the arithmetic that `compute` uses on this machine: bf16 is widened to f32 where that is faster.
  double peak(Compute compute) const {
    return compute == Compute::kBf16 ? std::max(peak_bf16, peak_f32) : peak_f32;
  }
};

/// About half a second for each of the two peaks.
void measure_peaks(MachineLimits& limits);
/// About a second, most of it to fill two buffers of 1 GiB one after the other: they count in
/// peak_rss_bytes() from now on.
void measure_bandwidth(MachineLimits& limits);

nlohmann::ordered_json to_json(const MachineLimits& limits);

}  // namespace fathom
