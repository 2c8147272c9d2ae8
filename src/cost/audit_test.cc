#include "cost/audit.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cost/test_catalogue.h"

namespace fathom {
namespace {

Audit audit_of(const Catalogue& c, const std::string& name) {
  auto a = audit_model(c, *c.model(name).value());
  if (!a.ok()) throw std::runtime_error(a.message());
  return std::move(a).value();
}

/// The first verdict whose claim and reason hold these words.
const Verdict* find(const Audit& a, const std::string& claim, const std::string& why) {
  for (const Verdict& v : a.verdicts) {
    if (v.claim.find(claim) != std::string::npos && v.why.find(why) != std::string::npos) return &v;
  }
  return nullptr;
}

TEST(Audit, V3sOneRunHasFiveMfus) {
  const Audit a = audit_of(shipped_catalogue(), "deepseek-v3");
  ASSERT_EQ(a.mfu.size(), 5u);
  const double published[] = {0.437, 0.390, 0.346, 0.255, 0.195};
  for (size_t i = 0; i < 5; ++i)
    EXPECT_NEAR(a.mfu[i].value, published[i], 0.0006) << a.mfu[i].definition;
  EXPECT_EQ(a.mfu[0].definition, "non-causal FLOPs / bf16 peak of NVIDIA H800 SXM (989 TFLOP/s)");
  EXPECT_EQ(a.mfu[3].definition, "causal FLOPs / fp8 peak of NVIDIA H800 PCIe (1513 TFLOP/s)");
}

TEST(Audit, WhatV3sMakersSayHoldsTogether) {
  const Audit a = audit_of(shipped_catalogue(), "deepseek-v3");
  int held = 0;
  for (const Verdict& v : a.verdicts) {
    if (v.claim.find("DeepSeek-V3 against") == std::string::npos) {
      EXPECT_TRUE(v.holds) << v.claim << ": " << v.why;
    }
    held += v.holds;
    EXPECT_FALSE(v.why.empty());
  }
  EXPECT_GE(held, 15);
  const Verdict* hours = find(a, "2.664M h", "2.667M h, against 2.664M h: consistent");
  ASSERT_NE(hours, nullptr);
  EXPECT_NEAR(*hours->factor, 1, 0.002);
  EXPECT_EQ(a.usd->mid, 5.576e6);
  EXPECT_EQ(*a.device_hours, 2.788e6);
}

TEST(Audit, FindsTheHoursOfOneTrillionTokensTakenForTheWhole) {
  const Audit a = audit_of(shipped_catalogue(), "deepseek-v2");
  const Verdict* v = find(a, "172.8K h", "taken for the whole");
  ASSERT_NE(v, nullptr);
  EXPECT_FALSE(v->holds);
  EXPECT_NEAR(1 / *v->factor, 8.1, 0.01);
  const Verdict* physics = find(a, "172.8K h", "More than the device can do");
  ASSERT_NE(physics, nullptr);
  EXPECT_FALSE(physics->holds);
  for (const Mfu& m : a.mfu)
    EXPECT_LT(m.value, 0.5) << m.definition;  // from the maker's figure, not from the wrong one
}

TEST(Audit, FindsTheLostSignOf64Times8) {
  for (const char* name : {"deepseek-r1", "deepseek-r1-zero"}) {
    const Audit a = audit_of(shipped_catalogue(), name);
    const Verdict* v = find(a, "648", "64 x 8 = 512 with its sign lost");
    ASSERT_NE(v, nullptr) << name;
    EXPECT_FALSE(v->holds);
    EXPECT_NEAR(*v->factor, 648.0 / 512, 0.02);
    const Verdict* own = find(a, "devices, rl: 512", "consistent");
    ASSERT_NE(own, nullptr) << name;
    EXPECT_TRUE(own->holds);
  }
}

TEST(Audit, FindsAnEstimateThatTheMakersFigureContradicts) {
  const Verdict* v = nullptr;
  const Audit a = audit_of(shipped_catalogue(), "deepseek-r1");
  v = find(a, "$1M", "$294K");
  ASSERT_NE(v, nullptr);
  EXPECT_FALSE(v->holds);
  EXPECT_NEAR(*v->factor, 3.4, 0.01);
  const Verdict* sum =
      find(a, "147K h", "101K h deepseek-r1-zero + 5000 h sft-data + 41K h rl = 147K h");
  ASSERT_NE(sum, nullptr);
  EXPECT_TRUE(sum->holds);
}

TEST(Audit, FindsTwoBasesSideBySide) {
  for (const char* name : {"deepseek-v3", "gpt-4"}) {
    const Audit a = audit_of(shipped_catalogue(), name);
    const Verdict* v = find(a, "$5.576M for DeepSeek-V3 against $100M for GPT-4", "Two bases");
    ASSERT_NE(v, nullptr) << name;
    EXPECT_FALSE(v->holds);
    EXPECT_GT(*v->factor, 1.3);
    EXPECT_NE(v->why.find("At one basis (amortised)"), std::string::npos);
  }
}

TEST(Audit, V3LiesNearTheTrend) {
  const Verdict* v = nullptr;
  const Audit a = audit_of(shipped_catalogue(), "deepseek-v3");
  v = find(a, "on the trend", "on or near the trend");
  ASSERT_NE(v, nullptr);
  EXPECT_TRUE(v->holds);
  EXPECT_NEAR(1 / *v->factor, 1.55, 0.1);
}

TEST(Audit, OneBasisAtATimeWithOthers) {
  const Audit a = audit_of(shipped_catalogue(), "gpt-4");
  for (const AtBasis& row : a.at_basis) EXPECT_NE(row.basis, Basis::kStatement);
  const auto v3 = std::find_if(a.at_basis.begin(), a.at_basis.end(), [](const AtBasis& r) {
    return r.model == "deepseek-v3" && r.basis == Basis::kAmortised;
  });
  ASSERT_NE(v3, a.at_basis.end()) << "nobody states it: it comes from hours and prices";
  EXPECT_TRUE(v3->computed);
  EXPECT_GT(v3->usd.low, 3.9e6);
  EXPECT_LT(v3->usd.high, 6.0e6);
  EXPECT_TRUE(audit_of(shipped_catalogue(), "deepseek-r1").at_basis.empty())
      << "R1 stands on V3's run: its own is no whole one";
  for (const AtBasis& row : a.at_basis) EXPECT_NE(row.model, "deepseek-r1");
}

TEST(Audit, WhatTheHeadlineLeavesOutIsComputedWhereItCanBe) {
  const std::vector<std::string> lines = audit_of(shipped_catalogue(), "deepseek-v3").leaves_out;
  for (const char* start : {"experiments", "staff", "computed for a wider scope: $131M to",
                            "said of a wider scope: $1B (Dario Amodei"}) {
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.starts_with(start);
    })) << start;
  }
  for (const std::string& line : audit_of(shipped_catalogue(), "deepseek-r1").leaves_out)
    EXPECT_FALSE(line.starts_with("pretraining")) << "that is the base model's: " << line;
}

