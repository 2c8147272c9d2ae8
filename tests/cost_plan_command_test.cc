// fathom cost plan as a user calls it: the published facts from the command line, the JSON that
// others rely on, and bad input.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cost/machine.h"
#include "tests/command.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

Json planned(const std::string& arguments) {
  const CommandResult r = run_fathom("cost plan " + arguments + " --json");
  EXPECT_EQ(r.exit_code, 0) << r.err;
  return r.exit_code == 0 ? Json::parse(r.out) : Json();
}

void expect_sentence(const std::string& arguments, const std::string& sentence) {
  const CommandResult r = run_fathom("cost plan " + arguments);
  EXPECT_EQ(r.exit_code, 1) << arguments;
  EXPECT_EQ(r.err, "fathom: " + sentence + "\n");
  EXPECT_EQ(r.out, "");
}

constexpr const char* kV3 = "deepseek-v3 --device h800 --devices 2048 --rate '$2/h' ";

TEST(CostPlanCommand, V3sFactsFollowFromItsNameAndItsThroughput) {
  const Json j = planned(std::string(kV3) + "--throughput '272.8B tokens/day'");
  EXPECT_NEAR(j["flops_per_token"].get<double>() / 1e9, 250, 0.03 * 250);
  EXPECT_EQ(j["flops"]["definition"], "causal");
  EXPECT_EQ(j["kv_bytes_per_token"], 70272);
  EXPECT_NEAR(j["parameters"]["total"].get<double>() / 1e9, 671, 1);
  EXPECT_NEAR(j["parameters"]["active"].get<double>() / 1e9, 37, 1);
  EXPECT_EQ(j["tokens"], 14.8e12);  // the catalogue's
  EXPECT_NEAR(j["device_hours"].get<double>() / 1e6, 2.667, 0.001);
  EXPECT_EQ(j["usd_basis"], "rental");
  EXPECT_EQ(j["usd"]["mid"].get<double>(), 2 * j["device_hours"].get<double>());
}

TEST(CostPlanCommand, PhasesAddUp) {
  const Json j =
      planned(std::string(kV3) +
              "--phase 'pretraining: tokens=14.8T, hours-per-T=180K h' "
              "--phase 'context extension: hours=119K h' --phase 'post-training: hours=5K h'");
  EXPECT_EQ(j["phases"].size(), 3u);
  EXPECT_NEAR(j["usd"]["low"].get<double>(), 5.576e6, 1);
  EXPECT_NEAR(j["usd"]["high"].get<double>(), 5.576e6, 1);
}

TEST(CostPlanCommand, AServingDayIsPlannedFromItsTraffic) {
  const Json j = planned(
      "deepseek-v3 --inference --device h800 --devices 8 --rate '$2/h' --format fp8 --cache-hit "
      "56.25% "
      "--input-throughput '73.7K tokens/s' --output-throughput '14.8K tokens/s' "
      "--input-per-day 608B --output-per-day 168B");
  EXPECT_NEAR(j["usd_per_day"]["mid"].get<double>(), 87072, 0.005 * 87072);
  EXPECT_NEAR(j["machines"]["mid"].get<double>(), 226.75, 0.005 * 226.75);
  EXPECT_NEAR(j["usd_per_mtok_out"]["mid"].get<double>(), 0.3003, 0.0001);
}

TEST(CostPlanCommand, OwnModelsArePlannedOnOwnMachines) {
  const std::string machine = std::string(FATHOM_SOURCE_DIR) + "/data/machines/zen4-2-cores.toml";
  const Json j = planned(std::string(FATHOM_SOURCE_DIR) + "/models/base/config.json --machine " +
                         machine + " --tokens 6M --context 512 --micro-batch 8");
  // The run took 31 min (models/base/README.md).
  EXPECT_LT(j["phases"][0]["seconds"]["low"].get<double>(), 31 * 60);
  EXPECT_GT(j["phases"][0]["seconds"]["high"].get<double>(), 31 * 60);
  EXPECT_TRUE(j["usd"].is_null());
}

