#include "rl/r1_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"
#include "base/test_folder.h"
#include "cost/ledger_entry.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kR1PlanText = R"(
[[stage]]
name = "cold"
command = ["env", "sample", "arithmetic", "--demonstrate", "--json"]

[[stage]]
name = "sft"
command = ["sft", "sft.toml", "--set", 'data.sources=[{ path = "{cold}" }]']
max_minutes = 2
gate = { pass_1 = 0.5, arguments = ["--env", "arithmetic"] }

[[stage]]
name = "rl"
command = ["rl", "{plan}/rl.toml", "--set", 'model.init_from="{sft}"']
)";

class R1PlanTest : public testing::Test {
 protected:
  R1PlanTest() {
    folder_.write("sft.toml", "[train]\nepochs = 1\n");
    folder_.write("rl.toml", "[train]\nsteps = 1\n");
    write(kR1PlanText);
    options_.directory = folder_.path() / "out";
    options_.program = [this](const R1Call& call) { return program(call); };
  }
  void write(const std::string& text) { folder_.write("plan.toml", text); }
  Result<R1Plan> read() const { return read_r1_plan(folder_.path() / "plan.toml"); }
  Result<bool> run() { return run_r1(read().value(), options_); }

  Result<R1Outcome> program(const R1Call& call) {
    calls_.push_back(fmt::format("{}{}", call.arguments[0],
                                 call.arguments.back() == "--resume" ? " again" : ""));
    seconds_.push_back(call.max_seconds);
    R1Outcome outcome;
    if (!call.output_file.empty()) {
      EXPECT_TRUE(write_file_atomic(call.output_file, "{}\n{}\n").ok());
    }
    if (call.arguments[0] == "sample") outcome.output = R"({"written": 7})";
    if (call.arguments[0] == "eval")
      outcome.output = fmt::format(
          R"({{"rows": [{{"pass_1": {{"share": 0.9}}}}, {{"pass_1": {{"share": {}}}}}]}})",
          pass_1_);
    if (call.arguments[0] == "sft") folder_.write("out/02-sft/run.toml", "");
    if (calls_.size() == interrupt_at_) outcome.interrupted = true, outcome.exit_code = 1;
    if (calls_.size() == fail_at_) outcome.exit_code = 1;
    if (calls_.size() == late_at_) outcome.out_of_time = true, outcome.exit_code = 1;
    return outcome;
  }
  using Calls = std::vector<std::string>;

  TestFolder folder_;
  R1Options options_;
  Calls calls_;
  std::vector<double> seconds_;
  double pass_1_ = 0.6;
  size_t interrupt_at_ = 0, fail_at_ = 0, late_at_ = 0;
};

TEST_F(R1PlanTest, AStageStandsOnWhatEarlierStagesMade) {
  const R1Plan plan = read().value();
  const fs::path out = "/out";
  EXPECT_EQ(r1_command(plan, 0, out),
            (Calls{"env", "sample", "arithmetic", "--demonstrate", "--json"}));
  EXPECT_EQ(
      r1_command(plan, 1, out),
      (Calls{"sft", (folder_.path() / "sft.toml").string(), "--set",
             R"(data.sources=[{ path = "/out/01-cold/samples.jsonl" }])", "-o", "/out/02-sft"}));
  EXPECT_EQ(r1_command(plan, 2, out),
            (Calls{"rl", (folder_.path() / "rl.toml").string(), "--set",
                   R"(model.init_from="/out/02-sft")", "-o", "/out/03-rl"}));
}

TEST_F(R1PlanTest, EveryStageRunsOnceAndADoneOneIsSkipped) {
  EXPECT_TRUE(run().value());
  EXPECT_EQ(calls_, (Calls{"env", "sft", "eval", "rl"}));
  EXPECT_TRUE(run().value());
  EXPECT_EQ(calls_.size(), 4u);
  const auto reports = r1_status(read().value(), options_.directory).value();
  for (const R1StageReport& r : reports) EXPECT_EQ(r.state, R1State::kDone);
  EXPECT_EQ(reports[0].record->counts, R"({"written":2})");
  EXPECT_EQ(reports[1].record->pass_1, 0.6);  // the least of the rows
  EXPECT_EQ(seconds_[1], 120);
}

TEST_F(R1PlanTest, SamplesOfAModelAreCountedByTheCommand) {
  write("[[stage]]\nname = \"right\"\ncommand = [\"sample\", \"-m\", \"m\"]\n");
  EXPECT_EQ(r1_command(read().value(), 0, "/out"),
            (Calls{"sample", "-m", "m", "-o", "/out/01-right/samples.jsonl", "--json"}));
  EXPECT_TRUE(run().value());
  EXPECT_EQ(r1_status(read().value(), options_.directory).value()[0].record->counts,
            R"({"written":7})");
}