// The rules know no model: the same faults under other names and numbers.
Audit audit_numbers(const ClaimedNumbers& n, const std::string& like = "") {
  Catalogue c = shipped_catalogue();
  auto name = add_claimed_numbers(c, n, like);
  if (!name.ok()) throw std::runtime_error(name.message());
  return audit_of(c, name.value());
}

TEST(Audit, TheRulesKnowNoModel) {
  ClaimedNumbers n;
  n.date = "2024-05";
  n.device = "a100";
  n.devices = "324";
  n.duration = "100 h";
  n.device_hours = "12.8K h";
  const Audit a = audit_numbers(n);
  const Verdict* v = find(a, "324", "32 x 4 = 128 with its sign lost");
  ASSERT_NE(v, nullptr);
  EXPECT_FALSE(v->holds);
  n.devices = "128";
  EXPECT_TRUE(audit_numbers(n).verdicts[0].holds);
}

TEST(Audit, MoreThanThePeakIsImpossibleAndLessHolds) {
  ClaimedNumbers n;
  n.date = "2024-05";
  n.tokens = "2T tokens";
  n.params = "7B";
  n.device = "a100";
  n.device_hours = "184,320 h";  // Llama 2 7B's
  EXPECT_TRUE(audit_numbers(n).verdicts[0].holds);
  EXPECT_NEAR(audit_numbers(n).mfu[0].value, 0.4057, 1e-3);
  n.device_hours = "60K h";
  const Audit impossible = audit_numbers(n);
  EXPECT_FALSE(impossible.verdicts[0].holds);
  EXPECT_NE(impossible.verdicts[0].why.find("impossible"), std::string::npos);
  n.device_hours = "30M h";
  const Audit idle = audit_numbers(n);
  EXPECT_FALSE(idle.verdicts[0].holds);
  EXPECT_FALSE(idle.verdicts[0].factor) << "how many hours it should be, nobody can say";
}

