// fathom cost plan as tables for a terminal of 80 columns.
#include <fmt/format.h>

#include "base/human.h"
#include "cli/cost_plan.h"
#include "cli/text_layout.h"
#include "cost/units.h"

namespace fathom {
namespace {

using Q = Quantity;

constexpr int kLabel = 15;

std::string text(double x, Q q) { return human_quantity(x, q); }
std::string text(const Range& r, Q q) { return human_quantity(r, q); }
std::string percent(double x) { return fmt::format("{:.3g}%", 100 * x); }
std::string percent(const Range& r) {
  const std::string low = percent(r.low), high = percent(r.high);
  return low == high ? low : fmt::format("{} to {}", low, high);
}
std::string seconds_text(double s) { return s < 60 ? text(s, Q::kSeconds) : human_duration(s); }
std::string duration(const Range& r) {
  const std::string low = seconds_text(r.low), high = seconds_text(r.high);
  return low == high ? low : fmt::format("{} to {}", low, high);
}

std::string with_middle(const Range& r, Q q) {
  return r.exact() ? text(r, q) : fmt::format("{}, middle {}", text(r, q), text(r.mid, q));
}

/// A label and its text; what is too long for the line goes on below the text.
void row(std::string_view label, std::string_view rest) {
  std::string text = wrapped(rest, kLabel);
  if (label.size() < kLabel) {
    text.replace(0, kLabel, fmt::format("{:<{}}", label, kLabel));
  } else {
    fmt::print("{}\n", label);
  }
  fmt::print("{}", text);
}

void print_model(const CostPlan& p) {
  const ParameterCount n = count_parameters(p.config);
  std::string size = fmt::format("{}, {} of them compute a token",
                                 text(static_cast<double>(n.total), Q::kParameters),
                                 text(static_cast<double>(n.active), Q::kParameters));
  if (n.mtp > 0) {
    size += fmt::format("; {} more in MTP", text(static_cast<double>(n.mtp), Q::kParameters));
  }
  row("model", p.model);
  row("size", size);
}

void part(const char* name, double flops, double all) {
  if (flops <= 0) return;
  fmt::print("  {:<27}{:>18}{:>9}\n", name, text(flops, Q::kFlopsPerToken), percent(flops / all));
}

void print_flops(const TrainingFlops& t) {
  const FlopsPerToken& f = t.parts;
  fmt::print("\nTraining FLOPs a token, sequences of {} tokens, {}\n", t.context_length,
             name_of(t.definition));
  part("attention core", f.attention_core, t.model);
  part("attention projections", f.attention_projections, t.model);
  part("routed experts", f.routed_experts, t.model);
  part("shared experts", f.shared_experts, t.model);
  part("dense feed-forward", f.dense_ffn, t.model);
  part("router", f.router, t.model);
  part("head", f.head, t.model);
  part("model (an MFU's)", t.model, t.model);
  part("beside it: MTP", t.mtp, t.model);
  part("beside it: recomputation", t.recompute, t.model);
  part("for comparison 6N", t.six_n, t.model);
}

void print_machine(const CostPlan& p) {
  const Machine& m = *p.machine;
  std::string peaks;
  for (const char* precision : {"bf16", "fp8", "f32"}) {
    const auto at = m.peak_flops.find(precision);
    if (at == m.peak_flops.end() || at->second <= 0) continue;
    peaks += fmt::format("{}{} in {}", peaks.empty() ? "" : ", ", text(at->second, Q::kFlopsPerS),
                         precision);
  }
  fmt::print("\n");
  row("machine", m.devices == 1 ? m.name : fmt::format("{} x {}", m.devices, m.name));
  if (!peaks.empty()) row("peak, each", peaks);
}

void print_layout(const CostPlan& p) {
  const TrainingPlan& t = *p.training;
  const DeviceMemory& mem = t.memory;
  const auto bytes = [](double x) { return text(x, Q::kBytes); };
  std::string layout = to_text(t.parallelism);
  if (t.parallelism.pp > 1) {
    layout +=
        fmt::format(" · {}, bubble {} of a step", name_of(t.schedule), percent(t.bubble_share));
  }
  row("layout", layout);
  row("step", fmt::format("{} sequences of {} tokens, {} micro-batch{} a pipeline",
                          t.batch_sequences, p.training_input.context_length, t.micro_batches,
                          t.micro_batches == 1 ? "" : "es"));
  std::string room = t.fits ? " of " + bytes(p.machine->memory_bytes) : "";
  if (p.machine->devices > 1) room += " on the fullest device";
  if (t.fits && !*t.fits) room += ": does not fit (--parallel)";
  row("memory", bytes(mem.total()) + room);
  std::string parts = fmt::format(
      "weights {}, gradients {}, masters {}, moments {}, activations {}", bytes(mem.weights),
      bytes(mem.gradients), bytes(mem.masters), bytes(mem.moments), bytes(mem.activations));
  if (mem.logits > 0) parts += ", logits " + bytes(mem.logits);
  row("", parts);
  const MoeTraffic& x = t.traffic;
  if (x.intra_dispatch + x.inter_dispatch <= 0) return;
  row("MoE traffic", fmt::format("a token and forward pass, to {:.3g} nodes and {:.3g} devices",
                                 x.nodes_reached, x.devices_reached));
  row("",
      fmt::format("dispatch {} between nodes, {} inside; combine {}, {}", bytes(x.inter_dispatch),
                  bytes(x.intra_dispatch), bytes(x.inter_combine), bytes(x.intra_combine)));
}

void print_step(const char* name, const StepTimes& s) {
  row(name, fmt::format("{:.3g} s: compute {}, network {}, bubble {}, gradients {}, optimizer {}",
                        s.total, percent(s.compute / s.total), percent(s.traffic / s.total),
                        percent(s.bubble_share), percent(s.gradients / s.total),
                        percent(s.optimizer / s.total)));
}

void print_phases(const TrainingPlan& t) {
  for (const PhasePlan& phase : t.phases) {
    fmt::print("\n");
    std::string what = phase.tokens > 0
                           ? fmt::format("{} at context {}", text(phase.tokens, Q::kTokens),
                                         phase.flops.context_length)
                           : "tokens not known";
    row(phase.name, what);
    row("  time",
        fmt::format("{} on the whole machine ({})", duration(phase.seconds), phase.time_from));
    if (phase.step_seconds) row("  a step", duration(*phase.step_seconds));
    row("  device-hours", text(phase.device_hours, Q::kDeviceHours));
    if (phase.tokens <= 0) continue;
    row("  speed", text(phase.tokens_per_s, Q::kTokensPerS));
    row("  MFU",
        fmt::format("{} of the {} peak ({} a device, {})", percent(*phase.mfu), t.precision,
                    text(*phase.flops_per_s, Q::kFlopsPerS), name_of(phase.flops.definition)));
  }
  if (!t.fast) return;
  fmt::print("\n");
  print_step("fast step", *t.fast);
  print_step("slow step", *t.slow);
}

/// What a price is and of when.
std::string rate_text(const DatedPrice& price, Q q) {
  std::string from = price.source;
  if (!price.date.empty()) from = price.source.empty() ? price.date : from + ", " + price.date;
  return text(price.usd, q) + (from.empty() ? "" : fmt::format(" ({})", from));
}

void print_cost(const RunCost& c, const Machine& m, const char* no_price) {
  row("device-hours", with_middle(c.device_hours, Q::kDeviceHours));
  if (c.rental_usd) {
    row("rented", fmt::format("{} at {}", text(*c.rental_usd, Q::kUsd),
                              rate_text(*m.rental, Q::kUsdPerHour)));
  }
  if (c.owned_usd) {
    row("owned", fmt::format("{}: {} a device over {} at {} use, without energy",
                             text(*c.owned_usd, Q::kUsd), rate_text(*m.capex, Q::kUsd),
                             text(m.life_years, Q::kYears), percent(m.utilisation)));
  }
  if (c.kwh) {
    const std::string energy = text(*c.kwh * 3.6e6, Q::kJoules);
    row("energy", c.energy_usd ? fmt::format("{}: {} at {}", energy, text(*c.energy_usd, Q::kUsd),
                                             rate_text(*m.electricity, Q::kUsdPerKwh))
                               : energy);
  }
  if (c.usd) {
    row("money", fmt::format("{} ({})", with_middle(*c.usd, Q::kUsd), c.basis));
  } else {
    row("money", no_price);
  }
}

constexpr const char* kNoPrice = "unknown: no price given (--rate '$2/h', or the machine's TOML)";

void print_training(const CostPlan& p) {
  print_layout(p);
  print_phases(*p.training);
  fmt::print("\n");
  print_cost(p.training->cost, *p.machine, kNoPrice);
}

void print_fit(const CostPlan& p) {
  const InferencePlan& i = *p.inference;
  const auto bytes = [](double x) { return text(x, Q::kBytes); };
  row("weights",
      fmt::format("{} in {}{}", bytes(i.weights.total()), p.inference_input.format,
                  p.machine->devices > 1 ? fmt::format("; {} on each device (tp {})",
                                                       bytes(i.device_weight_bytes), i.tp)
                                         : ""));
  row("cache", fmt::format("{} bytes a token, {} a sequence of {} tokens", i.kv_bytes_per_token,
                           bytes(i.bytes_per_sequence), p.inference_input.context_length));
  if (!i.cache_room) return row("fits", "unknown: the machine's memory is not stated");
  const double share = p.inference_input.memory_share;
  if (*i.cache_room < 0 || *i.max_sequences < 1) {
    return row("fits",
               fmt::format("no: {} of {} a device; spread evenly, {} such devices would do",
                           percent(share), bytes(p.machine->memory_bytes), i.least_devices));
  }
  row("fits", fmt::format("{} sequences in {} of cache ({} of the memory is used)",
                          *i.max_sequences, bytes(*i.cache_room), percent(share)));
}

const char* bound_of(const PassTimes& t) {
  if (t.compute >= t.memory && t.compute >= t.network) return "compute";
  return t.memory >= t.network ? "memory" : "network";
}

void print_speed(const CostPlan& p) {
  const InferencePlan& i = *p.inference;
  const InferenceInput& in = p.inference_input;
  const bool in_given = in.input_tokens_per_s.has_value(),
             out_given = in.output_tokens_per_s.has_value();
  row("prefill",
      fmt::format("{}{}{}", text(i.input_tokens_per_s, Q::kTokensPerS),
                  in_given ? ", as given" : fmt::format(", {} bound", bound_of(i.prefill)),
                  in.cache_hit > 0
                      ? fmt::format("; {} of them from the cache", percent(in.cache_hit))
                      : ""));
  row("decode",
      fmt::format("{}{}", text(i.output_tokens_per_s, Q::kTokensPerS),
                  out_given ? ", as given"
                            : fmt::format(", {} bound; batch {} at context {}", bound_of(i.decode),
                                          in.batch, in.context_length)));
  if (out_given) return;
  const double batch = static_cast<double>(in.batch);
  row("", fmt::format("{} each; reads {} a step, {} a token",
                      text(i.output_tokens_per_s * (1 / batch), Q::kTokensPerS),
                      text(i.decode_bytes, Q::kBytes), text(i.decode_flops.total, Q::kFlops)));
}

void print_inference(const CostPlan& p) {
  const InferencePlan& i = *p.inference;
  print_fit(p);
  if (i.from_roofline && i.max_sequences && *i.max_sequences < p.inference_input.batch) {
    row("", "the speeds are those of devices with more memory");
  }
  print_speed(p);
  fmt::print("\n");
  if (!i.usd_per_mtok_in) return row("money", kNoPrice);
  row("an hour", fmt::format("{} for the machine ({})", text(*i.usd_per_hour, Q::kUsd), i.basis));
  if (p.machine->rental) row("rate", rate_text(*p.machine->rental, Q::kUsdPerHour));
  row("tokens in", fmt::format("{}{}", text(*i.usd_per_mtok_in, Q::kUsdPerMtok),
                               p.inference_input.cache_hit > 0
                                   ? fmt::format(" with hits; {} for a token that misses",
                                                 text(*i.usd_per_mtok_in_miss, Q::kUsdPerMtok))
                                   : ""));
  row("tokens out", text(*i.usd_per_mtok_out, Q::kUsdPerMtok));
  if (!i.usd_per_day) return;
  row("the traffic", fmt::format("{} machines busy in the mean, {} a day",
                                 text(*i.machines, Q::kCount), text(*i.usd_per_day, Q::kUsd)));
}

void print_rl(const CostPlan& p) {
  const RlPlan& r = *p.rl;
  const RlInput& in = p.rl_input;
  row("rollouts", fmt::format("{} prompts x {} a step, {} tokens each; {} engine{} of {} devices",
                              in.prompts, in.group, text(in.output_length, Q::kCount), r.replicas,
                              r.replicas == 1 ? "" : "s", r.rollout_devices));
  row("steps", fmt::format("{}, of {} each", r.steps, text(r.tokens_per_step, Q::kTokens)));
  fmt::print("\n{:<14}{:>13}{:>26}{:>26}\n", "of a step", "FLOPs", "time", "device-hours, all");
  for (const RlPart& x : r.parts) {
    if (x.seconds.high <= 0) continue;
    fmt::print("{:<14}{:>13}{:>26}{:>26}\n", x.name, x.flop > 0 ? text(x.flop, Q::kFlops) : "",
               text(x.seconds, Q::kSeconds), text(x.device_hours, Q::kDeviceHours));
  }
  fmt::print("\n");
  row("a step", fmt::format("{}; the devices wait {} of it", duration(r.seconds_per_step),
                            percent(r.waiting_share)));
  print_cost(r.cost, *p.machine, kNoPrice);
}

}  // namespace

void print_cost_plan(const CostPlan& p) {
  print_model(p);
  if (!p.inference && !p.rl) print_flops(p.flops);
  if (!p.machine) {
    fmt::print("\n");
    row("cache", fmt::format("{} bytes a token in bf16", cache_bytes_per_token(p.config)));
    return row("time, money", "--device NAME or --machine FILE says on what");
  }
  print_machine(p);
  if (p.training) print_training(p);
  if (p.inference) print_inference(p);
  if (p.rl) print_rl(p);
}

}  // namespace fathom
