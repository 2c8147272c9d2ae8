#include "cost/ladder.h"

#include <gtest/gtest.h>

#include "cost/catalogue_ladder.h"
#include "cost/money_text.h"

namespace fathom {
namespace {

constexpr const char* kReport = "DeepSeek-V3 Technical Report, arXiv:2412.19437, table 1";

/// V3's own books, and the inputs of the formula as they are published.
LadderInputs v3() {
  LadderInputs in;
  in.run = "deepseek-v3";
  in.device = "h800-sxm";
  in.phases = {{"pretraining", Range::exactly(2.664e6), kReport, "2024-12-27"},
               {"context-extension", Range::exactly(0.119e6), kReport, "2024-12-27"},
               {"post-training", Range::exactly(0.005e6), kReport, "2024-12-27"}};
  in.rental_usd_per_hour = Figure{Range::exactly(2), kReport, "2024-12-27"};
  in.device_usd = Figure{{31.7e3, 37.66e3, 44.75e3}, "Epoch, price database", "2024-12"};
  in.amortisation.years_since_purchase = 1.5;
  in.straight_line = StraightLine{};
  PowerModel p;
  p.server_watts = Range::exactly(1275);
  p.pue = Range::exactly(1.25);
  p.usd_per_kwh = Range::exactly(0.08);
  in.power = p;
  in.rd_factor = published_rd_factor();
  in.staff_share = published_staff_share();
  in.n_devices = Figure{Range::exactly(2048), kReport, "2024-12-27"};
  return in;
}

Range usd(const LadderInputs& in, const char* id) { return rung(build_ladder(in), id).usd.value(); }

TEST(Ladder, V3AtARentalPriceIsThePublishedSum) {
  EXPECT_NEAR(usd(v3(), "one_phase").mid, 5.328e6, 1);
  EXPECT_NEAR(usd(v3(), "all_phases").mid, 5.576e6, 1);
  LadderInputs both = v3();  // R1-Zero, SFT data, R1: Nature, 2025-09-17
  for (const double hours : {101e3, 5e3, 41e3})
    both.phases.push_back({"r1", Range::exactly(hours), "Nature", "2025-09-17"});
  EXPECT_NEAR(usd(both, "all_phases").mid, 5.87e6, 1e4);
}

TEST(Ladder, OwnedHardwareIsAmortisedByEpochsFormula) {
  const Range rate =
      amortised_usd_per_hour(acquisition_usd({v3().device_usd->value}), v3().amortisation);
  EXPECT_NEAR(rate.low, 1.45, 0.01);
  EXPECT_NEAR(rate.high, 2.05, 0.01);
  EXPECT_NEAR(usd(v3(), "owned").low, 4.0e6, 0.05e6);
  EXPECT_NEAR(usd(v3(), "owned").high, 5.7e6, 0.05e6);
}

TEST(Ladder, ThePrintedSignMakesOldHardwareDearer) {
  const Range price = Range::exactly(1);
  const double at_start = amortised_usd_per_hour(price, {0}).mid;
  EXPECT_NEAR(amortised_usd_per_hour(price, {1}).mid / at_start, 0.72,
              0.005);  // the paper's text: 72 % after a year
  EXPECT_NEAR(amortised_usd_per_hour(price, {1, 0.14, ExponentSign::kAsPrinted}).mid / at_start,
              1 / 0.7244, 1e-3);
}

TEST(Ladder, ServerAndNetworkAreSwitchedByTheirFactors) {
  const Range chip = Range::exactly(31.7e3);
  EXPECT_NEAR(acquisition_usd({chip}).mid, 63.9e3, 100);
  EXPECT_NEAR(acquisition_usd({Range::exactly(44.75e3)}).mid, 90.3e3, 100);
  EXPECT_NEAR(acquisition_usd({chip, 1.64, 1}).mid, 52.0e3, 100);
  EXPECT_DOUBLE_EQ(acquisition_usd({chip, 1, 1}).mid, 31.7e3);
}

TEST(Ladder, EnergyIsKilowattHoursAtAPrice) {
  EXPECT_NEAR(build_ladder(v3()).energy_kwh->mid, 3.33e6, 0.01e6);
  const double energy = usd(v3(), "energy").mid - usd(v3(), "owned").mid;
  EXPECT_NEAR(energy, 0.27e6, 0.005e6);
}

TEST(Ladder, StraightLineMovesMoreWithLifeAndUseThanWithThePrice) {
  const auto rate = [](double life, double use) {
    return straight_line_usd_per_hour(Range::exactly(64e3),
                                      {Range::exactly(life), Range::exactly(use)})
        .mid;
  };
  EXPECT_NEAR(rate(3, 1.0), 2.44, 0.005);
  EXPECT_NEAR(rate(3, 0.6), 4.06, 0.005);
  EXPECT_NEAR(rate(4, 0.6), 3.04, 0.005);
  EXPECT_NEAR(rate(5, 0.6), 2.44, 0.005);
}

TEST(Ladder, ExperimentsMultiplyTheFinalRun) {
  LadderInputs in = v3();
  in.upper_base = UpperBase::kRental;
  in.phases.push_back({"r1", Range::exactly(147e3), "Nature", "2025-09-17"});
  EXPECT_NEAR(usd(in, "experiments").low, 20e6, 0.5e6);  // 3.3 to 10 times $5.87M
  EXPECT_NEAR(usd(in, "experiments").high, 59e6, 0.5e6);
  const Range owned = usd(v3(), "energy"), all = usd(v3(), "experiments");
  EXPECT_NEAR(all.low / owned.low, 3.33, 0.01);
  EXPECT_NEAR(all.high / owned.high, 10, 1e-9);
}

TEST(Ladder, StaffIsAShareOfTheWhole) {
  const Range before = usd(v3(), "experiments"), after = usd(v3(), "staff");
  EXPECT_NEAR(1 - before.low / after.low, 0.29, 1e-9);
  EXPECT_NEAR(1 - before.high / after.high, 0.49, 1e-9);
}

TEST(Ladder, TheClusterCostsThirtyTimesTheRun) {
  EXPECT_NEAR(usd(v3(), "cluster").low, 131e6, 0.5e6);
  EXPECT_NEAR(usd(v3(), "cluster").high, 185e6, 0.5e6);
}

TEST(Ladder, RungsAreTheSameForAnyRun) {
  const Ladder full = build_ladder(v3()), empty = build_ladder({});
  ASSERT_EQ(full.rungs.size(), 10u);
  ASSERT_EQ(empty.rungs.size(), 10u);
  for (size_t i = 0; i < full.rungs.size(); ++i) {
    EXPECT_EQ(full.rungs[i].id, empty.rungs[i].id);
    EXPECT_FALSE(empty.rungs[i].usd) << empty.rungs[i].id;
    EXPECT_EQ(empty.rungs[i].basis, Basis::kUnknown);
    EXPECT_NE(empty.rungs[i].how, "") << "why it is unknown";
  }
}

TEST(Ladder, EveryKnownRungHasBasisSourceAndDate) {
  for (const Rung& r : build_ladder(v3()).rungs) {
    if (!r.usd) continue;
    EXPECT_NE(r.basis, Basis::kUnknown) << r.id;
    EXPECT_NE(r.source, "") << r.id;
    EXPECT_NE(r.date, "") << r.id;
    EXPECT_LE(r.usd->low, r.usd->mid) << r.id;
    EXPECT_LE(r.usd->mid, r.usd->high) << r.id;
  }
}

TEST(Ladder, AnUnknownInputMakesOnlyItsRungsUnknown) {
  LadderInputs in = v3();
  in.n_devices.reset();
  in.power.reset();
  const Ladder ladder = build_ladder(in);
  EXPECT_FALSE(rung(ladder, "cluster").usd);
  EXPECT_FALSE(rung(ladder, "energy").usd);
  EXPECT_TRUE(rung(ladder, "owned").usd);
  // What stands above takes the rental price then, and says so.
  EXPECT_NE(rung(ladder, "experiments").how.find("rental"), std::string::npos)
      << rung(ladder, "experiments").how;
}

TEST(Ladder, AStatementFillsARungThatCannotBeComputed) {
  LadderInputs in;
  in.stated = {{Basis::kAmortised, Range::exactly(40e6), "A", "a.csv", "2024-05", ""},
               {Basis::kAmortised, Range::exactly(90e6), "A", "b.csv", "2025-06", ""},
               {Basis::kStatement, Range::exactly(100e6), "B", "an interview", "2023-04", ""}};
  const Ladder ladder = build_ladder(in);
  const Rung& energy = rung(ladder, "energy");
  EXPECT_EQ(energy.usd->low, 40e6);
  EXPECT_NEAR(energy.usd->mid, 60e6, 1);  // sqrt(40 x 90)
  EXPECT_EQ(energy.usd->high, 90e6);
  EXPECT_TRUE(energy.stated_only);
  EXPECT_EQ(energy.date, "2025-06");
  EXPECT_FALSE(rung(ladder, "owned").usd) << "stated together with energy, never told apart";
  ASSERT_EQ(ladder.unplaced.size(), 1u) << "a statement without contents stands on no rung";
}

TEST(Ladder, OneClusterIsSharedByHours) {
  const auto shares =
      share_by_hours(Range{90, 100, 110}, {{"v3", 2.788e6}, {"r1", 0.147e6}, {"idle", 0}});
  EXPECT_NEAR(shares[0].fraction, 0.95, 0.001);
  EXPECT_NEAR(shares[0].usd->mid + shares[1].usd->mid, 100, 1e-9);
  EXPECT_EQ(shares[2].usd->mid, 0);
}

TEST(MoneyText, HasThreeDigitsAndNoFalseOnes) {
  EXPECT_EQ(usd_text(5.576e6), "$5.58M");
  EXPECT_EQ(usd_text(2), "$2");
  EXPECT_EQ(usd_text(2.4), "$2.40");
  EXPECT_EQ(usd_text(999.9e6), "$1B");
  EXPECT_EQ(usd_range_text({4.04e6, 5e6, 5.71e6}), "$4.04-5.71M");
  EXPECT_EQ(usd_range_text({944e6, 1e9, 1.6e9}), "$944M-1.6B");
  EXPECT_EQ(count_text(2048), "2,048");
  EXPECT_EQ(count_text(2.788e6), "2.79M");
  EXPECT_EQ(percent_range_text({0.29, 0.39, 0.49}), "29-49 %");
}

}  // namespace
}  // namespace fathom
