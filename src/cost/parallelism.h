// How a model is laid over devices: data, expert, pipeline and tensor parallelism and ZeRO, and
// what must divide what.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "config/model_config.h"
#include "cost/pipeline.h"

namespace fathom {

/// devices = dp x pp x tp. Routed experts are spread over ep of the dp ranks; the rest of a layer
/// is the same on all dp ranks. ZeRO: 1 shares masters and moments out over dp (an expert's over dp
/// / ep), 2 the gradients too, 3 the weights too.
struct Parallelism {
  int64_t dp = 0;  // 0: what is left of the devices
  int64_t ep = 1, pp = 1, tp = 1;
  int64_t zero = 1;
  bool operator==(const Parallelism&) const = default;
};

/// "pp=16,ep=64,zero=1" in any order. Error: `where`, the key and what it may be.
Result<Parallelism> parse_parallelism(std::string_view text, const std::string& where);
/// Fills dp in and checks that all of it fits the devices, the model and the schedule.
Result<Parallelism> resolve(Parallelism p, int64_t devices, const ModelConfig& config,
                            PipelineSchedule schedule);
/// "dp 128 · ep 64 · pp 16 · ZeRO-1"
std::string to_text(const Parallelism& p);

}  // namespace fathom
