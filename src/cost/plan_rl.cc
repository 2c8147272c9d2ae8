#include "cost/plan_rl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace fathom {
namespace {

/// One corner of the ranges: fast engines with short outputs, or slow ones with long outputs.
enum class Corner { kFast, kMid, kSlow };

double long_of(const Range& r, Corner c) {
  return c == Corner::kFast ? r.low : c == Corner::kMid ? r.mid : r.high;
}
double swift_of(const Range& r, Corner c) {
  return c == Corner::kFast ? r.high : c == Corner::kMid ? r.mid : r.low;
}

struct Seconds {
  double rollout = 0, tail = 0, logp = 0, update = 0;
};

/// The fewest whole nodes whose memory holds the weights and a sequence, and that divide the
/// machine.
Result<int64_t> replica_size(const ModelConfig& c, const Machine& m, const RlInput& in,
                             InferenceInput at) {
  if (in.rollout_devices > 0) {
    if (m.devices % in.rollout_devices == 0) return in.rollout_devices;
    return Status::error(fmt::format("rollout-devices: a divisor of {} devices wanted, {} found",
                                     m.devices, in.rollout_devices));
  }
  const int64_t node = std::min(m.devices, m.devices_per_node);
  for (int64_t n = m.devices % node == 0 ? node : m.devices; n <= m.devices; n += node) {
    if (m.devices % n != 0) continue;
    Machine replica = m;
    replica.devices = n;
    FATHOM_ASSIGN_OR_RETURN(const InferencePlan plan, plan_inference(c, replica, at));
    if (!plan.max_sequences || *plan.max_sequences >= 1) return n;
  }
  return Status::error(
      fmt::format("{}: memory for the weights in {} and a sequence of {} tokens wanted, {} devices "
                  "do not have it",
                  m.name, at.format, at.context_length, m.devices));
}

/// Sequences at once on a replica: as given, else its share of the round, or what its memory holds
/// of that.
Result<int64_t> rollout_batch(const ModelConfig& c, const Machine& replica, InferenceInput at,
                              double outputs) {
  if (at.batch > 0) return at.batch;
  at.batch = 1;
  FATHOM_ASSIGN_OR_RETURN(const InferencePlan plan, plan_inference(c, replica, at));
  const auto all = static_cast<int64_t>(std::ceil(std::min(outputs, 1e12)));
  return std::clamp<int64_t>(plan.max_sequences.value_or(all), 1, all);
}

/// The rollouts of one round on one replica: the work at full batch, and the wait for the longest.
Status rollout_seconds(Seconds& s, const ModelConfig& c, const Machine& replica, const RlInput& in,
                       double outputs, Corner corner) {
  const double mean = long_of(in.output_length, corner);
  const double longest = in.longest_output > 0 ? std::max(in.longest_output, mean) : 3 * mean;
  InferenceInput at = in.rollout;
  at.prompt_length = static_cast<int64_t>(in.prompt_length);
  at.context_length = static_cast<int64_t>(in.prompt_length + mean / 2);
  FATHOM_ASSIGN_OR_RETURN(at.batch, rollout_batch(c, replica, at, outputs));
  FATHOM_ASSIGN_OR_RETURN(const InferencePlan full, plan_inference(c, replica, at));
  // The last sequences run with few beside them: one for each group of ranks.
  at.batch = std::max<int64_t>(1, replica.devices / full.tp);
  at.context_length = static_cast<int64_t>(in.prompt_length + longest / 2);
  FATHOM_ASSIGN_OR_RETURN(const InferencePlan alone, plan_inference(c, replica, at));
  const double prefill = outputs / static_cast<double>(in.group) * in.prompt_length /
                         swift_of(full.input_tokens_per_s, corner);
  s.rollout = prefill + outputs * mean / swift_of(full.output_tokens_per_s, corner);
  const double token = swift_of(alone.output_tokens_per_s, corner) / static_cast<double>(at.batch);
  // Slow: the longest begins among the last. Otherwise it runs from the start beside the others.
  s.tail = corner == Corner::kSlow ? (longest - mean) / token
                                   : std::max(0.0, longest / token - s.rollout);
  return {};
}

struct StepFlop {
  double rollout = 0, pass = 0, update = 0;
};

StepFlop step_flop(const ModelConfig& c, const RlInput& in, double mean) {
  const double outputs = static_cast<double>(in.prompts * in.group), prompt = in.prompt_length;
  const FlopsPerToken all =
      forward_flops(c, std::max<int64_t>(1, static_cast<int64_t>(prompt + mean)));
  const double decode = decode_flops(c, static_cast<int64_t>(prompt + mean / 2)).total;
  const double prefill = forward_flops(c, std::max<int64_t>(1, static_cast<int64_t>(prompt))).total;
  StepFlop f;
  f.rollout = outputs * mean * decode + static_cast<double>(in.prompts) * prompt * prefill;
  f.pass = outputs * (prompt + mean) * all.total;
  f.update = 3 * f.pass * static_cast<double>(in.inner_epochs);
  return f;
}

Result<Seconds> seconds_at(const ModelConfig& c, const Machine& m, const RlInput& in,
                           int64_t rollout_devices, double peak, Corner corner) {
  Machine replica = m;
  replica.devices = rollout_devices;
  const double replicas = static_cast<double>(m.devices / rollout_devices);
  const double outputs = static_cast<double>(in.prompts * in.group) *
                         static_cast<double>(in.steps_per_round) / replicas;
  Seconds s;
  FATHOM_RETURN_IF_ERROR(rollout_seconds(s, c, replica, in, outputs, corner));
  s.rollout /= static_cast<double>(in.steps_per_round);
  s.tail /= static_cast<double>(in.steps_per_round);
  const StepFlop f = step_flop(c, in, long_of(in.output_length, corner));
  const double flops = peak * static_cast<double>(m.devices) * swift_of(in.mfu, corner);
  s.logp = f.pass / flops;
  s.update = f.update / flops;
  return s;
}

Status check(const RlInput& in) {
  if (in.other_idle.high >= 1) {
    return Status::error(
        fmt::format("idle: 0% to below 100% wanted, {:.4g}% found", 100 * in.other_idle.high));
  }
  if (!(in.mfu.low > 0 && in.mfu.high <= 1)) {
    return Status::error("mfu: more than 0% and at most 100% wanted");
  }
  constexpr double kMostTokens = 1e11;  // lengths stay far below int64's end
  if (!(in.output_length.low >= 1 && in.output_length.high <= kMostTokens &&
        in.longest_output <= kMostTokens)) {
    return Status::error("output, longest: 1 to 1e11 tokens wanted");
  }
  return {};
}

void add(RlPlan& plan, const Machine& m, std::string name, double flop, const Range& seconds) {
  const double hours = static_cast<double>(m.devices * plan.steps) / 3600;
  plan.parts.push_back({std::move(name), flop, seconds, seconds * hours});
  plan.seconds_per_step = plan.seconds_per_step + seconds;
}

/// The three corners as one range; where a longer wait goes with shorter work they are put in
/// order.
Range ordered(double a, double b, double c) {
  double x[] = {a, b, c};
  std::sort(std::begin(x), std::end(x));
  return {x[0], x[1], x[2]};
}

struct Corners {
  Seconds fast, mid, slow;
  Range of(double Seconds::*part) const { return ordered(fast.*part, mid.*part, slow.*part); }
};

Result<Corners> corners_of(const ModelConfig& c, const Machine& m, const RlInput& in,
                           int64_t rollout_devices) {
  const std::string precision = in.precision.empty() ? usual_precision(m, "bf16") : in.precision;
  FATHOM_ASSIGN_OR_RETURN(const double peak, peak_of(m, precision));
  Corners corners;
  const auto at = [&](Corner x) { return seconds_at(c, m, in, rollout_devices, peak, x); };
  FATHOM_ASSIGN_OR_RETURN(corners.fast, at(Corner::kFast));
  FATHOM_ASSIGN_OR_RETURN(corners.mid, at(Corner::kMid));
  FATHOM_ASSIGN_OR_RETURN(corners.slow, at(Corner::kSlow));
  return corners;
}

void add_parts(RlPlan& plan, const ModelConfig& c, const Machine& m, const RlInput& in,
               const Corners& seconds) {
  const StepFlop flop = step_flop(c, in, in.output_length.mid);
  plan.flops_per_token =
      flop.update / static_cast<double>(in.inner_epochs) / plan.tokens_per_step.mid;
  add(plan, m, "rollout", flop.rollout, seconds.of(&Seconds::rollout));
  add(plan, m, "rollout tail", 0, seconds.of(&Seconds::tail));
  if (in.logp_old) add(plan, m, "logp_old", flop.pass, seconds.of(&Seconds::logp));
  if (in.logp_ref) add(plan, m, "logp_ref", flop.pass, seconds.of(&Seconds::logp));
  add(plan, m, "update", flop.update, seconds.of(&Seconds::update));
  const Range work = plan.seconds_per_step, share = in.other_idle;
  add(plan, m, "idle", 0,
      {work.low * share.low / (1 - share.low), work.mid * share.mid / (1 - share.mid),
       work.high * share.high / (1 - share.high)});
}

Range waiting_share(const RlPlan& plan) {
  const auto at = [&](double Range::*end) {
    return (plan.parts[1].seconds.*end + plan.parts.back().seconds.*end) /
           (plan.seconds_per_step.*end);
  };
  return ordered(at(&Range::low), at(&Range::mid), at(&Range::high));
}

}  // namespace

