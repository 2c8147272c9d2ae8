// A machine or a cluster as the planner sees it: equal devices with a peak per precision, memory,
// links, and what they cost. Every money figure carries its month; a machine without one has no
// price, and a plan on it ends at device-hours.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "cost/catalogue.h"
#include "cost/flops.h"
#include "cost/range.h"

namespace fathom {

struct DatedPrice {
  Range usd;
  std::string date, source;  // date: "2024-12" or "2024-12-27"; empty: the user's own supposition
};

/// Equal devices. 0 means: not stated.
struct Machine {
  std::string name, device;
  int64_t devices = 1, devices_per_node = 8;
  std::map<std::string, double, std::less<>> peak_flops;  // dense, of one device: bf16, fp8, f32...
  double memory_bytes = 0, memory_bytes_per_s = 0;        // of one device
  double intra_node_bytes_per_s = 0;  // of one device, one direction: NVLink and the like
  double inter_node_bytes_per_s = 0;  // of one device, one direction: InfiniBand, Ethernet
  /// Share of these limits that work reaches here, where it was measured; none: the planner's own.
  std::optional<Range> efficiency;
  std::optional<DatedPrice> rental;        // $ per device and hour
  std::optional<DatedPrice> capex;         // $ per device, with its share of server and network
  double life_years = 0, utilisation = 1;  // of capex: straight line, over the hours in use
  std::optional<DatedPrice> electricity;   // $ per kWh
  double watts = 0;    // of one device with its share of the server, at full load
  double draw = 0.75;  // the mean share of `watts`. Source: Epoch's training-cost method, for GPUs
  double pue = 1.25;   // power of the building over power of the machines

  int64_t nodes() const { return (devices + devices_per_node - 1) / devices_per_node; }
};

/// Reads a machine's TOML (docs/cost.md, "A machine"); data/machines/ holds examples. `device`
/// names a device of the catalogue: fill_from_device then fills what the file leaves out. Errors:
/// an unknown key, a wrong unit, a price without a date, each by its place.
Result<Machine> read_machine(const std::filesystem::path& path);
Result<Machine> parse_machine(std::string_view toml_text, const std::string& where);

/// What the machine does not state, from the catalogue's entry of its device.
void fill_from_device(Machine& machine, const Device& device);
/// The catalogue's prices of the newest month that has one ("rental", "purchase", of a device;
/// "electricity"), as one range with the geometric mean between; nothing where there is none.
std::optional<DatedPrice> newest_price(const Catalogue& catalogue, std::string_view what,
                                       std::string_view device);

/// Error: "MACHINE: a peak in fp8 wanted, only bf16 found".
Result<double> peak_of(const Machine& machine, std::string_view precision);

/// Seconds of the main model's FLOPs (flops.total) on one device at its peaks: matrix products in
/// `precision`; the attention core, router and head no lower than bf16. Requires: peak_of has it.
double peak_seconds(const Machine& machine, std::string_view precision, const FlopsPerToken& flops);

/// What a roofline needs beside peaks: memory.bandwidth, and network.intra_node and inter_node
/// where there are devices and nodes to join. Error: the first that is not stated, and
/// `wanted_for`.
Status check_bandwidths(const Machine& machine, std::string_view wanted_for);

/// `wanted`, or f32 where bf16 is wanted and the machine knows f32 alone.
std::string usual_precision(const Machine& machine, std::string_view wanted);

/// What large runs reached of the planner's roofline: 40% to 70% in bf16, 20% to 45% in fp8, whose
/// scaling and promotion to f32 cost much of what its peak promises. DeepSeek-V3's run lies at 25%
/// of fp8's (docs/cost.md). Small models on a CPU reach less.
Range usual_efficiency(std::string_view precision);

/// What device-hours on a machine cost, each at its own basis.
struct RunCost {
  Range device_hours;
  std::optional<Range> kwh;         // device-hours x watts x draw x PUE
  std::optional<Range> energy_usd;  // of that
  std::optional<Range> rental_usd;  // device-hours x rental
  /// device-hours x capex / (life x 8760 h x utilisation), energy not in it
  std::optional<Range> owned_usd;
  /// The one to quote: rental where there is a rate, else owned + energy, else energy alone.
  std::optional<Range> usd;
  std::string basis;  // "rental", "straight-line + energy", "straight-line", "energy", or empty
};
RunCost cost_of(const Machine& machine, const Range& device_hours);

}  // namespace fathom