TEST(CostPlanCommand, EveryMachineOfTheRepositoryIsReadAndPlannedOn) {
  int n = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(FATHOM_SOURCE_DIR) / "data/machines")) {
    const auto machine = read_machine(entry.path());
    EXPECT_TRUE(machine.ok()) << machine.message();
    const Json j = planned("deepseek-v3 --mfu 40% --machine " + entry.path().string());
    EXPECT_GT(j["device_hours"].get<double>(), 1e6);
    ++n;
  }
  EXPECT_GE(n, 3);
}

TEST(CostPlanCommand, ReinforcementLearningIsSplitIntoItsParts) {
  const Json j = planned(
      "deepseek-v3 --rl --device h800 --devices 512 --steps 10 --output 4K..8K --format fp8 "
      "--no-old-logp");
  EXPECT_EQ(j["mode"], "rl");
  std::vector<std::string> names;
  for (const Json& part : j["parts"]) names.push_back(part["name"]);
  EXPECT_EQ(names,
            (std::vector<std::string>{"rollout", "rollout tail", "logp_ref", "update", "idle"}));
  EXPECT_LT(j["device_hours_range"]["low"], j["device_hours_range"]["high"]);
}

TEST(CostPlanCommand, WithoutAMachineItEndsAtFlopsAndBytes) {
  const CommandResult r = run_fathom("cost plan deepseek-v3");
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_NE(r.out.find("250.5 GFLOP/token"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("70272 bytes a token"), std::string::npos) << r.out;
}

TEST(CostPlanCommand, FitsEightyColumns) {
  for (const char* arguments :
       {"--help", "deepseek-v3",
        "deepseek-v3 --device h800 --devices 2048 --precision fp8 --parallel pp=16,ep=64 "
        "--schedule "
        "dualpipe --batch 15360",
        "deepseek-v3 --inference --device h200 --devices 8 --format fp8 --batch 64 --cache-hit 56%",
        "deepseek-v3 --rl --device h800 --devices 512 --steps 10400 --output 3K..12K --format "
        "fp8"}) {
    const CommandResult r = run_fathom(std::string("cost plan ") + arguments);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    std::istringstream lines(r.out);
    for (std::string line; std::getline(lines, line);) {
      // Characters, not bytes: the continuation bytes of UTF-8 do not count.
      const auto columns =
          std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
      EXPECT_LE(columns, 80) << line;
    }
  }
}

TEST(CostPlanCommand, BadInputIsOneSentence) {
  const std::string v3 = kV3;
  expect_sentence(
      v3 + "--tokens 1T --precision int4",
      "NVIDIA H800 SXM: a peak in int4 wanted, only bf16, f16, f32, fp8, int8, tf32 found");
  expect_sentence(v3 + "--tokens 1T --mfu 0%",
                  "--mfu: more than 0% and at most 100% wanted, \"0%\" found");
  expect_sentence(v3 + "--parallel pp=7", "parallel: pp=7 x tp=1 that divides 2048 devices wanted");
  expect_sentence("deepseek-v3 --rate '$2/h'",
                  "--machine or --device wanted with --rate and --devices, neither found");
  for (const std::string& arguments :
       {v3 + "--hours='-5 h'", v3 + "--tokens '5 h'",
        std::string("deepseek-v3 --device h800 --rate '2 h'"), v3 + "--mfu 2..1",
        std::string("deepseek-v9"), std::string("no/such/config.json"), std::string("gpt-4"),
        std::string("deepseek-v3 --device abacus"),
        std::string("deepseek-v3 --machine none.toml")}) {
    const CommandResult r = run_fathom("cost plan " + arguments);
    EXPECT_EQ(r.exit_code, 1) << arguments << r.err;
    EXPECT_EQ(r.err.substr(0, 8), "fathom: ") << r.err;
    EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << r.err;
  }
  expect_sentence(v3 + "--schedule gpipe",
                  "--schedule: one of 1f1b, zb1p, dualpipe wanted, \"gpipe\" found");
  EXPECT_EQ(run_fathom("cost plan deepseek-v3 --rl --inference").exit_code, 2);
}

}  // namespace
}  // namespace fathom
