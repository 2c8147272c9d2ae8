#include "cost/ledger_summary.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "cost/ledger_prices.h"

namespace fathom {
namespace {

// Lines of a run as it tells them, each of `seconds` seconds.
class Story {
 public:
  Story& begin(int64_t step) {
    ++attempt_;
    LedgerEntry& e = add(step > 0 ? LedgerKind::kResume : LedgerKind::kAttempt);
    e.step_from = e.step_to = step;
    return *this;
  }
  Story& phase(const char* name, double seconds) {
    LedgerEntry& e = add(LedgerKind::kPhase);
    e.name = name;
    e.seconds = e.device_seconds = seconds;
    return *this;
  }
  Story& train(int64_t from, int64_t to, double seconds) {
    phase("training", seconds);
    LedgerEntry& e = file_.entries.back();
    e.step_from = from;
    e.step_to = to;
    e.tokens = 100 * (to - from);
    e.flops = 1e6 * static_cast<double>(*e.tokens);
    return *this;
  }
  Story& at(LedgerKind kind, int64_t step, double seconds) {
    LedgerEntry& e = add(kind);
    e.step_from = e.step_to = step;
    e.seconds = e.device_seconds = seconds;
    return *this;
  }
  Story& save(int64_t step) { return at(LedgerKind::kCheckpoint, step, 1); }
  Story& fail() {
    add(LedgerKind::kFailure).note = "the reason";
    return *this;
  }
  Story& finish() {
    add(LedgerKind::kEnd).outcome = "finished";
    return *this;
  }
  Story& gap(double seconds) {
    LedgerEntry& e = add(LedgerKind::kGap);
    e.seconds = seconds;
    e.device_seconds = 0;
    return *this;
  }
  LedgerSummary sum() const { return summarize_ledger(file_, "run"); }
  LedgerFile& file() { return file_; }

 private:
  LedgerEntry& add(LedgerKind kind) {
    LedgerEntry& e = file_.entries.emplace_back();
    e.kind = kind;
    e.attempt = attempt_;
    return e;
  }
  LedgerFile file_;
  int64_t attempt_ = 0;
};

TEST(LedgerSummary, ARunWithoutMishapWastesNothing) {
  const auto s = Story().begin(0).phase("data", 3).train(0, 10, 10).save(10).finish().sum();
  EXPECT_EQ(s.waste_ratio(), 0.0);
  EXPECT_EQ(s.all.device_seconds, 14);
  EXPECT_EQ(s.all.tokens, 1000);
  EXPECT_EQ(s.last_step, 10);
  ASSERT_EQ(s.attempts.size(), 1u);
  EXPECT_EQ(s.attempts[0].ended, "finished");
}

TEST(LedgerSummary, StepsBehindTheCheckpointOfAResumeAreRolledBackAndTokensCountOnce) {
  const auto s = Story()
                     .begin(0)
                     .phase("data", 3)
                     .train(0, 10, 10)
                     .save(10)
                     .train(10, 14, 4)
                     .at(LedgerKind::kEvaluation, 14, 2)
                     .gap(1000)
                     .begin(10)
                     .phase("data", 1)
                     .train(10, 20, 10)
                     .save(20)
                     .finish()
                     .sum();
  EXPECT_EQ(s.of(LedgerClass::kRolledBack).device_seconds, 6);
  EXPECT_EQ(s.of(LedgerClass::kRolledBack).tokens, 400);
  EXPECT_EQ(s.of(LedgerClass::kUseful).tokens, 2000);
  EXPECT_EQ(s.all.tokens, 2400);
  EXPECT_EQ(s.gap_seconds, 1000);
  EXPECT_DOUBLE_EQ(*s.waste_ratio(), 6.0 / 32);
  EXPECT_EQ(s.attempts[0].ended, "no end");
  EXPECT_EQ(s.attempts[0].lost.device_seconds, 6);
}

TEST(LedgerSummary, ACheckpointThatWentMissingTakesItsWorkAlong) {
  const auto s = Story()
                     .begin(0)
                     .train(0, 10, 10)
                     .save(10)
                     .begin(10)
                     .train(10, 20, 10)
                     .save(20)
                     .begin(10)
                     .train(10, 20, 10)
                     .save(20)
                     .finish()
                     .sum();
  EXPECT_EQ(s.of(LedgerClass::kRolledBack).device_seconds, 11);
  EXPECT_EQ(s.of(LedgerClass::kUseful).tokens, 2000);
}

TEST(LedgerSummary, WhatAFailedAttemptDidNotSaveIsFailed) {
  Story story;
  story.begin(0).phase("data", 3).phase("start-up", 1).train(0, 10, 10).save(10).train(10, 15, 5);
  story.fail();
  EXPECT_EQ(story.sum().of(LedgerClass::kFailed).device_seconds, 5);  // already before any resume
  EXPECT_EQ(story.sum().of(LedgerClass::kFailed).tokens, 500);
  story.begin(10).train(10, 20, 10).save(20).finish();
  EXPECT_EQ(story.sum().of(LedgerClass::kFailed).device_seconds, 5);
  EXPECT_EQ(story.sum().of(LedgerClass::kRolledBack).device_seconds, 0);
  EXPECT_EQ(story.sum().attempts[0].note, "the reason");
}

TEST(LedgerSummary, OfAnAttemptThatLedNowhereOnlyItsDataStay) {
  const auto s = Story()
                     .begin(0)
                     .phase("data", 3)
                     .phase("start-up", 1)
                     .train(0, 5, 5)
                     .fail()
                     .begin(0)
                     .train(0, 10, 10)
                     .save(10)
                     .finish()
                     .sum();
  EXPECT_EQ(s.of(LedgerClass::kFailed).device_seconds, 6);
  EXPECT_EQ(s.of(LedgerClass::kUseful).device_seconds, 14);
}

TEST(LedgerSummary, IdleTimeIsWasteAndAGapIsNot) {
  const auto s = Story().begin(0).phase("rollout", 6).at(LedgerKind::kIdle, 0, 2).gap(99).sum();
  EXPECT_DOUBLE_EQ(*s.waste_ratio(), 0.25);
}

TEST(LedgerSummary, UnknownTimesMakeTheRatioALeast) {
  Story story;
  story.begin(0).phase("training", 0);
  story.file().entries.back().seconds = story.file().entries.back().device_seconds = std::nullopt;
  story.file().entries.back().step_to = 40;
  const auto s = story.begin(0).train(0, 10, 10).save(10).finish().sum();
  EXPECT_EQ(s.waste_lines_without_seconds(), 1);
  EXPECT_EQ(s.waste_ratio(), 0.0);
  EXPECT_FALSE(LedgerSummary().waste_ratio());
}

TEST(LedgerSummary, LossIsToldAgainstAllThatWasSpentByThen) {
  Story story;
  story.begin(0).train(0, 2, 2).save(2).train(2, 4, 2).begin(2).train(2, 4, 2).save(4).finish();
  const auto points = loss_points(story.file(),
                                  "{\"step\":1,\"loss_ce\":4}\n{\"step\":2,\"loss_ce\":3}\n"
                                  "{\"step\":3,\"loss_ce\":2}\nnot JSON\n"
                                  "{\"step\":4,\"loss_ce\":1,\"val_bpb\":0.5,\"val_loss\":1.1}\n");
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].loss, 3.5);
  EXPECT_EQ(points[0].spent.device_seconds, 2);
  EXPECT_FALSE(points[0].val_bpb);
  EXPECT_EQ(points[1].step, 4);
  EXPECT_EQ(points[1].loss, 1.5);
  EXPECT_EQ(points[1].val_bpb, 0.5);
  EXPECT_EQ(points[1].tokens, 400);
  EXPECT_EQ(points[1].spent.device_seconds, 7);  // with the checkpoint and the two steps lost
}

