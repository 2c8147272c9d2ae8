#include "cost/units.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace fathom {
namespace {

double parsed(std::string_view text, Quantity q) {
  const auto r = parse_quantity(text, q, "here");
  EXPECT_TRUE(r.ok()) << text << ": " << (r.ok() ? "" : r.message());
  return r.ok() ? r.value() : -1;
}

std::string refusal(std::string_view text, Quantity q) {
  const auto r = parse_quantity(text, q, "here");
  EXPECT_FALSE(r.ok()) << text << " was read as " << (r.ok() ? r.value() : 0);
  return r.ok() ? "" : r.message();
}

TEST(Units, AreReadAsPeopleWriteThem) {
  const struct {
    const char* text;
    Quantity quantity;
    double value;
  } cases[] = {
      {"2.788M h", Quantity::kDeviceHours, 2.788e6},
      {"2.788M GPU-h", Quantity::kDeviceHours, 2.788e6},
      {"2,788,000 h", Quantity::kDeviceHours, 2.788e6},
      {"2.788M H800 GPU hours", Quantity::kDeviceHours, 2.788e6},
      {"132M TPUv4-h", Quantity::kDeviceHours, 132e6},
      {"180K H800-hours", Quantity::kDeviceHours, 180e3},
      {"14.8T tokens", Quantity::kTokens, 14.8e12},
      {"14.8 trillion tokens", Quantity::kTokens, 14.8e12},
      {"272.8B tokens/day", Quantity::kTokensPerS, 272.8e9 / 86400},
      {"73.7k tokens/s", Quantity::kTokensPerS, 73.7e3},
      {"3.41e24 FLOP", Quantity::kFlops, 3.41e24},
      {"250 GFLOP/token", Quantity::kFlopsPerToken, 250e9},
      {"385 TFLOP/s", Quantity::kFlopsPerS, 385e12},
      {"385TFLOPS", Quantity::kFlopsPerS, 385e12},
      {"54.2 d", Quantity::kSeconds, 54.2 * 86400},
      {"3 weeks", Quantity::kSeconds, 21 * 86400},
      {"70.272 kB", Quantity::kBytes, 70272},
      {"70,272 bytes", Quantity::kBytes, 70272},
      {"80 GiB", Quantity::kBytes, 80.0 * 1024 * 1024 * 1024},
      {"400 Gbit/s", Quantity::kBytesPerS, 50e9},
      {"3.35 TB/s", Quantity::kBytesPerS, 3.35e12},
      {"10.2 kW", Quantity::kWatts, 10200},
      {"3.33 GWh", Quantity::kJoules, 3.33e9 * 3600},
      {"$5.576M", Quantity::kUsd, 5.576e6},
      {"5.576M USD", Quantity::kUsd, 5.576e6},
      {"USD 5.576 million", Quantity::kUsd, 5.576e6},
      {"$ 87,072", Quantity::kUsd, 87072},
      {"$2/h", Quantity::kUsdPerHour, 2},
      {"2 $/GPU-h", Quantity::kUsdPerHour, 2},
      {"$2 per H800 hour", Quantity::kUsdPerHour, 2},
      {"$0.08/kWh", Quantity::kUsdPerKwh, 0.08},
      {"$82.6/MWh", Quantity::kUsdPerKwh, 0.0826},
      {"$2.19/Mtok", Quantity::kUsdPerMtok, 2.19},
      {"$2.19 per million tokens", Quantity::kUsdPerMtok, 2.19},
      {"671B parameters", Quantity::kParameters, 671e9},
      {"37B", Quantity::kParameters, 37e9},
      {"18 months", Quantity::kYears, 1.5},
      {"43.7%", Quantity::kFraction, 0.437},
      {"0.437", Quantity::kFraction, 0.437},
      {"2048", Quantity::kCount, 2048},
      {"16,384 GPUs", Quantity::kCount, 16384},
      {"648 H800", Quantity::kCount, 648},
      {"2.3x", Quantity::kCount, 2.3},
      {"1.5e+3", Quantity::kCount, 1500},
      {"2.5e-1", Quantity::kCount, 0.25},
  };
  for (const auto& c : cases) {
    EXPECT_NEAR(parsed(c.text, c.quantity) / c.value, 1, 1e-12) << c.text;
  }
}

TEST(Units, AWrongUnitIsAnErrorThatNamesBoth) {
  EXPECT_EQ(refusal("2.788M tokens", Quantity::kDeviceHours),
            "here: a number in h (such as 2.788M h) wanted, \"2.788M tokens\" found");
  EXPECT_EQ(refusal("2.788M", Quantity::kDeviceHours),
            "here: a number in h (such as 2.788M h) wanted, \"2.788M\" found");
  EXPECT_EQ(refusal("$2", Quantity::kUsdPerHour),
            "here: a number in $/h (such as $2/h) wanted, \"$2\" found");
  const std::pair<const char*, Quantity> wrong[] = {
      {"2.788M kW-h", Quantity::kDeviceHours},
      {"$2 h", Quantity::kDeviceHours},
      {"5.6M", Quantity::kUsd},
      {"5.6M EUR", Quantity::kUsd},
      {"$$5", Quantity::kUsd},
      {"$5 $", Quantity::kUsd},
      {"14.8T", Quantity::kTokens},
      {"14.8T tokens/s", Quantity::kTokens},
      {"14.8t tokens", Quantity::kTokens},
      {"385 TFLOP", Quantity::kFlopsPerS},
      {"385 TFLOP/s", Quantity::kFlops},
      {"3 GB/s", Quantity::kBytes},
      {"10 kWh", Quantity::kWatts},
      {"10 kW", Quantity::kJoules},
      {"$2/h", Quantity::kUsdPerKwh},
      {"$2/kWh", Quantity::kUsdPerHour},
      {"43.7", Quantity::kFraction},
      {"120%", Quantity::kFraction},
      {"37B tokens", Quantity::kParameters},
      {"4", Quantity::kYears},
      {"54", Quantity::kSeconds},
      {"2.788M GPU", Quantity::kDeviceHours},
      {"2048 h", Quantity::kCount},
  };
  for (const auto& [text, quantity] : wrong) EXPECT_NE(refusal(text, quantity), "") << text;
}

TEST(Units, WhatIsNoNumberIsRefused) {
  for (const char* text :
       {"",       " ",        "h",       "M h",   "1.2.3 h", "1, 2 h", "1,23 h",  "12,3456 h",
        ",123 h", "1,234, h", "1. h",    ".5 h",  "0x10 h",  "nan h",  "inf h",   "1e400 h",
        "1e h",   "1e- h",    "1e--3 h", "--1 h", "+1 h",    "1 h h",  "1 M K h", "1 h\n2"}) {
    EXPECT_NE(refusal(text, Quantity::kDeviceHours), "") << text;
  }
  EXPECT_EQ(refusal("-5 h", Quantity::kDeviceHours),
            "here: a number of 0 or more wanted, \"-5 h\" found");
  EXPECT_EQ(refusal("$-5", Quantity::kUsd), "here: a number of 0 or more wanted, \"$-5\" found");
  EXPECT_NE(refusal("-5 tokens", Quantity::kDeviceHours).find("in h"), std::string::npos);
}

TEST(Units, AreWrittenAsPeopleReadThem) {
  EXPECT_EQ(human_quantity(2.788e6, Quantity::kDeviceHours), "2.788M h");
  EXPECT_EQ(human_quantity(172800, Quantity::kDeviceHours), "172.8K h");
  EXPECT_EQ(human_quantity(5.576e6, Quantity::kUsd), "$5.576M");
  EXPECT_EQ(human_quantity(87072, Quantity::kUsd), "$87.07K");
  EXPECT_EQ(human_quantity(14.8e12, Quantity::kTokens), "14.8T tokens");
  EXPECT_EQ(human_quantity(385e12, Quantity::kFlopsPerS), "385 TFLOP/s");
  EXPECT_EQ(human_quantity(1979e12, Quantity::kFlopsPerS), "1979 TFLOP/s");
  EXPECT_EQ(human_quantity(3.41e24, Quantity::kFlops), "3.41e24 FLOP");
  EXPECT_EQ(human_quantity(1e24, Quantity::kFlops), "1e24 FLOP");
  EXPECT_EQ(human_quantity(70272, Quantity::kBytes), "70.27 kB");
  EXPECT_EQ(human_quantity(0.437, Quantity::kFraction), "43.7%");
  EXPECT_EQ(human_quantity(0.08, Quantity::kUsdPerKwh), "$0.08/kWh");
  EXPECT_EQ(human_quantity(2, Quantity::kUsdPerHour), "$2/h");
  EXPECT_EQ(human_quantity(3.33e9 * 3600, Quantity::kJoules), "3.33 GWh");
  EXPECT_EQ(human_quantity(54.25 * 86400, Quantity::kSeconds), "54.25 d");
  EXPECT_EQ(human_quantity(2048, Quantity::kCount), "2048");
  EXPECT_EQ(human_quantity(INFINITY, Quantity::kFlops), "inf EFLOP") << "no power of ten of it";
  EXPECT_EQ(human_quantity(Range{20e6, 30e6, 59e6}, Quantity::kUsd), "$20M to $59M");
  EXPECT_EQ(human_quantity(Range::exactly(2), Quantity::kUsdPerHour), "$2/h");
}

TEST(Units, WhatIsWrittenReadsBack) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> power(-3, 17), share(0, 1);
  for (int q = 0; q <= static_cast<int>(Quantity::kYears); ++q) {
    const auto quantity = static_cast<Quantity>(q);
    for (int i = 0; i < 2000; ++i) {
      const double x =
          quantity == Quantity::kFraction ? share(random) : std::pow(10.0, power(random));
      const std::string text = human_quantity(x, quantity);
      EXPECT_NEAR(parsed(text, quantity) / x, 1, 6e-4) << text;  // four significant digits
    }
    EXPECT_EQ(parsed(human_quantity(0, quantity), quantity), 0);
  }
}

}  // namespace
}  // namespace fathom
