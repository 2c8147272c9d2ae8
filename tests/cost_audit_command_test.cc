// fathom cost audit as a user calls it: the catalogue is found, the table is 80 columns wide, JSON
// keeps its schema, bad input is one sentence.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/command.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// The binary of a build directory elsewhere finds the repository's catalogue by the environment.
class CostAudit : public testing::Test {
 protected:
  CostAudit() { setenv("FATHOM_CATALOGUE", FATHOM_SOURCE_DIR "/data/catalogue", 1); }
  ~CostAudit() override { unsetenv("FATHOM_CATALOGUE"); }
  Json json_of(const std::string& arguments) {
    const CommandResult r = run_fathom("cost audit --json " + arguments);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    return Json::parse(r.out);
  }
  void expect_sentence(const std::string& arguments, const std::string& sentence) {
    const CommandResult r = run_fathom("cost audit " + arguments);
    EXPECT_EQ(r.exit_code, 1);
    EXPECT_EQ(r.out, "");
    EXPECT_EQ(r.err, "fathom: " + sentence + "\n");
  }
};

TEST_F(CostAudit, KeepsItsJsonSchema) {
  const Json j = json_of("deepseek-v3");
  EXPECT_EQ(j["model"], "deepseek-v3");
  EXPECT_NEAR(j["flops_per_token"].get<double>(), 250e9, 7.5e9);
  EXPECT_EQ(j["device_hours"], 2.788e6);
  EXPECT_EQ(j["usd"]["mid"], 5.576e6);
  EXPECT_EQ(j["mfu"].size(), 5u);
  for (const Json& m : j["mfu"]) EXPECT_TRUE(m["definition"].is_string() && m["value"].is_number());
  for (const Json& v : j["verdicts"]) {
    EXPECT_TRUE(v["claim"].is_string() && v["holds"].is_boolean() && v["why"].is_string()) << v;
    EXPECT_TRUE(v["factor"].is_number() || v["factor"].is_null()) << v;
  }
}

TEST_F(CostAudit, ItsTableFitsATerminal) {
  for (const char* name :
       {"deepseek-v3", "deepseek-v2", "r1", "gpt-4", "gpt-4o", "llama-3.1-405b", "grok-3"}) {
    const CommandResult r = run_fathom(std::string("cost audit ") + name);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    std::istringstream lines(r.out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
  }
  EXPECT_NE(run_fathom("cost audit r1").out.find("64 x 8 = 512 with its sign"), std::string::npos);
}

TEST_F(CostAudit, TakesNumbersFromFlagsAndFiles) {
  const Json flags =
      json_of("--tokens '2T tokens' --params 7B --device-hours '184,320 h' --device a100");
  EXPECT_TRUE(flags["verdicts"][0]["holds"]);
  EXPECT_NEAR(flags["mfu"][0]["value"].get<double>(), 0.4057, 1e-3);
  const fs::path file =
      fs::path(testing::TempDir()) / ("claim_" + std::to_string(getpid()) + ".toml");
  std::ofstream(file) << "tokens = \"2T tokens\"\nparams = \"7B\"\ndevice_hours = \"184,320 "
                         "h\"\ndevice = \"a100\"\n";
  const Json from_file = json_of("--claim '" + file.string() + "'");
  EXPECT_EQ(from_file["mfu"], flags["mfu"]);
  fs::remove(file);
  EXPECT_NEAR(json_of("--devices 512 --days '80 h' --rate '$2/h' --usd '$82K'")["device_hours"]
                  .get<double>(),
              40960, 1);
}

TEST_F(CostAudit, BadInputIsOneSentence) {
  expect_sentence(
      "deepsek-v3",
      "deepsek-v3: the catalogue has no such model (deepseek-v3 or deepseek-v2 meant?)");
  expect_sentence("--device-hours '-5 h'",
                  "device_hours: a number of 0 or more wanted, \"-5 h\" found");
  expect_sentence("--device-hours '5M tokens'",
                  "device_hours: a number in h (such as 2.788M h) wanted, \"5M tokens\" found");
  EXPECT_NE(run_fathom("cost audit --tokens '2T tokens'").err.find("found only tokens"),
            std::string::npos);
  expect_sentence("--claim x.toml --usd '$5M'",
                  "--claim: numbers in one place wanted, a file and flags found");
  expect_sentence("--config /nowhere.json --tokens '2T tokens' --device-hours '1M h'",
                  "/nowhere.json: cannot open: No such file or directory");
  EXPECT_EQ(run_fathom("cost").exit_code, 2);
  setenv("FATHOM_CATALOGUE", "/nowhere", 1);
  expect_sentence("deepseek-v3", "FATHOM_CATALOGUE: a directory wanted, /nowhere found");
}

}  // namespace
}  // namespace fathom
