// The reader of a machine's TOML, and the money of device-hours.
#include "cost/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "cost/owned_hardware.h"
#include "cost/parse_range.h"
#include "cost/toml_table.h"

namespace fathom {
namespace {

constexpr int64_t kMaxDevices = int64_t{1} << 24;

/// `key` as a range of `q`, with the table's own date and source beside it.
std::optional<DatedPrice> read_price(TomlTable& t, const char* key, Quantity q) {
  const std::string text = t.text(key), source = t.text("source");
  const bool dated = t.has("date");
  const std::string date = t.date("date", Needed::kNo);
  if (text.empty()) return std::nullopt;
  if (!dated) {
    t.refuse(fmt::format("{}: a price with its date wanted (date = \"2024-12\"), none found", key));
  }
  const auto usd = parse_range(text, q, key);
  if (!usd.ok()) {
    t.refuse(usd.message());
    return std::nullopt;
  }
  return DatedPrice{usd.value(), date, source};
}

/// Into `value` where the key is there.
void read_quantity(TomlTable& t, const char* key, Quantity q, double& value) {
  if (const auto x = t.quantity(key, q)) value = *x;
}

/// Calls read(table) on the table under `key`, if there is one, and sees that nothing is left over.
template <typename Read>
Status section(TomlTable& root, const std::string& where, const char* key, Read read) {
  const toml::table* table = root.table(key);
  if (table == nullptr) return {};
  TomlTable t(*table, where, key);
  read(t);
  return t.finish();
}

void read_peaks(TomlTable& t, const toml::table& keys, Machine& m) {
  for (const auto& [key, node] : keys) {
    const std::string precision(key.str());
    read_quantity(t, precision.c_str(), Quantity::kFlopsPerS, m.peak_flops[precision]);
  }
}

void read_capex(TomlTable& t, Machine& m) {
  m.capex = read_price(t, "usd_per_device", Quantity::kUsd);
  read_quantity(t, "life", Quantity::kYears, m.life_years);
  read_quantity(t, "utilisation", Quantity::kFraction, m.utilisation);
  if (m.capex && !(m.life_years > 0)) t.refuse("life: more than 0 years wanted, none found");
  if (!(m.utilisation > 0 && m.utilisation <= 1)) {
    t.refuse(fmt::format("utilisation: more than 0% and at most 100% wanted, {:.4g}% found",
                         100 * m.utilisation));
  }
}

void read_power(TomlTable& t, Machine& m) {
  read_quantity(t, "watts", Quantity::kWatts, m.watts);
  read_quantity(t, "draw", Quantity::kFraction, m.draw);
  read_quantity(t, "pue", Quantity::kCount, m.pue);
  m.electricity = read_price(t, "usd_per_kwh", Quantity::kUsdPerKwh);
  if (m.pue < 1) t.refuse(fmt::format("pue: 1 or more wanted, {} found", m.pue));
}

Status read_sections(TomlTable& root, const std::string& where, Machine& m) {
  FATHOM_RETURN_IF_ERROR(
      section(root, where, "peak", [&](TomlTable& t) { read_peaks(t, *root.table("peak"), m); }));
  FATHOM_RETURN_IF_ERROR(section(root, where, "memory", [&](TomlTable& t) {
    read_quantity(t, "size", Quantity::kBytes, m.memory_bytes);
    read_quantity(t, "bandwidth", Quantity::kBytesPerS, m.memory_bytes_per_s);
  }));
  FATHOM_RETURN_IF_ERROR(section(root, where, "network", [&](TomlTable& t) {
    read_quantity(t, "intra_node", Quantity::kBytesPerS, m.intra_node_bytes_per_s);
    read_quantity(t, "inter_node", Quantity::kBytesPerS, m.inter_node_bytes_per_s);
  }));
  FATHOM_RETURN_IF_ERROR(section(root, where, "rental", [&](TomlTable& t) {
    m.rental = read_price(t, "usd_per_hour", Quantity::kUsdPerHour);
  }));
  FATHOM_RETURN_IF_ERROR(section(root, where, "capex", [&](TomlTable& t) { read_capex(t, m); }));
  return section(root, where, "power", [&](TomlTable& t) { read_power(t, m); });
}

}  // namespace

Result<Machine> parse_machine(std::string_view toml_text, const std::string& where) {
  FATHOM_ASSIGN_OR_RETURN(const toml::table table, parse_toml(toml_text, where));
  TomlTable root(table, where, "");
  Machine m;
  m.name = root.text("name");
  m.device = root.text("device");
  m.devices = root.integer("devices", 1, kMaxDevices).value_or(1);
  m.devices_per_node = root.integer("devices_per_node", 1, kMaxDevices).value_or(8);
  if (const std::string text = root.text("efficiency"); !text.empty()) {
    FATHOM_ASSIGN_OR_RETURN(m.efficiency,
                            parse_range(text, Quantity::kFraction, where + ": efficiency"));
    FATHOM_RETURN_IF_ERROR(
        check_positive(*m.efficiency, Quantity::kFraction, text, where + ": efficiency"));
  }
  FATHOM_RETURN_IF_ERROR(read_sections(root, where, m));
  FATHOM_RETURN_IF_ERROR(root.finish());
  if (m.name.empty()) m.name = m.device.empty() ? where : m.device;
  return m;
}

Result<Machine> read_machine(const std::filesystem::path& path) {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return parse_machine(text, path.string());
}

void fill_from_device(Machine& m, const Device& d) {
  const auto fill = [](double& field, double value) {
    if (field <= 0) field = value;
  };
  for (const auto& [precision, peak] : d.peak) fill(m.peak_flops[precision], peak);
  fill(m.memory_bytes, d.memory_bytes.value_or(0));
  fill(m.memory_bytes_per_s, d.memory_bytes_per_s.value_or(0));
  fill(m.intra_node_bytes_per_s, d.link_bytes_per_s.value_or(0) / 2);  // one direction
  fill(m.inter_node_bytes_per_s, d.network_bytes_per_s.value_or(0));
  fill(m.watts, d.server_w.value_or(d.tdp_w.value_or(0)));
  if (m.name.empty()) m.name = d.title;
  m.device = d.name;
}

std::optional<DatedPrice> newest_price(const Catalogue& catalogue, std::string_view what,
                                       std::string_view device) {
  std::optional<DatedPrice> newest;
  for (const Price* p : catalogue.prices_of(what, device)) {
    if (p->cloud) continue;  // another basis: no range with the others
    const bool same = newest && newest->date.substr(0, 7) == p->from.date.substr(0, 7);
    if (!same) {
      newest = DatedPrice{p->value, p->from.date.substr(0, 7), p->from.whose};
      continue;
    }
    Range& usd = newest->usd;
    usd.low = std::min(usd.low, p->value.low);
    usd.high = std::max(usd.high, p->value.high);
    usd.mid = std::sqrt(usd.low * usd.high);
    if (newest->source.find(p->from.whose) == std::string::npos) {
      newest->source += ", " + p->from.whose;
    }
  }
  return newest;
}

Result<double> peak_of(const Machine& machine, std::string_view precision) {
  const auto at = machine.peak_flops.find(precision);
  if (at != machine.peak_flops.end() && at->second > 0) return at->second;
  std::string found;
  for (const auto& [name, peak] : machine.peak_flops) {
    if (peak > 0) found += (found.empty() ? "only " : ", ") + name;
  }
  return Status::error(fmt::format("{}: a peak in {} wanted, {} found", machine.name, precision,
                                   found.empty() ? "none" : found));
}

double peak_seconds(const Machine& m, std::string_view precision, const FlopsPerToken& f) {
  const double peak = m.peak_flops.find(precision)->second;
  const auto bf16 = m.peak_flops.find("bf16");
  const bool has_bf16 = bf16 != m.peak_flops.end() && bf16->second > 0;
  const double fine = f.attention_core + f.router + f.head;
  return (f.total - fine) / peak + fine / (has_bf16 ? std::min(peak, bf16->second) : peak);
}

Status check_bandwidths(const Machine& m, std::string_view wanted_for) {
  const auto needs = [&](const char* key) {
    return Status::error(fmt::format("{}: {} wanted for {}, none found", m.name, key, wanted_for));
  };
  if (m.memory_bytes_per_s <= 0) return needs("memory.bandwidth");
  if (m.devices > 1 && m.intra_node_bytes_per_s <= 0) return needs("network.intra_node");
  if (m.nodes() > 1 && m.inter_node_bytes_per_s <= 0) return needs("network.inter_node");
  return {};
}

std::string usual_precision(const Machine& machine, std::string_view wanted) {
  const bool only_f32 = !machine.peak_flops.contains("bf16") && machine.peak_flops.contains("f32");
  return wanted == "bf16" && only_f32 ? "f32" : std::string(wanted);
}

Range usual_efficiency(std::string_view precision) {
  return precision == "fp8" || precision == "int8" ? Range{0.2, 0.3, 0.45} : Range{0.4, 0.55, 0.7};
}

namespace {

void choose_usd(RunCost& c) {
  if (c.rental_usd) {
    c.usd = c.rental_usd, c.basis = "rental";
  } else if (c.owned_usd && c.energy_usd) {
    c.usd = *c.owned_usd + *c.energy_usd, c.basis = "straight-line + energy";
  } else if (c.owned_usd) {
    c.usd = c.owned_usd, c.basis = "straight-line";
  } else if (c.energy_usd) {
    c.usd = c.energy_usd, c.basis = "energy";
  }
}

}  // namespace

RunCost cost_of(const Machine& m, const Range& device_hours) {
  RunCost c;
  c.device_hours = device_hours;
  if (m.watts > 0) {
    const PowerModel power = {.server_watts = Range::exactly(m.watts),
                              .draw = Range::exactly(m.draw),
                              .pue = Range::exactly(m.pue),
                              .usd_per_kwh = m.electricity ? m.electricity->usd : Range{}};
    c.kwh = energy_kwh(device_hours, power);
    if (m.electricity) c.energy_usd = energy_usd(device_hours, power);
  }
  if (m.rental) c.rental_usd = device_hours * m.rental->usd;
  if (m.capex) {
    c.owned_usd = device_hours * straight_line_usd_per_hour(
                                     m.capex->usd, {.life_years = Range::exactly(m.life_years),
                                                    .utilisation = Range::exactly(m.utilisation)});
  }
  choose_usd(c);
  return c;
}

}  // namespace fathom
