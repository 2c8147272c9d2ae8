#include "cost/catalogue.h"

#include <gtest/gtest.h>

#include <set>

#include "cost/flops.h"
#include "cost/test_catalogue.h"

namespace fathom {
namespace {

constexpr const char* kModel = R"([[model]]
name = "abyss-1"
aliases = ["Abyss One"]
title = "Abyss 1"
org = "Deep Sea"
whose = "Deep Sea"
source = "Report"
date = "2024-12-27"
)";
constexpr const char* kClaim = R"([[claim]]
model = "abyss-1"
what = "device_hours"
phase = "pretraining"
value = "2.664M h"
basis = "physical"
whose = "Deep Sea"
source = "Report, table 1"
date = "2024-12"
)";

std::string refusal(const std::string& text) {
  Catalogue catalogue;
  Status status = add_catalogue_text(catalogue, text, "x.toml");
  if (status.ok()) status = check_references(catalogue);
  EXPECT_FALSE(status.ok()) << text;
  return status.message();
}

std::string without(std::string text, const std::string& line_start) {
  const size_t at = text.find("\n" + line_start) + 1;
  return text.erase(at, text.find('\n', at) + 1 - at);
}

std::string with(const std::string& text, const std::string& line) {
  const size_t key = line.find(' ');
  const bool present = text.find("\n" + line.substr(0, key + 1)) != std::string::npos;
  return (present ? without(text, line.substr(0, key + 1)) : text) + line + "\n";
}

TEST(Catalogue, ReadsAnEntryWithItsUnits) {
  Catalogue c;
  ASSERT_TRUE(add_catalogue_text(c, std::string(kModel) + kClaim, "x.toml").ok());
  ASSERT_TRUE(check_references(c).ok());
  ASSERT_EQ(c.claims.size(), 1u);
  EXPECT_EQ(c.claims[0].value, Range::exactly(2.664e6));
  EXPECT_EQ(c.claims[0].basis, Basis::kPhysical);
  EXPECT_EQ(c.claims[0].from.date, "2024-12");
  EXPECT_EQ(c.claims[0].from.where, "x.toml:9");
  for (const char* name : {"abyss-1", "Abyss 1", "ABYSS_ONE"})
    EXPECT_TRUE(c.model(name).ok()) << name;
}

TEST(Catalogue, ARangeMayLeaveItsMiddleOut) {
  Catalogue c;
  const std::string claim =
      with(with(without(kClaim, "value"), "low = \"1M h\""), "high = \"4M h\"");
  ASSERT_TRUE(add_catalogue_text(c, claim, "x.toml").ok());
  EXPECT_EQ(c.claims[0].value, (Range{1e6, 2e6, 4e6}));
}

TEST(Catalogue, AnEntryWithoutSourceDateOrBasisIsRefused) {
  for (const char* key : {"source", "date", "basis", "whose", "model", "what", "phase"}) {
    EXPECT_EQ(refusal(without(kClaim, key)),
              std::string("x.toml:1: claim: ") + key + " wanted, not found");
  }
  for (const char* key : {"source", "date", "whose", "title"}) {
    EXPECT_EQ(refusal(without(kModel, key)),
              std::string("x.toml:1: model: ") + key + " wanted, not found");
  }
  EXPECT_EQ(refusal(without(kClaim, "value")),
            "x.toml:1: claim: value, or low and high (and mid), wanted, none of these found");
}

TEST(Catalogue, WhatItDoesNotKnowIsRefusedByName) {
  EXPECT_EQ(refusal(with(kClaim, "sorce = \"x\"")),
            "x.toml:10: claim: unknown key \"sorce\" (source meant?)");
  EXPECT_EQ(refusal(with(kClaim, "value = \"2.664M tokens\"")),
            "x.toml:9: value: a number in h (such as 2.788M h) wanted, \"2.664M tokens\" found");
  EXPECT_EQ(refusal(with(kClaim, "value = \"-2 h\"")),
            "x.toml:9: value: a number of 0 or more wanted, \"-2 h\" found");
  EXPECT_EQ(refusal(with(kClaim, "value = 2.664")),
            "x.toml:9: value: a number in h (such as 2.788M h) wanted, \"2.664\" found");
  EXPECT_NE(refusal(with(kClaim, "basis = \"cheap\"")).find("basis: one of physical, rental,"),
            std::string::npos);
  EXPECT_NE(refusal(with(kClaim, "what = \"hours\"")).find("what: one of device_hours,"),
            std::string::npos);
  EXPECT_EQ(refusal(with(kClaim, "date = \"2024-13\"")),
            "x.toml:9: date: a date (2024-12-27 or 2024-12) wanted, '2024-13' found");
  EXPECT_EQ(refusal(with(kClaim, "date = \"2023-02-29\"")),
            "x.toml:9: date: a date (2024-12-27 or 2024-12) wanted, '2023-02-29' found");
  EXPECT_NE(refusal(with(kClaim, "primary = false")).find("wants a note"), std::string::npos);
  EXPECT_EQ(refusal("[[claims]]\n"), "x.toml:1: file: unknown key \"claims\" (claim meant?)");
  EXPECT_NE(refusal("claim = 1\n").find("entries [[claim]] wanted"), std::string::npos);
  EXPECT_NE(refusal("a = \n").find("x.toml:1: TOML wanted"), std::string::npos);
}

