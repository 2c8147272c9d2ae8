// The plan of a training run: from a config, a machine and phases to FLOPs, memory, traffic, time,
// energy and money. Time comes, in this order, from what is known of a phase: its device-hours, its
// throughput, its MFU; where none is, from a roofline of the layout. The formulas with their
// sources are in docs/cost.md, "The planner".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cost/machine.h"
#include "cost/moe_traffic.h"
#include "cost/parallelism.h"
#include "cost/training_flops.h"
#include "cost/training_memory.h"

namespace fathom {

/// A stretch of a run at one context length. At least one of tokens and device_hours is known.
struct TrainingPhase {
  std::string name = "training";
  double tokens = 0;           // 0: not known
  int64_t context_length = 0;  // 0: the input's
  std::optional<Range> device_hours;
  std::optional<Range> tokens_per_s;  // of the whole machine
  std::optional<Range> mfu;           // of the machine's peak in the input's precision
};

/// "NAME: key=value, ...": tokens, context, hours (device-hours), hours-per-T (device-hours for
/// each trillion tokens), devices and duration (which multiply to device-hours), throughput, mfu.
Result<TrainingPhase> parse_phase(std::string_view text, const std::string& where);

/// "14.8T" or "14.8T tokens": 1 to `most`.
Result<double> parse_tokens(std::string_view text, const std::string& where, double most = 1e18);

struct TrainingInput {
  std::string precision = {};  // of the matrix products; empty: bf16, or f32 where there is no
                               // other. The attention core, router and head stay bf16 beside fp8
  int64_t context_length = 4096;
  FlopsDefinition definition = FlopsDefinition::kCausal;
  Recompute recompute = Recompute::kNone;
  PipelineSchedule schedule = PipelineSchedule::k1F1B;
  Parallelism parallelism = {};
  StateBytes state = {};
  int64_t micro_batch = 1;      // sequences
  int64_t batch_sequences = 0;  // a step; 0: 4 micro-batches for each pipeline stage
  /// Roofline: share of its limits that the machine reaches; none: the machine's, or
  /// usual_efficiency.
  std::optional<Range> efficiency = {};
  Range effective_time = Range::exactly(1.0);  // share of the time that is not lost to failures
  std::vector<TrainingPhase> phases = {};
};

struct PhasePlan {
  std::string name;
  double tokens = 0;
  TrainingFlops flops;
  double total_flop = 0;  // model FLOPs, all tokens
  Range tokens_per_s;     // of the machine while it works
  Range seconds;          // on all of the machine's devices, lost time included
  Range device_hours;
  std::optional<Range> step_seconds;
  std::optional<Range> flops_per_s;  // model FLOPs per second and device, lost time included
  std::optional<Range> mfu;          // of the peak; low goes with the most hours
  std::string time_from;             // "device-hours as given", "throughput as given", ...
};

/// One step of the roofline, seconds on each device.
struct StepTimes {
  double compute = 0, traffic = 0, bubble = 0, gradients = 0, optimizer = 0, total = 0;
  double bubble_share = 0;
};

struct TrainingPlan {
  ParameterCount parameters;
  int64_t kv_bytes_per_token = 0;
  double peak_flops = 0;  // of one device
  std::string precision;
  Parallelism parallelism = {};
  PipelineSchedule schedule = PipelineSchedule::k1F1B;
  int64_t batch_sequences = 0, micro_batches = 0;
  DeviceMemory memory;
  std::optional<bool> fits;  // where the machine's memory is known
  MoeTraffic traffic;        // bytes a token of one forward pass
  double bubble_share = 0;   // of a step, by counting chunks alone: F = 1, B = 2, W = 1, F&B = 3
  std::optional<StepTimes> slow, fast;  // the roofline's two ends, of the first phase that has one
  std::vector<PhasePlan> phases;
  double tokens = 0, total_flop = 0;
  RunCost cost;
};

/// Errors: no peak for the precision, a layout that does not divide, a bandwidth that the roofline
/// needs, a phase with neither tokens nor hours.
Result<TrainingPlan> plan_training(const ModelConfig& config, const Machine& machine,
                                   const TrainingInput& input);

/// The roofline of one step at one share of the machine's limits. overlap: what the network sends
/// hides behind the computation. Requires: check_bandwidths, a layout from plan_training.
StepTimes roofline_step(const ModelConfig& config, const Machine& machine,
                        const TrainingInput& input, const TrainingPlan& layout,
                        const TrainingFlops& flops, double efficiency, bool overlap);

}  // namespace fathom
