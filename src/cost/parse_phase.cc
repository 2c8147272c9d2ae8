// A phase of a run as the command line says it.
#include <fmt/format.h>

#include "cost/key_values.h"
#include "cost/parse_range.h"
#include "cost/plan_training.h"

namespace fathom {
namespace {

/// What a phase's keys may say beyond the phase itself, until all are read.
struct Loose {
  TrainingPhase phase;
  std::optional<Range> hours_per_trillion, devices, duration;
};

Status read_key(Loose& l, std::string_view key, std::string_view value, const std::string& where) {
  const std::string at = fmt::format("{}: {}", where, key);
  if (key == "tokens" || key == "context") {
    FATHOM_ASSIGN_OR_RETURN(const double n,
                            parse_tokens(value, at, key == "context" ? 1e11 : 1e18));
    key == "tokens" ? void(l.phase.tokens = n)
                    : void(l.phase.context_length = static_cast<int64_t>(n));
    return {};
  }
  const struct {
    std::string_view name;
    std::optional<Range>* field;
    Quantity quantity;
  } keys[] = {{"hours", &l.phase.device_hours, Quantity::kDeviceHours},
              {"hours-per-T", &l.hours_per_trillion, Quantity::kDeviceHours},
              {"devices", &l.devices, Quantity::kCount},
              {"duration", &l.duration, Quantity::kSeconds},
              {"throughput", &l.phase.tokens_per_s, Quantity::kTokensPerS},
              {"mfu", &l.phase.mfu, Quantity::kFraction}};
  for (const auto& k : keys) {
    if (k.name != key) continue;
    FATHOM_ASSIGN_OR_RETURN(*k.field, parse_range(value, k.quantity, at));
    return check_positive(**k.field, k.quantity, value, at);
  }
  return Status::error(fmt::format(
      "{}: tokens, context, hours, hours-per-T, devices, duration, throughput or mfu wanted, "
      "\"{}\" found",
      where, key));
}

Result<TrainingPhase> settled(Loose l, const std::string& where) {
  TrainingPhase& p = l.phase;
  if (l.hours_per_trillion) {
    if (p.tokens <= 0) return Status::error(where + ": hours-per-T with tokens wanted, none found");
    p.device_hours = *l.hours_per_trillion * (p.tokens / 1e12);
  }
  if (l.devices.has_value() != l.duration.has_value()) {
    return Status::error(where + ": devices and duration together wanted, one of them found");
  }
  if (l.devices) p.device_hours = *l.devices * *l.duration * (1.0 / 3600);
  return p;
}

}  // namespace

Result<double> parse_tokens(std::string_view text, const std::string& where, double most) {
  const auto bare = parse_quantity(text, Quantity::kCount, where);
  const auto tokens = bare.ok() ? bare : parse_quantity(text, Quantity::kTokens, where);
  if (tokens.ok() && !(tokens.value() >= 1 && tokens.value() <= most)) {
    return Status::error(fmt::format("{}: 1 to {:g} wanted, \"{}\" found", where, most, text));
  }
  return tokens;
}

Result<TrainingPhase> parse_phase(std::string_view text, const std::string& where) {
  Loose l;
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return Status::error(
        fmt::format("{}: \"NAME: key=value, ...\" wanted, \"{}\" found", where, text));
  }
  l.phase.name = std::string(trim(text.substr(0, colon)));
  const std::string place = fmt::format("{} {}", where, l.phase.name);
  FATHOM_ASSIGN_OR_RETURN(const auto pairs, parse_key_values(text.substr(colon + 1), place));
  for (const auto& [key, value] : pairs) {
    FATHOM_RETURN_IF_ERROR(read_key(l, key, value, place));
  }
  return settled(std::move(l), place);
}

}  // namespace fathom