TEST(Catalogue, NothingIsZero) {
  EXPECT_EQ(refusal(with(kClaim, "value = \"0 h\"")),
            "x.toml:1: claim: value: a number above 0 wanted, 0 found");
  EXPECT_EQ(refusal(with(kModel, "tokens = \"0 tokens\"")),
            "x.toml:1: model: tokens: a number above 0 wanted, 0 found");
}

TEST(Catalogue, ReferencesMustExist) {
  EXPECT_EQ(refusal(kClaim), "x.toml:1: model: abyss-1: the catalogue has no such model");
  EXPECT_EQ(refusal(std::string(kModel) + with(kClaim, "model = \"abyss-2\"")),
            "x.toml:9: model: abyss-2: the catalogue has no such model (abyss-1 meant?)");
  EXPECT_NE(refusal(std::string(kModel) + with(kClaim, "device = \"h900\""))
                .find("h900: the catalogue has no such device"),
            std::string::npos);
  EXPECT_NE(refusal(std::string(kModel) + kModel).find("stands twice"), std::string::npos);
  EXPECT_NE(refusal(with(kModel, "config = \"../x.json\"")).find("a path found"),
            std::string::npos);
  EXPECT_NE(refusal(with(kModel, "config = \"none.json\"")).find("no none.json found"),
            std::string::npos);
}

TEST(Catalogue, NoModelStandsOnItself) {
  EXPECT_EQ(refusal(with(kModel, "base = \"abyss-1\"")),
            "x.toml:1: abyss-1: models that it stands on (base, includes) without a circle wanted, "
            "one found");
  std::string second = with(with(kModel, "name = \"abyss-2\""), "aliases = []");
  second = with(second, "base = \"abyss-1\"");
  const std::string claim = with(kClaim, "includes = [\"abyss-2\"]");
  EXPECT_NE(refusal(kModel + second + claim).find("without a circle"), std::string::npos);
  Catalogue chain;
  ASSERT_TRUE(add_catalogue_text(chain, kModel + second + kClaim, "x.toml").ok());
  EXPECT_TRUE(check_references(chain).ok());
}

TEST(Catalogue, ARentalPriceMayBeACloudsAndNoOtherPrice) {
  const std::string price =
      "[[price]]\nwhat = \"rental\"\ndevice = \"d\"\nvalue = \"$2/h\"\nmonth = "
      "\"2024-06\"\nwhose = \"x\"\nsource = \"x\"\n";
  Catalogue c;
  ASSERT_TRUE(add_catalogue_text(c, price + with(price, "basis = \"cloud\""), "x.toml").ok());
  EXPECT_FALSE(c.prices[0].cloud);
  EXPECT_TRUE(c.prices[1].cloud);
  EXPECT_EQ(refusal(with(price, "basis = \"cheap\"")),
            "x.toml:8: basis: one of rental, cloud wanted, 'cheap' found");
  const std::string bought = with(with(price, "what = \"purchase\""), "value = \"$2\"");
  EXPECT_NE(refusal(with(bought, "basis = \"cloud\"")).find("unknown key \"basis\""),
            std::string::npos);
}

TEST(Catalogue, APriceWantsItsMonth) {
  const std::string price =
      "[[price]]\nwhat = \"electricity\"\nvalue = \"$0.08/kWh\"\nmonth = \"2024-06\"\nwhose = "
      "\"EIA\"\nsource = \"x\"\n";
  Catalogue c;
  EXPECT_TRUE(add_catalogue_text(c, price, "x.toml").ok());
  EXPECT_EQ(refusal(without(price, "month")), "x.toml:1: price: month wanted, not found");
  EXPECT_EQ(refusal(with(price, "value = \"$0.08\"")),
            "x.toml:6: value: a number in $/kWh (such as $0.08/kWh) wanted, \"$0.08\" found");
  EXPECT_EQ(refusal(with(price, "what = \"rental\"")), "x.toml:1: price: device wanted, not found");
}