// ---- Prices ----

const char* const kPrices = R"([rental]
low = "$0.50/h"
mid = "$1/h"
high = "$2/h"
date = "2026-11"
source = "a price list"
[purchase]
value = "$876"
life = "4 years"
utilisation = "50%"
date = 2026-10-01
source = "an invoice"
[electricity]
value = "$0.36/kWh"
pue = 2
date = "2026-09"
source = "a bill"
[power]
value = "100 W"
date = "2026-09"
source = "a meter at the wall"
)";

TEST(LedgerPrices, HoursBecomeMoneyOnEachBasis) {
  const auto prices = parse_ledger_prices(kPrices, "P");
  ASSERT_TRUE(prices.ok()) << prices.message();
  LedgerSum sum;
  sum.device_seconds = 7200;
  sum.device_seconds_without_joules = 3600;
  sum.joules = 640000;  // and 3600 s of 100 W: a million joules
  const LedgerMoney money = ledger_money(sum, prices.value());
  EXPECT_EQ(*money.rental, (Range{1, 2, 4}));
  EXPECT_NEAR(money.straight_line->mid, 2 * 876 / (4 * 8760 * 0.5), 1e-12);
  EXPECT_NEAR(money.electricity->mid, 1e6 / 3.6e6 * 2 * 0.36, 1e-12);
  EXPECT_EQ(*money.headline(), *money.rental);
  EXPECT_STREQ(money.headline_basis(), "rental");
}

TEST(LedgerPrices, UnknownJoulesStayUnknown) {
  LedgerSum sum;
  sum.device_seconds = 7200;
  sum.device_seconds_without_joules = 3600;
  sum.joules = 640000;
  EXPECT_FALSE(ledger_joules(sum, LedgerPrices()));
  EXPECT_FALSE(ledger_money(sum, LedgerPrices()).headline());
  sum.device_seconds_without_joules = 0;
  EXPECT_EQ(ledger_joules(sum, LedgerPrices())->mid, 640000);
}

TEST(LedgerPrices, APriceWithoutDateOrSourceOrUnitIsRefused) {
  const auto message = [](const std::string& text) {
    return parse_ledger_prices(text, "P").message();
  };
  const std::string price = "[rental]\nvalue = \"$1/h\"\n";
  EXPECT_EQ(message(price + "source = \"s\"\n"), "P:1: rental: date wanted, not found");
  EXPECT_EQ(message(price + "date = \"2026-11\"\n"), "P:1: rental: source wanted, not found");
  EXPECT_NE(message(price + "source = \"s\"\ndate = \"lately\"\n").find("a date"),
            std::string::npos);
  EXPECT_NE(message("[rental]\nvalue = \"1 h\"\ndate = \"2026\"\nsource = \"s\"\n").find("$/h"),
            std::string::npos);
  EXPECT_NE(message("[rent]\n").find("rent"), std::string::npos);
  EXPECT_NE(
      message("[purchase]\nvalue = \"$9\"\ndate = \"2026-01\"\nsource = \"s\"\n").find("life"),
      std::string::npos);
}

}  // namespace
}  // namespace fathom
