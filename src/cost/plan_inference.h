// The plan of running a model: what fits into a machine, prefill and decode speed by the roofline,
// and money for a million tokens in and out. One replica is spread over all of the machine's
// devices. Formulas: docs/cost.md, "The planner".
#pragma once

#include <optional>
#include <string>

#include "cost/flops.h"
#include "cost/machine.h"
#include "cost/weight_formats.h"

namespace fathom {

struct InferenceInput {
  std::string format = "bf16";        // of the weights
  std::string precision = {};         // of the products; empty: the format's
  std::string cache_format = "bf16";  // or "fp8"
  int64_t batch = 1;                  // sequences at once, in all
  int64_t context_length = 4096;      // entries that a decoded token attends to, in the mean
  int64_t prompt_length = 0;          // 0: the context
  double cache_hit = 0;               // share of input tokens whose entries are there already
  /// Ranks that share each non-expert matrix; 0: 1 where there is MLA with experts (every device
  /// holds attention whole, as DeepSeek serves), else all of the devices.
  int64_t tp = 0;
  double mtp_acceptance = -1;  // of the drafted second token; negative: no drafting
  /// Share of the machine's limits that the engine reaches; none: the machine's, or
  /// usual_efficiency of its peak and 40% to 80% of its bandwidths.
  std::optional<Range> efficiency = {};
  double memory_share = 0.9;  // of a device's memory, for weights and cache
  std::optional<Range> input_tokens_per_s = {},
                       output_tokens_per_s = {};               // of the machine: known speeds,
                                                               // input with its cache hits
  double input_tokens_per_day = 0, output_tokens_per_day = 0;  // traffic to be served
};

/// A pass over the model on each device: what bounds it.
struct PassTimes {
  double compute = 0, memory = 0, network = 0;  // seconds at full limits
};

struct InferencePlan {
  ParameterCount parameters;
  WeightBytes weights;
  std::string precision;  // of the machine's peak
  int64_t tp = 1;
  int64_t kv_bytes_per_token = 0;
  double bytes_per_sequence = 0;  // cache, at the context
  double device_weight_bytes = 0;
  std::optional<double> cache_room;      // bytes on the machine for entries; negative: does not fit
  std::optional<int64_t> max_sequences;  // at the context
  int64_t least_devices = 0;    // of this kind that hold the weights and one sequence; 0: unknown
  FlopsPerToken prefill_flops;  // a prompt token that misses the cache, the mean
  FlopsPerToken decode_flops;   // an output token at the context
  double decode_bytes = 0;      // that one decode step reads, all devices together
  PassTimes prefill, decode;
  bool from_roofline = true;  // false: speeds as given
  Range input_tokens_per_s;   // of the machine when it does nothing else, cache hits among them
  Range output_tokens_per_s;
  Range seconds_per_step;  // decode
  std::optional<Range> usd_per_mtok_in, usd_per_mtok_in_miss, usd_per_mtok_out;
  std::optional<Range> usd_per_hour;  // of the machine
  std::string basis;
  /// Of the traffic: machines busy in the mean, and a day's money.
  std::optional<Range> machines, usd_per_day;
  RunCost day;
};

/// Errors: no peak or no bandwidth where the roofline needs them, shares out of range, a format
/// that there is not, tp that does not divide the devices.
Result<InferencePlan> plan_inference(const ModelConfig& config, const Machine& machine,
                                     const InferenceInput& input);

/// FLOPs of one token that is decoded over `context` entries. MLA works in absorbed form: each head
/// scores kv_lora_rank + qk_rope_head_dim numbers an entry and sums kv_lora_rank of them. Source:
/// DeepSeek-V2 §2.1.2. mtp: over one entry.
FlopsPerToken decode_flops(const ModelConfig& config, int64_t context);

}  // namespace fathom