TEST(Catalogue, YearsBetweenDates) {
  EXPECT_NEAR(years_between("2024-03", "2024-12"), 0.75, 1e-9);
  EXPECT_NEAR(years_between("2023-01-01", "2025-01-01"), 2, 1e-9);
  EXPECT_LT(years_between("2025-01", "2024-01-31"), -0.9);
}

TEST(ShippedCatalogue, HoldsTheModelsUnderTheNamesThatPeopleUse) {
  const Catalogue& c = shipped_catalogue();
  for (const char* name : {"deepseek-v2",
                           "deepseek-v3",
                           "DeepSeek V3",
                           "deepseek-r1-zero",
                           "deepseek-r1",
                           "r1",
                           "gpt-3",
                           "gpt-4",
                           "GPT-4o",
                           "gpt-4.5",
                           "claude-3-opus",
                           "claude-3.5-sonnet",
                           "claude-3.7-sonnet",
                           "llama-2",
                           "llama-2-70b",
                           "llama-3-8b",
                           "llama-3-70b",
                           "llama-3.1-405b",
                           "gemini-1.0-ultra",
                           "gemini-ultra",
                           "grok-2",
                           "grok-3",
                           "grok-4",
                           "qwen2.5-72b"}) {
    const auto m = c.model(name);
    ASSERT_TRUE(m.ok()) << m.message();
    EXPECT_FALSE(c.claims_of(m.value()->name).empty()) << name;
  }
  for (const char* name : {"h800", "H100 SXM", "h100-pcie", "h200", "a100", "b200", "tpu-v4"}) {
    const std::string slug = std::string(name) == "H100 SXM" ? "h100-sxm" : name;
    EXPECT_TRUE(c.device(slug).ok()) << name;
  }
  EXPECT_EQ(c.model("deepseek-v33").message(),
            "deepseek-v33: the catalogue has no such model (deepseek-v3 or "
            "deepseek-v2 meant?)");
}

TEST(ShippedCatalogue, EveryPublishedConfigCountsAsPublished) {
  const Catalogue& c = shipped_catalogue();
  int configs = 0;
  for (const CatalogueModel& m : c.models) {
    if (m.config.empty()) continue;
    const auto config = c.config_of(m);
    ASSERT_TRUE(config.ok()) << config.message();
    const ParameterCount n = count_parameters(config.value());
    EXPECT_NEAR(static_cast<double>(n.total) / *m.parameters_total, 1, 0.02) << m.name;
    EXPECT_NEAR(static_cast<double>(n.active) / *m.parameters_active, 1, 0.03) << m.name;
    ++configs;
  }
  EXPECT_GE(configs, 9);
  EXPECT_FALSE(c.config_of(*c.model("gpt-4").value()).ok());
}

// Bytes of cache a token: "Insights into DeepSeek-V3" (ISCA 2025), table 1; training FLOPs a token:
// its table 2.
TEST(ShippedCatalogue, CacheAndFlopsArePublishedOnes) {
  const Catalogue& c = shipped_catalogue();
  const struct {
    const char* name;
    int64_t cache_bytes;
    double gflops;
  } published[] = {{"deepseek-v3", 70272, 250},
                   {"deepseek-v2", 0, 155},
                   {"llama-3.1-405b", 516096, 2448},
                   {"qwen2.5-72b", 327680, 0}};
  for (const auto& p : published) {
    const ModelConfig config = c.config_of(*c.model(p.name).value()).value();
    if (p.cache_bytes > 0) {
      EXPECT_EQ(cache_bytes_per_token(config), p.cache_bytes) << p.name;
    }
    if (p.gflops > 0) {
      EXPECT_NEAR(3 * forward_flops(config, 4096).total / 1e9, p.gflops, 0.03 * p.gflops) << p.name;
    }
  }
}

TEST(ShippedCatalogue, WhatIsNotPrimarySaysWhy) {
  const Catalogue& c = shipped_catalogue();
  std::set<std::string> kinds;
  for (const Claim& claim : c.claims) {
    EXPECT_TRUE(claim.from.primary || !claim.from.note.empty()) << claim.from.where;
    EXPECT_GT(claim.value.low, 0) << claim.from.where;
    kinds.insert(std::string(basis_name(claim.basis)));
  }
  for (const char* basis : {"physical", "rental", "amortised", "cloud", "acquisition", "statement",
                            "company-hardware"}) {
    EXPECT_TRUE(kinds.contains(basis)) << basis;
  }
  EXPECT_GE(c.prices_of("rental", "h100-sxm").size(), 6u);
  EXPECT_LE(c.prices_of("rental", "h100-sxm").front()->from.date,
            c.prices_of("rental", "h100-sxm").back()->from.date);
}

}  // namespace
}  // namespace fathom