TEST(Audit, AMeasuredFigureMustBeTheRunsOwn) {
  ClaimedNumbers n;
  n.date = "2024-05";
  n.tokens = "2T tokens";
  n.params = "7B";
  n.device = "a100";
  n.device_hours = "184,320 h";  // 126.6 TFLOP/s, 40.6 % of the peak
  const auto holds = [&](const char* what) {
    const Audit a = audit_numbers(n);
    const Verdict* v = find(a, what, "");
    return v != nullptr && v->holds;
  };
  n.mfu = "41%";
  EXPECT_TRUE(holds("MFU"));
  n.mfu = "50%";
  EXPECT_TRUE(holds("MFU")) << "while running";
  n.mfu = "60%";
  EXPECT_FALSE(holds("MFU"));
  n.mfu = "30%";
  EXPECT_FALSE(holds("MFU")) << "below the mean of all hours";
  n.mfu = "";
  n.throughput = "127 TFLOP/s";
  EXPECT_TRUE(holds("FLOP/s a device"));
  n.throughput = "300 TFLOP/s";
  EXPECT_FALSE(holds("FLOP/s a device"));
  n.throughput = "";
  n.training_flop = "8.4e22 FLOP";
  EXPECT_TRUE(holds("FLOPs of the training"));
  n.training_flop = "8.4e23 FLOP";
  EXPECT_FALSE(holds("FLOPs of the training"));
}

TEST(Audit, AWholeIsTheSumOfItsPhases) {
  const auto verdict = [](const char* whole) {
    Catalogue c = shipped_catalogue();
    for (const auto& [phase, usd] : {std::pair("pretraining", "$2M"),
                                     std::pair("post-training", "$1M"), std::pair("all", whole)}) {
      ClaimedNumbers n;
      n.date = "2024-05";
      n.phase = phase;
      n.usd = usd;
      n.basis = "rental";
      auto name = add_claimed_numbers(c, n, "grok-4");
      EXPECT_TRUE(name.ok()) << name.message();
    }
    const Audit a = audit_of(c, "grok-4");
    const Verdict* v = find(a, whole, "$2M pretraining + $1M post-training = $3M");
    EXPECT_NE(v, nullptr);
    return v == nullptr ? Verdict() : *v;
  };
  EXPECT_TRUE(verdict("$3M").holds);
  EXPECT_FALSE(verdict("$4.5M").holds);
  EXPECT_NEAR(*verdict("$4.5M").factor, 1.5, 1e-9);
}

TEST(Audit, WithoutARateTheMarketsRentalPriceDecidesNotAClouds) {
  ClaimedNumbers n;
  n.date = "2025-03";
  n.device = "h100";
  n.device_hours = "1M h";
  n.usd = "$3M";  // asked in March 2025: $2.40 to $3.30; by clouds up to $12.29
  EXPECT_TRUE(audit_numbers(n).verdicts[0].holds);
  n.usd = "$11M";
  EXPECT_FALSE(audit_numbers(n).verdicts[0].holds);
}