TEST_F(R1PlanTest, AnInterruptedPlanGoesOnWhereItWas) {
  interrupt_at_ = 2;
  EXPECT_FALSE(run().value());
  EXPECT_EQ(r1_status(read().value(), options_.directory).value()[1].state, R1State::kBegun);
  EXPECT_TRUE(run().value());
  EXPECT_EQ(calls_, (Calls{"env", "sft", "sft again", "eval", "rl"}));
}

TEST_F(R1PlanTest, AMissedGateStopsThePlanAndKeepsWhatWasMade) {
  pass_1_ = 0.4;
  const auto missed = run();
  ASSERT_FALSE(missed.ok());
  EXPECT_NE(missed.message().find("pass@1 of 0.5 wanted, 0.400 found"), std::string::npos)
      << missed.message();
  EXPECT_FALSE(run().ok());  // nothing was done again
  EXPECT_EQ(calls_, (Calls{"env", "sft", "eval"}));
  options_.ignore_gates = true;
  EXPECT_TRUE(run().value());
  EXPECT_EQ(calls_.back(), "rl");
}

TEST_F(R1PlanTest, ARunWhoseTimeIsOverIsDone) {
  late_at_ = 2;
  EXPECT_TRUE(run().value());
  EXPECT_EQ(r1_status(read().value(), options_.directory).value()[1].record->end, "max_minutes");
}

TEST_F(R1PlanTest, AFailedCommandIsNamed) {
  fail_at_ = 2;
  const auto failed = run();
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.message().find("stage sft: `fathom sft` ended with exit code 1"),
            std::string::npos)
      << failed.message();
}

TEST_F(R1PlanTest, AStageDoneWithOtherSettingsIsNotTaken) {
  EXPECT_TRUE(run().value());
  folder_.write("sft.toml", "[train]\nepochs = 2\n");
  const auto status = r1_status(read().value(), options_.directory);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("stage sft: it was done with other settings"), std::string::npos);
  // Stages behind it stand on it; the one before does not.
  fs::remove_all(options_.directory / "02-sft");
  const auto behind = r1_status(read().value(), options_.directory);
  ASSERT_FALSE(behind.ok());
  EXPECT_NE(behind.message().find("stage rl:"), std::string::npos);
  fs::remove_all(options_.directory / "03-rl");
  EXPECT_TRUE(run().value());
  EXPECT_EQ(std::count(calls_.begin(), calls_.end(), "env"), 1);
}

TEST_F(R1PlanTest, UntilEndsEarly) {
  options_.until = "cold";
  EXPECT_TRUE(run().value());
  EXPECT_EQ(calls_, Calls{"env"});
  options_.until = "cool";
  EXPECT_FALSE(run().ok());
}

TEST_F(R1PlanTest, TheLedgerHoldsWhatNoRunWritesDown) {
  EXPECT_TRUE(run().value());
  const LedgerFile ledger = read_ledger(options_.directory / "ledger.jsonl").value();
  std::vector<std::string> lines;
  for (const LedgerEntry& e : ledger.entries)
    lines.push_back(fmt::format("{} {}", ledger_kind_name(e.kind), e.name));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "phase cold"), 1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "evaluation sft"), 1);
}

TEST_F(R1PlanTest, APlanThatCannotWorkIsRefusedBeforeAnyOfIt) {
  const auto refused = [&](const std::string& text, const std::string& why) {
    write(text);
    const auto plan = read();
    ASSERT_FALSE(plan.ok()) << text;
    EXPECT_NE(plan.message().find(why), std::string::npos) << plan.message();
  };
  refused("", "[[stage]] tables wanted, none found");
  refused("stages = 3\n", ":1: [[stage]] tables wanted, stages found");
  refused("[[stage]]\nname = \"a\"\ncommand = [\"chat\"]\n",
          "one of tokenize, env, sample, train, sft, rl, distill");
  refused("[[stage]]\nname = \"A b\"\ncommand = [\"sample\"]\n", "letters a to z");
  refused("[[stage]]\nname = \"a\"\ncommand = [\"sft\", \"none.toml\"]\n",
          "none.toml: a RUN.toml wanted, no such file");
  refused("[[stage]]\nname = \"a\"\ncommand = [\"sft\"]\n", "a RUN.toml wanted, none found");
  refused("[[stage]]\nname = \"a\"\ncommand = [\"sample\", \"{b}\"]\n",
          "{b}: an earlier stage wanted (there is none)");
  refused(
      "[[stage]]\nname = \"a\"\ncommand = [\"sample\"]\n[[stage]]\nname = \"a\"\ncommand = "
      "[\"sample\"]\n",
      "one that is taken found");
  refused("[[stage]]\nname = \"a\"\ncommand = [\"sample\"]\nmax_minutes = 3\n",
          "max_minutes: a run");
  refused("[[stage]]\nname = \"a\"\ncommand = [\"sample\"]\nbudget = 3\n", "budget");
}

}  // namespace
}  // namespace fathom
