#include "cost/trend.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fathom {
namespace {

TEST(Trend, FourTimesAYearMakesSonnetsCostV3s) {
  // Amodei, On DeepSeek and Export Controls, 2025-01-29: about 4x a year; "a few $10M's" nine to
  // twelve months before.
  const double years = years_between(YearMonth{2024, 3}, YearMonth{2024, 12});
  EXPECT_DOUBLE_EQ(years, 0.75);
  EXPECT_NEAR(project_cost(Range::exactly(25e6), years, Range::exactly(4)).mid, 8.8e6, 0.05e6);
}

TEST(Trend, V3AgainTwoYearsLater) {
  const double years = years_between(YearMonth{2024, 12}, YearMonth{2026, 11});
  EXPECT_NEAR(project_cost(Range::exactly(5.576e6), years, Range::exactly(4)).mid, 0.39e6, 0.005e6);
  EXPECT_NEAR(project_cost(Range::exactly(5.576e6), years, cost_factor(published_factors())).mid,
              0.39e6, 0.05e6);
}

TEST(Trend, PublishedFactorsMultiplyToAboutFour) {
  const TrendFactors f = published_factors();
  EXPECT_NEAR(f.algorithmic.per_year.mid, 2.83, 0.005);   // halving in 8 months
  EXPECT_NEAR(f.algorithmic.per_year.low, 1.81, 0.005);   // 14 months
  EXPECT_NEAR(f.algorithmic.per_year.high, 5.28, 0.005);  // 5 months
  EXPECT_NEAR(f.hardware.per_year.mid, 1.38, 0.005);
  EXPECT_NEAR(cost_factor(f).mid, 3.9, 0.05);
  for (const Factor* x : {&f.algorithmic, &f.hardware, &f.spending}) {
    EXPECT_LT(x->per_year.low, x->per_year.mid);
    EXPECT_LT(x->per_year.mid, x->per_year.high);
    EXPECT_NE(x->source, "");
    EXPECT_NE(x->date, "");
  }
}

TEST(Trend, BackwardIsForwardTurnedRound) {
  const Range usd = {4e6, 5e6, 6e6}, factor = {2, 4, 8};
  const Range back = project_cost(usd, -1, factor);
  EXPECT_EQ(back, (Range{8e6, 20e6, 48e6}));
  EXPECT_EQ(project_cost(usd, 1, factor), (Range{0.5e6, 1.25e6, 3e6}));
  EXPECT_EQ(project_cost(usd, 0, factor), usd);
}

TEST(Trend, ABudgetIsReachedByTheFastestFactorFirst) {
  const YearsUntil years = years_until({8e6, 8e6, 8e6}, 1e6, {2, 4, 8});
  EXPECT_NEAR(years.low, 1, 1e-12);
  EXPECT_NEAR(years.mid, 1.5, 1e-12);
  EXPECT_NEAR(*years.high, 3, 1e-12);
  EXPECT_FALSE(years_until({8e6, 8e6, 8e6}, 1e6, {1, 4, 8}).high)
      << "a factor of 1 never gets there";
  EXPECT_EQ(years_until({8e6, 8e6, 8e6}, 9e6, {2, 4, 8}).mid, 0);
}

TrendInputs inputs() {
  TrendInputs in;
  in.capability = {"v3", {2024, 12}, Range::exactly(5.576e6), "rental", "report"};
  in.frontier =
      TrendPoint{"gpt-4", {2023, 3}, Range::exactly(40.7e6), "amortised", "model_costs.csv"};
  in.factors = published_factors();
  in.factors.combined = Factor{Range::exactly(4), "Amodei", "2025-01-29"};
  in.from = {2023, 12};
  in.to = {2026, 11};
  return in;
}

TEST(Trend, BothHalvesAreSeen) {
  const auto trend = build_trend(inputs(), 6);
  ASSERT_TRUE(trend.ok()) << trend.message();
  const auto& rows = trend.value().rows;
  EXPECT_EQ(rows.front().month, (YearMonth{2023, 12}));
  EXPECT_EQ(rows.back().month, (YearMonth{2026, 11}));
  EXPECT_NEAR(rows.front().usd.mid, 4 * 5.576e6, 1);
  EXPECT_NEAR(rows.back().usd.mid, 0.39e6, 0.005e6);
  EXPECT_LT(rows.front().frontier_usd->mid, rows.back().frontier_usd->mid);
  // 2.4x a year from March 2023 to November 2026: 3 years and 8 months.
  EXPECT_NEAR(rows.back().frontier_usd->mid / 40.7e6, std::pow(2.4, 44 / 12.0), 1e-6);
  EXPECT_NEAR(rows.back().frontier_usd->low / 40.7e6, std::pow(2.0, 44 / 12.0), 1e-6);
}

TEST(Trend, ABudgetHasItsMonth) {
  TrendInputs in = inputs();
  in.budget_usd = 5.576e6 / 4;
  const auto trend = build_trend(in, 12);
  ASSERT_TRUE(trend.ok()) << trend.message();
  EXPECT_EQ(trend.value().budget->mid, (YearMonth{2025, 12}));
  in.budget_usd = 1e9;
  EXPECT_TRUE(build_trend(in, 12).value().budget->at_once);
}

TEST(Trend, BadInputIsOneSentence) {
  TrendInputs in = inputs();
  in.to = {2020, 1};
  EXPECT_EQ(build_trend(in, 6).message(), "trend: an end after 2023-12 wanted, 2020-01 found");
  in = inputs();
  in.budget_usd = 1000;
  in.factors.combined->per_year = Range::exactly(0.9);
  EXPECT_EQ(build_trend(in, 6).message(),
            "trend: a factor above 1 a year wanted to reach a budget, 0.9 found");
  in.factors.combined->per_year = Range::exactly(1 + 1e-12);
  EXPECT_EQ(build_trend(in, 6).message(),
            "trend: a factor that reaches the budget within 100 years wanted, 1 a year found");
}

TEST(Trend, MonthsAndFactorsAreRead) {
  EXPECT_EQ(parse_year_month("2024-12", "x").value(), (YearMonth{2024, 12}));
  EXPECT_EQ(parse_year_month("2024-12-27", "x").value(), (YearMonth{2024, 12}));
  for (const char* bad :
       {"", "2024", "2024-13", "2024/12", "2024-12-", "2024-12-99", "12-2024", "next year"}) {
    EXPECT_FALSE(parse_year_month(bad, "--at").ok()) << bad;
  }
  EXPECT_EQ(add_months({2024, 12}, 1), (YearMonth{2025, 1}));
  EXPECT_EQ(add_months({2024, 1}, -1), (YearMonth{2023, 12}));
  EXPECT_EQ(parse_factor("3", "x").value(), Range::exactly(3));
  EXPECT_EQ(parse_factor("1.8:2.8:5.3", "x").value(), (Range{1.8, 2.8, 5.3}));
  for (const char* bad :
       {"", "x", "3:2:1", "2:1", "0", "-1", "1:2:3:4", "1:2:3y", "1:", ":1", "nan", "inf"})
    EXPECT_FALSE(parse_factor(bad, "x").ok()) << bad;
}

}  // namespace
}  // namespace fathom