TEST(Audit, HoursTimesRateIsTheMoney) {
  ClaimedNumbers n;
  n.date = "2024-05";
  n.device_hours = "1M h";
  n.rate = "$2/h";
  n.usd = "$2M";
  EXPECT_TRUE(audit_numbers(n).verdicts[0].holds);
  n.usd = "$3M";
  const Audit wrong = audit_numbers(n);
  EXPECT_FALSE(wrong.verdicts[0].holds);
  EXPECT_NEAR(*wrong.verdicts[0].factor, 1.5, 1e-9);
}

TEST(Audit, NumbersAreHeldAgainstTheCatalogue) {
  ClaimedNumbers n;
  n.date = "2025-01";
  n.phase = "all";
  n.basis = "rental";
  n.usd = "$100M";
  const Audit a = audit_numbers(n, "deepseek-v3");
  const Verdict* v = find(a, "$100M (claimed", "$5.576M");
  ASSERT_NE(v, nullptr);
  EXPECT_FALSE(v->holds);
  EXPECT_NEAR(*v->factor, 17.93, 0.01);
}

std::string refusal(const ClaimedNumbers& n) {
  Catalogue c = shipped_catalogue();
  const auto name = add_claimed_numbers(c, n, "");
  if (!name.ok()) return name.message();
  const auto a = audit_model(c, *c.model(name.value()).value());
  return a.ok() ? "" : a.message();
}

TEST(Audit, TooFewNumbersAreNamed) {
  ClaimedNumbers n;
  n.date = "2024-05";
  EXPECT_NE(refusal(n).find("too few numbers"), std::string::npos);
  n.tokens = "2T tokens";
  EXPECT_NE(refusal(n).find("wanted are device-hours with tokens and FLOPs per token"),
            std::string::npos);
  EXPECT_NE(refusal(n).find("found only tokens"), std::string::npos);
  n.tokens = "2T";
  EXPECT_EQ(refusal(n), "tokens: a number in tokens (such as 14.8T tokens) wanted, \"2T\" found");
  n.tokens = "0 tokens";
  EXPECT_EQ(refusal(n), "tokens: a number above 0 wanted, 0 tokens found");
  n.tokens = "";
  n.device_hours = "-5 h";
  EXPECT_EQ(refusal(n), "device_hours: a number of 0 or more wanted, \"-5 h\" found");
  n.device_hours = "5M h";
  n.device = "a100";
  n.precision = "fp8";
  EXPECT_EQ(refusal(n), "a100-sxm: a peak in fp8 wanted, bf16, f16, f32, int8, tf32 found");
  n.precision = "";
  EXPECT_NE(refusal(n).find("too few numbers"), std::string::npos) << "hours alone";
  n.date = "May";
  EXPECT_EQ(refusal(n), "date: a date (2024-12-27 or 2024-12) wanted, \"May\" found");
  n.date = "2024-05";
  n.phase = "sleep";
  EXPECT_NE(refusal(n).find("phase: one of pretraining"), std::string::npos);
}

TEST(Audit, AClaimsFileWantsADateBesideMoney) {
  EXPECT_TRUE(read_claimed_numbers("device_hours = \"5M h\"\n", "c.toml").ok());
  EXPECT_EQ(read_claimed_numbers("usd = \"$5M\"\n", "c.toml").message(),
            "c.toml:1: date wanted beside usd (a price without a date says nothing), not found");
  EXPECT_EQ(read_claimed_numbers("usdd = \"$5M\"\n", "c.toml").message(),
            "c.toml:1: file: unknown key \"usdd\" (usd meant?)");
}

TEST(Audit, EveryModelOfTheCatalogueIsAuditedOrSaysWhatIsMissing) {
  const Catalogue& c = shipped_catalogue();
  for (const CatalogueModel& m : c.models) {
    const auto a = audit_model(c, m);
    if (!a.ok()) {
      EXPECT_NE(a.message().find("too few numbers"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace fathom
