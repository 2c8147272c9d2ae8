// The rules on hours, FLOPs and utilisation: what physics and the claim's own numbers demand.
#include <algorithm>

#include "cost/audit_impl.h"

namespace fathom {
namespace {

constexpr double kBooksTolerance = 0.1;  // rounded figures of one run, multiplied
constexpr double kHighestPublished =
    0.7;  // of the peak; published runs of large models stay below 0.6
constexpr double kLowestPlausible = 0.05;

/// The number that "a*b" becomes when the sign is lost: of 648, 64 x 8. The product nearest to
/// `wanted`, if within 2%.
std::optional<std::pair<int64_t, int64_t>> lost_sign(double count, double wanted) {
  if (count != std::floor(count) || count < 11 || count > 1e9) return std::nullopt;
  const auto n = static_cast<int64_t>(count);
  for (int64_t cut = 10; cut <= n; cut *= 10) {
    const int64_t a = n / cut, b = n % cut;
    if (b >= cut / 10 && close_to(static_cast<double>(a) * static_cast<double>(b), wanted, 0.02))
      return std::pair(a, b);
  }
  return std::nullopt;
}

void judge_throughput(AuditContext& c, const Claim& hours, double flop, const std::string& how) {
  const Device* device = c.device_of(hours);
  const double per_s = flop / (hours.value.mid * 3600);
  std::string why = fmt::format("{} / ({} x 3600 s) = {} a device", how,
                                text_of(hours.value.mid, Quantity::kDeviceHours),
                                text_of(per_s, Quantity::kFlopsPerS));
  if (device == nullptr) {
    c.audit.beside.push_back(why +
                             "; the device is not told, so it cannot be held against a peak.");
    return;
  }
  std::string precision = c.model.precision;
  const double peak = peak_of(*device, precision), share = per_s / peak;
  why += fmt::format(", {} of the {} peak of {} ({}).", text_of(share, Quantity::kFraction),
                     precision, device->title, text_of(peak, Quantity::kFlopsPerS));
  if (share > 1)
    return c.say(hours, false, 1 / share, why + " More than the device can do: impossible.");
  if (share > kHighestPublished)
    return c.say(hours, false, {}, why + " More than any published run of this size reached.");
  if (share < kLowestPlausible)
    return c.say(hours, false, {},
                 why +
                     " So little that the hours must hold more than this training, or tokens or "
                     "FLOPs are too low.");
  c.say(hours, true, 1, why + " Possible: consistent.");
}

}  // namespace

void check_throughput(AuditContext& c) {
  std::string how;
  const std::optional<double> flop = c.training_flop(how);
  if (!flop) return;
  const bool split = c.reference("device_hours", "pretraining") != nullptr;
  for (const Claim* hours : c.claims) {
    if (hours->what != "device_hours" || hours->phase != (split ? "pretraining" : "all")) continue;
    judge_throughput(c, *hours, *flop, how);
  }
}

void check_hours_per_trillion(AuditContext& c) {
  const Claim* rate = c.reference("device_hours_per_trillion_tokens", "pretraining");
  const std::optional<double> tokens = c.tokens();
  if (rate == nullptr || !tokens) return;
  const double whole = rate->value.mid * *tokens / 1e12;
  for (const Claim* hours : c.claims) {
    if (hours->what != "device_hours" || (hours->phase != "pretraining" && hours->phase != "all"))
      continue;
    if (hours->phase == "all" && c.reference("device_hours", "pretraining") != nullptr) continue;
    const double factor = hours->value.mid / whole;
    std::string why =
        fmt::format("{} a trillion tokens ({}) x {} = {}",
                    text_of(rate->value.mid, Quantity::kDeviceHours), rate->from.whose,
                    text_of(*tokens, Quantity::kTokens), text_of(whole, Quantity::kDeviceHours));
    if (close_to(factor, 1, kBooksTolerance)) {
      c.say(*hours, true, factor, why + ": consistent.");
      continue;
    }
    why += fmt::format(", but {} is listed: {}.", text_of(hours->value.mid, Quantity::kDeviceHours),
                       off_by(factor));
    if (close_to(hours->value.mid, rate->value.mid, 0.01))
      why += " It is the figure for one trillion tokens, taken for the whole.";
    c.say(*hours, false, factor, why);
  }
}

void check_devices_times_hours(AuditContext& c) {
  for (const Claim* devices : c.claims) {
    if (devices->what != "devices") continue;
    const Claim* hours = c.reference("device_hours", devices->phase);
    for (const Claim* duration : c.claims) {
      if (hours == nullptr || hours->from.note == kDerived || duration->what != "duration" ||
          duration->phase != devices->phase || duration->from.whose != devices->from.whose)
        continue;
      const double wall_h = duration->value.mid / 3600, made = devices->value.mid * wall_h,
                   factor = made / hours->value.mid;
      std::string why = fmt::format(
          "{} devices x {} h = {}; {} says {}", text_of(devices->value.mid, Quantity::kCount),
          text_of(wall_h, Quantity::kCount), text_of(made, Quantity::kDeviceHours),
          hours->from.whose, text_of(hours->value.mid, Quantity::kDeviceHours));
      if (close_to(factor, 1, kBooksTolerance)) {
        c.say(*devices, true, factor, why + ": consistent.");
        continue;
      }
      const double implied = hours->value.mid / wall_h;
      why += fmt::format(": {}. These hours in {} h are {} devices.", off_by(factor),
                         text_of(wall_h, Quantity::kCount), text_of(implied, Quantity::kCount));
      if (const auto split = lost_sign(devices->value.mid, implied)) {
        why += fmt::format(" {} reads like {} x {} = {} with its sign lost.", devices->value.mid,
                           split->first, split->second, split->first * split->second);
      }
      c.say(*devices, false, factor, why);
    }
    const Claim* speed = c.reference("tokens_per_s", devices->phase);
    const std::optional<double> tokens = c.tokens();
    if (speed == nullptr || hours == nullptr || !tokens) continue;
    const double days = *tokens / speed->value.mid / 86400, made = days * 24 * devices->value.mid,
                 factor = hours->value.mid / made;
    c.say(*hours, close_to(factor, 1, kBooksTolerance), factor,
          fmt::format("{} / {} a day = {:.2f} days; x {} devices x 24 h = {}, against {}: {}.",
                      text_of(*tokens, Quantity::kTokens),
                      text_of(speed->value.mid * 86400, Quantity::kTokens), days,
                      text_of(devices->value.mid, Quantity::kCount),
                      text_of(made, Quantity::kDeviceHours),
                      text_of(hours->value.mid, Quantity::kDeviceHours),
                      close_to(factor, 1, kBooksTolerance) ? "consistent" : off_by(factor)));
  }
}

void check_flops(AuditContext& c) {
  const std::optional<double> per_token = c.flops_per_token(c.definition()), tokens = c.tokens();
  for (const Claim* claim : c.claims) {
    if (claim->what == "training_flop" && per_token && tokens) {
      const double made = *per_token * *tokens, factor = claim->value.mid / made;
      const bool holds = close_to(factor, 1, 0.15);  // with or without attention, embedding, MTP
      c.say(*claim, holds, factor,
            fmt::format("{} x {} ({}) = {}, against {}: {}.", text_of(*tokens, Quantity::kTokens),
                        text_of(*per_token, Quantity::kFlopsPerToken),
                        definition_name(c.definition()), text_of(made, Quantity::kFlops),
                        text_of(claim->value.mid, Quantity::kFlops),
                        holds ? "consistent" : off_by(factor)));
    }
    if (claim->what != "flops_per_token" || !c.config) continue;
    const int64_t context = std::max<int64_t>(c.model.context_length, 1);
    double best = 0;
    FlopsDefinition definition = FlopsDefinition::kCausal;
    for (FlopsDefinition d :
         {FlopsDefinition::kCausal, FlopsDefinition::kNonCausal, FlopsDefinition::kSixN}) {
      const double counted =
          training_flops_per_token(*c.config, context, d, c.model.parameters_active.value_or(0));
      if (best != 0 && std::abs(claim->value.mid - counted) >= std::abs(claim->value.mid - best))
        continue;
      best = counted;
      definition = d;
    }
    const double factor = claim->value.mid / best;
    const bool holds = close_to(factor, 1, 0.03);
    c.say(
        *claim, holds, factor,
        fmt::format(
            "Counted from its config.json at a context of {}: {} ({}, the nearest definition): {}.",
            context, text_of(best, Quantity::kFlopsPerToken), definition_name(definition),
            holds ? "consistent" : off_by(factor)));
  }
}

namespace {

/// The run's hours of pretraining (of all, where they are not split), its tokens, its device.
struct Run {
  const Device* device = nullptr;
  double tokens_per_s = 0;  // a device
  std::string of;           // how it was found
};

/// The published speed of the run where there is one, else the mean of all its hours.
std::optional<Run> run_of(const AuditContext& c) {
  const auto hours = c.run_hours();
  if (!hours || !c.tokens()) return std::nullopt;
  const auto device = c.catalogue.device(hours->device);
  if (!device.ok()) return std::nullopt;
  const Claim* speed = c.reference("tokens_per_s", "pretraining");
  const Claim* devices = c.reference("devices", "pretraining");
  if (speed != nullptr && devices != nullptr) {
    return Run{device.value(), speed->value.mid / devices->value.mid, "its speed while running"};
  }
  return Run{device.value(), *c.tokens() / (hours->value * 3600), "the mean of all its hours"};
}

void add_mfu(AuditContext& c, const Run& run, FlopsDefinition d, const Device& device,
             const std::string& precision) {
  const auto peak = device.peak.find(precision);
  const std::optional<double> flops = c.flops_per_token(d);
  if (peak == device.peak.end() || !flops) return;
  c.audit.mfu.push_back({fmt::format("{} FLOPs / {} peak of {} ({})", definition_name(d), precision,
                                     device.title, text_of(peak->second, Quantity::kFlopsPerS)),
                         *flops * run.tokens_per_s / peak->second});
}

/// A measured share or speed holds if the run's mean is it, or up to a quarter below it: a figure
/// "while running" knows no restarts.
void judge_measured(AuditContext& c, const Claim& claim, double mean, const std::string& of,
                    Quantity q) {
  const double factor = claim.value.mid / mean;
  if (close_to(factor, 1, 0.03))
    return c.say(claim, true, factor,
                 fmt::format("{} gives {}: consistent.", of, text_of(mean, q)));
  const bool holds = factor > 1 && mean / claim.value.low >= 0.75;
  c.say(claim, holds, factor,
        fmt::format("{} gives {}, {:.2f} of what is claimed: {}.", of, text_of(mean, q), 1 / factor,
                    holds ? "consistent with a figure taken while running, the rest being "
                            "restarts, evaluation and other phases"
                          : off_by(factor)));
}

}  // namespace

void check_utilisation(AuditContext& c) {
  const std::optional<Run> run = run_of(c);
  if (!run) return;
  const std::string own = c.model.precision.empty() ? "bf16" : c.model.precision;
  for (FlopsDefinition d :
       {FlopsDefinition::kNonCausal, FlopsDefinition::kCausal, FlopsDefinition::kSixN})
    add_mfu(c, *run, d, *run->device, "bf16");
  for (const Device& other :
       c.catalogue.devices) {  // the same chip in its other form, whose peak is taken by mistake
    const bool form = other.chip == run->device->chip &&
                      other.form_factor != run->device->form_factor &&
                      other.name.substr(0, other.name.find('-')) ==
                          run->device->name.substr(0, run->device->name.find('-'));
    if (form) add_mfu(c, *run, c.definition(), other, own);
  }
  if (own != "bf16") add_mfu(c, *run, c.definition(), *run->device, own);
  const std::string speed_of =
      fmt::format("Tokens x FLOPs ({}) / time, {},", definition_name(c.definition()), run->of);
  const std::optional<double> flops = c.flops_per_token(c.definition());
  for (const Claim* claim : c.claims) {
    if (claim->what == "throughput" && flops)
      judge_measured(c, *claim, *flops * run->tokens_per_s, speed_of, Quantity::kFlopsPerS);
    if (claim->what != "mfu" || c.audit.mfu.empty()) continue;
    const auto best =
        std::min_element(c.audit.mfu.begin(), c.audit.mfu.end(), [&](const Mfu& a, const Mfu& b) {
          return std::abs(a.value - claim->value.mid) < std::abs(b.value - claim->value.mid);
        });
    judge_measured(c, *claim, best->value, best->definition, Quantity::kFraction);
  }
}

}  // namespace fathom
