// How long each limit is measured, and its names in JSON.
#include "cli/machine_limits.h"

#include <nlohmann/json.hpp>

#include "device/measure.h"

namespace fathom {

namespace {
constexpr double kSeconds = 0.5;
constexpr int64_t kBufferBytes = int64_t{1} << 30;
}  // namespace

void measure_peaks(MachineLimits& limits) {
  limits.peak_f32 = measure_peak_f32(kSeconds);
  limits.peak_bf16 = measure_peak_bf16(kSeconds);
}

void measure_bandwidth(MachineLimits& limits) {
  limits.read_4k = measure_read_bandwidth(PageSize::k4KiB, kBufferBytes, kSeconds);
  limits.read_2m = measure_read_bandwidth(PageSize::k2MiB, kBufferBytes, kSeconds);
}

nlohmann::ordered_json to_json(const MachineLimits& limits) {
  return {{"read_bytes_per_s_4k_pages", limits.read_4k},
          {"read_bytes_per_s_2m_pages", limits.read_2m},
          {"peak_flops_per_s_f32", limits.peak_f32},
          {"peak_flops_per_s_bf16", limits.peak_bf16}};
}

}  // namespace fathom
