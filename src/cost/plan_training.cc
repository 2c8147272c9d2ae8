#include "cost/plan_training.h"

#include <fmt/format.h>

#include <algorithm>

#include "cost/units.h"

namespace fathom {
namespace {

Status lay_out(TrainingPlan& plan, const ModelConfig& c, const Machine& m,
               const TrainingInput& in) {
  plan.precision = in.precision.empty() ? usual_precision(m, "bf16") : in.precision;
  FATHOM_ASSIGN_OR_RETURN(plan.peak_flops, peak_of(m, plan.precision));
  FATHOM_ASSIGN_OR_RETURN(plan.parallelism, resolve(in.parallelism, m.devices, c, in.schedule));
  plan.schedule = in.schedule;
  const int64_t together = plan.parallelism.dp * in.micro_batch;
  plan.batch_sequences =
      in.batch_sequences > 0 ? in.batch_sequences : together * 4 * plan.parallelism.pp;
  if (plan.batch_sequences % together != 0) {
    return Status::error(
        fmt::format("batch: a multiple of dp x micro-batch = {} sequences wanted, {} found",
                    together, plan.batch_sequences));
  }
  plan.micro_batches = plan.batch_sequences / together;
  return {};
}

void count_memory(TrainingPlan& plan, const ModelConfig& c, const Machine& m,
                  const TrainingInput& in) {
  plan.memory = training_memory(c, {.parallelism = plan.parallelism,
                                    .schedule = in.schedule,
                                    .recompute = in.recompute,
                                    .state = in.state,
                                    .fp8_activations = plan.precision == "fp8",
                                    .micro_batch_tokens = in.micro_batch * in.context_length,
                                    .micro_batches = plan.micro_batches});
  if (m.memory_bytes > 0) plan.fits = plan.memory.total() <= m.memory_bytes;
}

void count_traffic(TrainingPlan& plan, const ModelConfig& c, const Machine& m,
                   const TrainingInput& in) {
  plan.traffic =
      moe_traffic(c, plan.parallelism, m.devices_per_node, plan.precision == "fp8" ? 1 : 2, 2);
  const ChunkTimes chunk = {.forward = 1, .backward = 2, .backward_weights = 1, .overlapped = 3};
  const double bubble = bubble_time(in.schedule, plan.parallelism.pp, chunk);
  plan.bubble_share = bubble / (bubble + 3 * static_cast<double>(plan.micro_batches));
}

/// Seconds on the whole machine from its hours, and what follows from them where tokens are known.
void from_device_hours(PhasePlan& phase, const Range& device_hours, const Machine& m) {
  const double devices = static_cast<double>(m.devices);
  phase.device_hours = device_hours;
  phase.seconds = device_hours * (kSecondsPerHour / devices);
  if (phase.tokens <= 0) return;
  phase.tokens_per_s = Range::exactly(phase.tokens) / phase.seconds;
}

void from_tokens_per_s(PhasePlan& phase, const Range& tokens_per_s, const Machine& m,
                       const TrainingInput& in) {
  phase.tokens_per_s = tokens_per_s;
  phase.seconds = Range::exactly(phase.tokens) / (tokens_per_s * in.effective_time);
  phase.device_hours = phase.seconds * (static_cast<double>(m.devices) / kSecondsPerHour);
}

double batch_tokens(const TrainingPlan& plan, const PhasePlan& phase) {
  return static_cast<double>(plan.batch_sequences) *
         static_cast<double>(phase.flops.context_length);
}

Status from_roofline(PhasePlan& phase, TrainingPlan& plan, const ModelConfig& c, const Machine& m,
                     const TrainingInput& in) {
  FATHOM_RETURN_IF_ERROR(check_bandwidths(m, "the roofline (an MFU or a throughput does without)"));
  const auto step = [&](double efficiency, bool overlap) {
    return roofline_step(c, m, in, plan, phase.flops, efficiency, overlap);
  };
  const Range usual = m.efficiency.value_or(usual_efficiency(plan.precision));
  const Range share = in.efficiency.value_or(usual);
  const StepTimes fast = step(share.high, true), slow = step(share.low, false);
  const double batch = batch_tokens(plan, phase);
  const double mid = step(share.mid, false).total;
  from_tokens_per_s(phase, {batch / slow.total, batch / mid, batch / fast.total}, m, in);
  if (!plan.fast) plan.fast = fast, plan.slow = slow;
  phase.time_from = "roofline";
  return {};
}

/// What the hours mean for the devices: model FLOPs a second, and of the peak.
void rate_devices(PhasePlan& phase, const TrainingPlan& plan, const Machine& m) {
  if (phase.tokens <= 0) return;
  const double flop = phase.total_flop / static_cast<double>(m.devices);
  phase.flops_per_s = Range::exactly(flop) / phase.seconds;
  phase.mfu = *phase.flops_per_s * (1 / plan.peak_flops);
  const double batch = batch_tokens(plan, phase);
  phase.step_seconds = Range::exactly(batch) / phase.tokens_per_s;
}

Result<PhasePlan> plan_phase(TrainingPlan& plan, const TrainingPhase& wanted, const ModelConfig& c,
                             const Machine& m, const TrainingInput& in) {
  PhasePlan phase;
  phase.name = wanted.name;
  phase.tokens = wanted.tokens;
  const int64_t context = wanted.context_length > 0 ? wanted.context_length : in.context_length;
  phase.flops = training_flops(c, context, in.definition, in.recompute);
  phase.total_flop = phase.tokens * phase.flops.model;
  if (wanted.device_hours) {
    from_device_hours(phase, *wanted.device_hours, m);
    phase.time_from = "device-hours as given";
  } else if (wanted.tokens <= 0) {
    return Status::error(
        fmt::format("phase {}: tokens or device-hours wanted, neither found", wanted.name));
  } else if (wanted.tokens_per_s) {
    from_tokens_per_s(phase, *wanted.tokens_per_s, m, in);
    phase.time_from = "throughput as given";
  } else if (wanted.mfu) {
    const double all = plan.peak_flops * static_cast<double>(m.devices) / phase.flops.model;
    from_tokens_per_s(phase, *wanted.mfu * all, m, in);
    phase.time_from = "MFU as given";
  } else {
    FATHOM_RETURN_IF_ERROR(from_roofline(phase, plan, c, m, in));
  }
  rate_devices(phase, plan, m);
  return phase;
}

}  // namespace

Result<TrainingPlan> plan_training(const ModelConfig& config, const Machine& machine,
                                   const TrainingInput& input) {
  TrainingPlan plan;
  plan.parameters = count_parameters(config);
  plan.kv_bytes_per_token = cache_bytes_per_token(config);
  FATHOM_RETURN_IF_ERROR(lay_out(plan, config, machine, input));
  count_memory(plan, config, machine, input);
  count_traffic(plan, config, machine, input);
  Range device_hours;
  for (const TrainingPhase& wanted : input.phases) {
    FATHOM_ASSIGN_OR_RETURN(PhasePlan phase, plan_phase(plan, wanted, config, machine, input));
    device_hours = device_hours + phase.device_hours;
    plan.tokens += phase.tokens;
    plan.total_flop += phase.total_flop;
    plan.phases.push_back(std::move(phase));
  }
  plan.cost = cost_of(machine, device_hours);
  return plan;
}

}  // namespace fathom
