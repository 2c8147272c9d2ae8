// Numbers that somebody claims, from flags or a small TOML file, made into claims that the audit's
// rules know.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "cost/audit.h"
#include "cost/toml_table.h"

namespace fathom {
namespace {

struct NumberRow {
  const char* what;
  std::string ClaimedNumbers::*text;
  Quantity quantity;
};
const NumberRow kNumbers[] = {
    {"tokens", &ClaimedNumbers::tokens, Quantity::kTokens},
    {"flops_per_token", &ClaimedNumbers::flops_per_token, Quantity::kFlopsPerToken},
    {"device_hours", &ClaimedNumbers::device_hours, Quantity::kDeviceHours},
    {"devices", &ClaimedNumbers::devices, Quantity::kCount},
    {"duration", &ClaimedNumbers::duration, Quantity::kSeconds},
    {"usd", &ClaimedNumbers::usd, Quantity::kUsd},
    {"rate", &ClaimedNumbers::rate, Quantity::kUsdPerHour},
    {"mfu", &ClaimedNumbers::mfu, Quantity::kFraction},
    {"throughput", &ClaimedNumbers::throughput, Quantity::kFlopsPerS},
    {"training_flop", &ClaimedNumbers::training_flop, Quantity::kFlops},
};

Result<Basis> basis_of(const ClaimedNumbers& n) {
  if (n.basis.empty())
    return n.rate.empty() && n.device_hours.empty() ? Basis::kUnknown : Basis::kRental;
  std::string names;
  for (int i = 0; i <= static_cast<int>(Basis::kUnknown); ++i) {
    const auto basis = static_cast<Basis>(i);
    if (basis_name(basis) == n.basis) return basis;
    names += (i == 0 ? "" : ", ") + std::string(basis_name(basis));
  }
  return Status::error(fmt::format("basis: one of {} wanted, {} found", names, n.basis));
}

Status set_model(CatalogueModel& m, const ClaimedNumbers& n) {
  if (!n.params.empty()) {
    FATHOM_ASSIGN_OR_RETURN(m.parameters_active,
                            parse_quantity(n.params, Quantity::kParameters, "params"));
  }
  if (!n.flops_per_token.empty()) {
    FATHOM_ASSIGN_OR_RETURN(
        m.flops_per_token,
        parse_quantity(n.flops_per_token, Quantity::kFlopsPerToken, "flops_per_token"));
  }
  if (!n.precision.empty()) m.precision = n.precision;
  if (!n.config.empty()) m.config = std::filesystem::absolute(n.config).string();
  if (n.context_length > 0) m.context_length = n.context_length;
  if (m.context_length == 0) m.context_length = 4096;
  return {};
}

Claim blank(const ClaimedNumbers& n, const std::string& model, const std::string& device) {
  Claim c;
  c.model = model;
  c.phase = n.phase;
  c.device = device;
  c.basis = Basis::kPhysical;
  c.from = {n.whose, n.source, n.date, true, "", "given numbers"};
  return c;
}

/// Devices and days without hours are hours.
void derive_hours(std::vector<Claim>& claims) {
  const auto find = [&](std::string_view what) {
    return std::find_if(claims.begin(), claims.end(),
                        [&](const Claim& c) { return c.what == what; });
  };
  const auto devices = find("devices"), duration = find("duration");
  if (devices == claims.end() || duration == claims.end() || find("device_hours") != claims.end())
    return;
  Claim hours = *devices;
  hours.what = "device_hours";
  hours.quantity = Quantity::kDeviceHours;
  hours.value = Range::exactly(devices->value.mid * duration->value.mid / 3600);
  hours.from.note = kDerived;
  claims.push_back(hours);
}

/// What the numbers name exists: the phase, and the device's peak in the precision.
Status check_names(const ClaimedNumbers& n, const Device* device) {
  const std::vector<std::string>& phases = claim_phases();
  if (std::find(phases.begin(), phases.end(), n.phase) == phases.end()) {
    return Status::error(
        fmt::format("phase: one of {} wanted, {} found", fmt::join(phases, ", "), n.phase));
  }
  if (device == nullptr || n.precision.empty() || device->peak.contains(n.precision)) return {};
  std::string found;
  for (const auto& [precision, peak] : device->peak)
    found += (found.empty() ? "" : ", ") + precision;
  return Status::error(
      fmt::format("{}: a peak in {} wanted, {} found", device->name, n.precision, found));
}

}  // namespace

Result<ClaimedNumbers> read_claimed_numbers(std::string_view toml, const std::string& where) {
  FATHOM_ASSIGN_OR_RETURN(const toml::table root, parse_toml(toml, where));
  TomlTable t(root, where, "");
  ClaimedNumbers n;
  const auto text = [&](const char* key, std::string& value) {
    if (std::string found = t.text(key); !found.empty()) value = std::move(found);
  };
  for (const NumberRow& row : kNumbers) text(row.what, n.*row.text);
  text("params", n.params);
  text("name", n.name);
  text("whose", n.whose);
  text("source", n.source);
  n.date = t.date("date", Needed::kNo);
  text("device", n.device);
  text("phase", n.phase);
  text("basis", n.basis);
  text("precision", n.precision);
  text("config", n.config);
  n.context_length = t.integer("context_length", 1, int64_t{1} << 40).value_or(n.context_length);
  if (!n.usd.empty() && n.date.empty())
    t.refuse("date wanted beside usd (a price without a date says nothing), not found");
  FATHOM_RETURN_IF_ERROR(t.finish());
  return n;
}

Result<std::string> add_claimed_numbers(Catalogue& catalogue, const ClaimedNumbers& n,
                                        const std::string& like) {
  if (!is_iso_date(n.date))
    return Status::error(
        fmt::format("date: a date (2024-12-27 or 2024-12) wanted, \"{}\" found", n.date));
  const Device* given = nullptr;
  if (!n.device.empty()) {
    FATHOM_ASSIGN_OR_RETURN(given, catalogue.device(n.device));
  }
  const std::string device = given == nullptr ? "" : given->name;
  FATHOM_RETURN_IF_ERROR(check_names(n, given));
  CatalogueModel fresh;
  fresh.name = fresh.title = n.name;
  fresh.org = n.whose;
  fresh.from = {n.whose, n.source, n.date, true, "", "given numbers"};
  if (like.empty()) catalogue.models.push_back(fresh);
  FATHOM_ASSIGN_OR_RETURN(const CatalogueModel* model,
                          catalogue.model(like.empty() ? n.name : like));
  CatalogueModel& target = catalogue.models[static_cast<size_t>(model - catalogue.models.data())];
  FATHOM_RETURN_IF_ERROR(set_model(target, n));
  FATHOM_ASSIGN_OR_RETURN(const Basis money, basis_of(n));
  std::vector<Claim> claims;
  for (const NumberRow& row : kNumbers) {
    if ((n.*row.text).empty()) continue;
    Claim c = blank(n, target.name, device);
    c.what = row.what;
    c.quantity = row.quantity;
    FATHOM_ASSIGN_OR_RETURN(const double value,
                            parse_quantity(n.*row.text, row.quantity, row.what));
    if (value <= 0)
      return Status::error(
          fmt::format("{}: a number above 0 wanted, {} found", row.what, n.*row.text));
    c.value = Range::exactly(value);
    if (row.quantity == Quantity::kUsd || row.quantity == Quantity::kUsdPerHour) c.basis = money;
    claims.push_back(c);
  }
  derive_hours(claims);
  catalogue.claims.insert(catalogue.claims.end(), claims.begin(), claims.end());
  return target.name;
}

}  // namespace fathom