Result<RlPlan> plan_rl(const ModelConfig& config, const Machine& machine, const RlInput& input) {
  FATHOM_RETURN_IF_ERROR(check(input));
  RlPlan plan;
  plan.parameters = count_parameters(config);
  plan.kv_bytes_per_token = cache_bytes_per_token(config);
  plan.steps = input.steps;
  plan.outputs_per_step = input.prompts * input.group;
  plan.tokens_per_step = (input.output_length + Range::exactly(input.prompt_length)) *
                         static_cast<double>(plan.outputs_per_step);
  InferenceInput probe = input.rollout;
  probe.batch = 1;
  probe.context_length = static_cast<int64_t>(input.prompt_length + input.output_length.mid);
  FATHOM_ASSIGN_OR_RETURN(plan.rollout_devices, replica_size(config, machine, input, probe));
  plan.replicas = machine.devices / plan.rollout_devices;
  FATHOM_ASSIGN_OR_RETURN(const Corners seconds,
                          corners_of(config, machine, input, plan.rollout_devices));
  add_parts(plan, config, machine, input, seconds);
  plan.waiting_share = waiting_share(plan);
  const double hours = static_cast<double>(machine.devices * plan.steps) / 3600;
  plan.cost = cost_of(machine, plan.seconds_per_step * hours);
  return plan;
}

}  // namespace fathom
