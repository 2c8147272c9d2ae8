// Comparisons, ladders and trends from the repository's own catalogue.
#include "cost/compare.h"

#include <gtest/gtest.h>

#include "cost/catalogue_trend.h"
#include "cost/cost_sections.h"
#include "cost/test_catalogue.h"

namespace fathom {
namespace {

const Catalogue& catalogue() { return shipped_catalogue(); }

Ladder ladder(const char* name, const LadderOptions& options = {}) {
  auto l = ladder_of(catalogue(), name, options);
  EXPECT_TRUE(l.ok()) << l.message();
  return std::move(l).value();
}
Range usd(const Ladder& l, const char* id) { return rung(l, id).usd.value(); }

TEST(CatalogueLadder, V3IsItsOwnBooks) {
  const Ladder v3 = ladder("deepseek-v3");
  EXPECT_NEAR(usd(v3, "one_phase").mid, 5.328e6, 1);
  EXPECT_NEAR(usd(v3, "all_phases").mid, 5.576e6, 1);
  EXPECT_NEAR(usd(v3, "cluster").low, 131e6, 0.5e6);
  EXPECT_NEAR(usd(v3, "cluster").high, 185e6, 0.5e6);
  EXPECT_EQ(usd(v3, "company").low, 1e9);
  EXPECT_EQ(usd(v3, "company").high, 1.6e9);
  EXPECT_GT(usd(v3, "owned").low, 3.7e6);  // about 1.6 years old: between $4.0M and $5.7M at 1.5
  EXPECT_LT(usd(v3, "owned").high, 5.7e6);
}

TEST(CatalogueLadder, R1StandsOnV3AndHasR1ZeroInIt) {
  const Ladder r1 = ladder("deepseek-r1");
  EXPECT_NEAR(usd(r1, "all_phases").mid, 294e3, 1) << "147K hours, R1-Zero's 101K counted once";
  ASSERT_FALSE(r1.borrowed.empty());
  EXPECT_EQ(r1.borrowed[0].what, "base model deepseek-v3");
  EXPECT_NEAR(r1.borrowed[0].usd->mid + usd(r1, "all_phases").mid, 5.87e6, 1e4);
  EXPECT_FALSE(r1.borrowed.back().usd) << "teachers and data: unknown, and a line of its own";
  EXPECT_NE(rung(r1, "cluster").how.find("512 devices"), std::string::npos)
      << "the maker's count, not the press's 648";
}

TEST(CatalogueLadder, V2TakesItsMakersHoursNotTheDatabases) {
  const LadderInputs in = ladder_inputs(catalogue(), *catalogue().model("deepseek-v2").value());
  ASSERT_EQ(in.phases.size(), 1u);
  EXPECT_NEAR(in.phases[0].device_hours.mid, 1.40e6, 0.01e6);
}

TEST(CatalogueLadder, OneClusterForTwoRuns) {
  LadderOptions options;
  options.shared_with = {"deepseek-r1"};
  const Ladder v3 = ladder("deepseek-v3", options);
  ASSERT_EQ(v3.cluster_shares.size(), 2u);
  EXPECT_NEAR(v3.cluster_shares[0].fraction, 2788.0 / (2788 + 147), 1e-3);
  options.shared_with = {"claude-3-opus"};
  EXPECT_EQ(ladder_of(catalogue(), "deepseek-v3", options).message(),
            "claude-3-opus: device-hours wanted to share a cluster by them, none in the catalogue");
}

TEST(CatalogueLadder, EveryModelHasAllRungsAndNoFigureWithoutSource) {
  for (const CatalogueModel& m : catalogue().models) {
    const Ladder l = ladder(m.name.c_str());
    EXPECT_EQ(l.rungs.size(), 10u);
    for (const Rung& r : l.rungs) {
      EXPECT_NE(r.how, "") << m.name << " " << r.id;
      if (!r.usd) continue;
      EXPECT_NE(r.basis, Basis::kUnknown) << m.name << " " << r.id;
      EXPECT_NE(r.source, "") << m.name << " " << r.id;
      EXPECT_TRUE(is_iso_date(r.date)) << m.name << " " << r.id << " " << r.date;
      EXPECT_TRUE(0 < r.usd->low && r.usd->low <= r.usd->mid && r.usd->mid <= r.usd->high)
          << m.name << " " << r.id;
    }
  }
}

TEST(Compare, TakesTheBasisThatAllHave) {
  const auto c =
      compare(catalogue(), {"deepseek-v3", "gpt-4", "claude-3.5-sonnet", "llama-3.1-405b"}, {});
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ(c.value().basis, Basis::kAmortised);
  for (const ComparedModel& m : c.value().models) EXPECT_TRUE(m.usd) << m.name;
  const ComparedModel& gpt4 = c.value().models[1];
  EXPECT_EQ(gpt4.usd->low, 40.7e6);
  EXPECT_EQ(gpt4.usd->high, 68.78e6);
  EXPECT_GT(gpt4.ratio->mid, 5);  // not the 18 of $5.6M against $100M, which are two bases
  EXPECT_LT(gpt4.ratio->mid, 15);
}

/// A model with one statement of $1M on each of `bases`.
void add_model(Catalogue& c, const std::string& name, const std::vector<Basis>& bases) {
  CatalogueModel m;
  m.name = m.title = name;
  m.from.date = "2024-12";
  c.models.push_back(m);
  for (const Basis basis : bases) {
    Claim claim;
    claim.model = name;
    claim.what = "usd";
    claim.phase = "all";
    claim.quantity = Quantity::kUsd;
    claim.value = Range::exactly(1e6);
    claim.basis = basis;
    claim.from.date = "2024-12";
    c.claims.push_back(claim);
  }
}

TEST(Compare, TheBasisIsTheFirstThatAllHaveElseThatOfMost) {
  Catalogue c;
  add_model(c, "a", {Basis::kAmortised, Basis::kCloud, Basis::kAcquisition});
  add_model(c, "b", {Basis::kAcquisition, Basis::kCloud});
  add_model(c, "d", {Basis::kStatement, Basis::kAmortised});
  EXPECT_EQ(compare(c, {"a", "d"}, {}).value().basis, Basis::kAmortised);
  EXPECT_EQ(compare(c, {"a", "b"}, {}).value().basis, Basis::kCloud);
  add_model(c, "e", {Basis::kAcquisition});
  const CostComparison most = compare(c, {"a", "b", "d", "e"}, {}).value();
  EXPECT_EQ(most.basis, Basis::kAcquisition);
  EXPECT_EQ(most.why, "no basis is known for all: this one is for 3 of 4");
  EXPECT_FALSE(most.models[2].usd) << "and no other basis in its place";
}

TEST(Compare, WhatIsMissingIsSaidAndNoOtherBasisPutInItsPlace) {
  const auto c = compare(catalogue(), {"deepseek-v3", "claude-3.5-sonnet"}, Basis::kRental);
  ASSERT_TRUE(c.ok()) << c.message();
  const ComparedModel& sonnet = c.value().models[1];
  EXPECT_FALSE(sonnet.usd);
  EXPECT_NE(sonnet.missing.find("(amortised)"), std::string::npos) << sonnet.missing;
  ASSERT_FALSE(c.value().notes.empty());
  EXPECT_TRUE(
      c.value().notes[0].starts_with("claude-3.5-sonnet: no figure on the basis \"rental\""))
      << c.value().notes[0];
}

TEST(Compare, RentalPricesAreTheMarketsForAll) {
  const auto c = compare(catalogue(), {"deepseek-v3", "llama-3.1-405b"}, Basis::kRental);
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ(c.value().models[0].usd->low, 5.576e6);
  EXPECT_NEAR(c.value().models[0].usd->high, 2.788e6 * 3.42, 1);
  EXPECT_NEAR(c.value().models[1].usd->low, 30.84e6 * 2.4, 1) << "no cloud's list price among them";
  EXPECT_NEAR(c.value().models[1].usd->high, 30.84e6 * 3.3, 1);
}

TEST(Compare, BadInputIsOneSentence) {
  EXPECT_EQ(compare(catalogue(), {"deepseek-v3", "v3"}, {}).message(),
            "compare: each model once wanted, \"deepseek-v3\" found twice");
  EXPECT_NE(compare(catalogue(), {"deepsek-v3"}, {}).message().find("deepseek-v3"),
            std::string::npos)
      << "the nearest name";
  EXPECT_NE(parse_basis("price").message().find("amortised, rental"), std::string::npos);
}

TEST(CatalogueTrend, V3InNovember2026) {
  TrendRequest r;
  r.model = "deepseek-v3";
  r.basis = Basis::kRental;
  r.factors.combined = Factor{Range::exactly(4), "Amodei", "2025-01-29"};
  r.to = YearMonth{2026, 11};
  const auto trend = trend_of(catalogue(), r);
  ASSERT_TRUE(trend.ok()) << trend.message();
  EXPECT_NEAR(trend.value().rows.back().usd.mid, 0.39e6, 0.005e6);
  EXPECT_EQ(trend.value().in.frontier->name, "gpt-4");
}

TEST(CatalogueTrend, AnAmountOfTheUsersOwn) {
  TrendRequest r;
  r.usd = Range::exactly(25e6);
  r.month = YearMonth{2024, 3};
  r.to = YearMonth{2024, 12};
  r.factors.combined = Factor{Range::exactly(4), "Amodei", "2025-01-29"};
  const auto trend = trend_of(catalogue(), r);
  ASSERT_TRUE(trend.ok()) << trend.message();
  EXPECT_NEAR(trend.value().rows.back().usd.mid, 8.8e6, 0.05e6);
  r.month.reset();
  EXPECT_EQ(trend_of(catalogue(), r).message(),
            "trend: an amount (--usd) and its month (--date) wanted together, one of them found");
}

TEST(CatalogueTrend, TheWindowReachesTheBudget) {
  TrendRequest r;
  r.model = "deepseek-v3";
  r.budget_usd = 1000;
  const auto trend = trend_of(catalogue(), r);
  ASSERT_TRUE(trend.ok()) << trend.message();
  EXPECT_LE(trend.value().budget->mid, trend.value().in.to);
  r.basis = Basis::kCloud;
  EXPECT_EQ(trend_of(catalogue(), r).message(),
            "trend: a figure on the basis \"cloud\" wanted of deepseek-v3, none in the catalogue");
}

TEST(CostSections, EveryKnownFigureOfAPageHasBasisAndSource) {
  const auto c = compare(catalogue(), {"deepseek-v3", "gpt-4", "qwen2.5-72b"}, {});
  ASSERT_TRUE(c.ok()) << c.message();
  const PageSection figures = figures_section(c.value());
  for (const auto& row : figures.tables[0].rows) {
    EXPECT_NE(row[1], "") << row[0];
    EXPECT_TRUE(row[2] == "unknown" || !row.back().empty()) << row[0] << " " << row[1];
  }
  const PageSection l = ladder_section(ladder("gpt-4"), "GPT-4");
  const auto& bars = std::get<BarsPlot>(l.plot).items;
  ASSERT_EQ(bars.size(), l.tables[0].rows.size()) << "the table beneath the plot has its numbers";
  for (size_t i = 0; i < bars.size(); ++i) {
    const auto& row = l.tables[0].rows[i];
    EXPECT_EQ(bars[i].label, row[0]);
    EXPECT_EQ(bars[i].value.has_value(), row[1] != "unknown");
    EXPECT_TRUE(!bars[i].value || !row[4].empty()) << row[0];
  }
}

}  // namespace
}  // namespace fathom
