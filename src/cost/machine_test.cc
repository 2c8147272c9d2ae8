#include "cost/machine.h"

#include <gtest/gtest.h>

namespace fathom {
namespace {

constexpr const char* kMachine = R"(name = "2,048 H800"
device = "h800"
devices = 2048
devices_per_node = 8
[peak]
bf16 = "989 TFLOP/s"
[memory]
size = "80 GB"
bandwidth = "3.35 TB/s"
[network]
intra_node = "160 GB/s"
inter_node = "50 GB/s"
[rental]
usd_per_hour = "$2/h"
date = "2024-12"
source = "DeepSeek-V3"
[capex]
usd_per_device = "$64K"
date = "2024-12"
life = "3 years"
utilisation = "60%"
[power]
watts = "1.275 kW"
draw = "75%"
pue = 1.25
usd_per_kwh = "$0.08/kWh"
date = "2024-07"
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}
std::string refusal(const std::string& from, const std::string& to) {
  return parse_machine(replaced(kMachine, from, to), "m.toml").message();
}

TEST(Machine, IsReadWithItsUnits) {
  const Machine m = parse_machine(kMachine, "m.toml").value();
  EXPECT_EQ(m.devices, 2048);
  EXPECT_EQ(m.nodes(), 256);
  EXPECT_EQ(peak_of(m, "bf16").value(), 989e12);
  EXPECT_EQ(m.memory_bytes, 80e9);
  EXPECT_EQ(m.inter_node_bytes_per_s, 50e9);
  EXPECT_EQ(m.rental->usd, Range::exactly(2));
  EXPECT_EQ(m.rental->date, "2024-12");
  EXPECT_EQ(m.watts, 1275);
}

TEST(Machine, APriceWithoutADateIsRefused) {
  EXPECT_EQ(refusal("date = \"2024-12\"\nsource = \"DeepSeek-V3\"\n", ""),
            "m.toml:13: rental: usd_per_hour: a price with its date wanted (date = \"2024-12\"), "
            "none found");
  EXPECT_NE(refusal("2024-07", "July").find("a date (2024-12-27 or 2024-12) wanted"),
            std::string::npos);
}

TEST(Machine, AWrongUnitANegativeOrUnknownKeyIsRefused) {
  EXPECT_NE(refusal("80 GB", "80 TFLOP/s").find("\"80 TFLOP/s\" found"), std::string::npos);
  EXPECT_NE(refusal("$2/h", "$-2/h"), "");
  EXPECT_NE(refusal("$2/h", "2 h").find("$/h"), std::string::npos);
  EXPECT_NE(refusal("draw", "drawn").find("unknown key \"drawn\""), std::string::npos);
  EXPECT_NE(refusal("devices = 2048", "devices = 0"), "");
  EXPECT_NE(refusal("utilisation = \"60%\"", "utilisation = \"0%\"").find("utilisation"),
            std::string::npos);
}

TEST(Machine, APrecisionWithoutPeakIsRefusedByName) {
  const Machine m = parse_machine(kMachine, "m.toml").value();
  EXPECT_EQ(peak_of(m, "fp8").message(), "2,048 H800: a peak in fp8 wanted, only bf16 found");
}

// cost.md §4.3: straight line at $64K: 3 years at 100% use $2.44, at 60% $4.06, 4 years at 60%
// $3.04; energy of V3's 2.788M h at 1.275 kW x 0.75 x 1.25: 3.33 GWh.
TEST(Cost, OwnedHardwareIsAStraightLineOverTheHoursInUse) {
  Machine m = parse_machine(kMachine, "m.toml").value();
  const auto per_hour = [&](double years, double use) {
    m.life_years = years, m.utilisation = use;
    return cost_of(m, Range::exactly(1)).owned_usd->mid;
  };
  EXPECT_NEAR(per_hour(3, 1), 2.44, 0.005);
  EXPECT_NEAR(per_hour(3, 0.6), 4.06, 0.005);
  EXPECT_NEAR(per_hour(4, 0.6), 3.04, 0.005);
}

TEST(Cost, EnergyIsHoursTimesPowerDrawAndPue) {
  const Machine m = parse_machine(kMachine, "m.toml").value();
  const RunCost c = cost_of(m, Range::exactly(2.788e6));
  EXPECT_NEAR(c.kwh->mid / 1e6, 3.33, 0.005);
  EXPECT_NEAR(c.energy_usd->mid, 0.267e6, 0.001e6);
}

TEST(Cost, QuotesRentThenOwnershipThenEnergyAndNamesIt) {
  Machine m = parse_machine(kMachine, "m.toml").value();
  const Range hours = {1, 2, 3};
  EXPECT_EQ(cost_of(m, hours).basis, "rental");
  EXPECT_EQ(*cost_of(m, hours).usd, (Range{2, 4, 6}));
  m.rental.reset();
  const RunCost owned = cost_of(m, hours);
  EXPECT_EQ(owned.basis, "straight-line + energy");
  EXPECT_EQ(*owned.usd, *owned.owned_usd + *owned.energy_usd);
  m.capex.reset();
  EXPECT_EQ(cost_of(m, hours).basis, "energy");
  m.electricity.reset();
  EXPECT_FALSE(cost_of(m, hours).usd.has_value());
}

TEST(Machine, KnowsWhatShareOfItsLimitsWorkReaches) {
  const std::string text = "efficiency = \"15%..45%\"\n" + std::string(kMachine);
  EXPECT_EQ(parse_machine(text, "m.toml").value().efficiency->high, 0.45);
  EXPECT_FALSE(parse_machine("efficiency = \"0%\"", "m.toml").ok());
  Machine f32;
  f32.peak_flops["f32"] = 1e12;
  EXPECT_EQ(usual_precision(f32, "bf16"), "f32");
  EXPECT_EQ(usual_precision(f32, "fp8"), "fp8");
}

TEST(Machine, TheCatalogueFillsWhatItLeavesOut) {
  Device d;
  d.title = "H800 SXM", d.name = "h800";
  d.peak = {{"bf16", 1e15}, {"fp8", 2e15}};
  d.link_bytes_per_s = 400e9;
  Machine m = parse_machine(kMachine, "m.toml").value();
  fill_from_device(m, d);
  EXPECT_EQ(m.peak_flops.at("bf16"), 989e12);  // its own stays
  EXPECT_EQ(m.peak_flops.at("fp8"), 2e15);
  EXPECT_EQ(m.intra_node_bytes_per_s, 160e9);
  Machine bare;
  fill_from_device(bare, d);
  EXPECT_EQ(bare.intra_node_bytes_per_s, 200e9);  // one direction of both
  EXPECT_EQ(bare.name, "H800 SXM");
}

}  // namespace
}  // namespace fathom
