// fathom cost ledger as a user calls it, on good input and on bad, and the shipped model's card.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "base/test_folder.h"
#include "cost/ledger.h"
#include "tests/command.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

class CostLedger : public testing::Test {
 protected:
  void SetUp() override {
    write(
        "entries.jsonl",
        "{\"kind\":\"attempt\",\"attempt\":1,\"step_from\":0,\"step_to\":0,\"source\":\"notes\"}\n"
        "{\"kind\":\"phase\",\"name\":\"training\",\"attempt\":1,\"seconds\":3600,"
        "\"device_seconds\":3600,\"step_from\":0,\"step_to\":10,\"tokens\":1000,"
        "\"flops\":5e9,\"joules\":3.6e6,\"joules_source\":\"a meter\",\"source\":\"notes\"}\n"
        "{\"kind\":\"idle\",\"attempt\":1,\"seconds\":1200,\"device_seconds\":1200,"
        "\"joules\":0,\"source\":\"notes\"}\n");
    write("prices.toml",
          "[rental]\nvalue = \"$3/h\"\ndate = \"2026-11\"\nsource = \"a list\"\n"
          "[electricity]\nvalue = \"$0.10/kWh\"\ndate = \"2026-11\"\nsource = \"a bill\"\n");
    ASSERT_EQ(call(at("ledger.jsonl") + " --import " + at("entries.jsonl")).exit_code, 0);
  }

  void write(const char* name, const std::string& text) { folder_.write(name, text); }
  std::string at(const char* name) const { return (folder_.path() / name).string(); }
  static CommandResult call(const std::string& arguments) {
    return run_fathom("cost ledger " + arguments);
  }
  TestFolder folder_;
};

TEST_F(CostLedger, TellsTimeEnergyMoneyAndWaste) {
  const auto r = call(at("") + " --prices " + at("prices.toml"));
  ASSERT_EQ(r.exit_code, 0) << r.err;
  for (const char* words :
       {"1 h 00 min", "waste ratio 25.0%", "1 kWh", "$4", "2026-11, a list", "from notes"})
    EXPECT_NE(r.out.find(words), std::string::npos) << words << "\n" << r.out;
}

TEST_F(CostLedger, JsonHasTheDocumentedFields) {
  const auto r = call(at("") + " --json --prices " + at("prices.toml"));
  ASSERT_EQ(r.exit_code, 0) << r.err;
  const auto run = nlohmann::json::parse(r.out)["runs"][0];
  EXPECT_DOUBLE_EQ(run["device_hours"].get<double>(), 4.0 / 3);
  EXPECT_DOUBLE_EQ(run["usd"]["mid"].get<double>(), 4);
  EXPECT_EQ(run["usd_basis"], "rental");
  EXPECT_DOUBLE_EQ(run["usd_electricity"]["high"].get<double>(), 0.1);
  EXPECT_DOUBLE_EQ(run["waste_ratio"].get<double>(), 0.25);
  EXPECT_DOUBLE_EQ(run["flops_per_token"].get<double>(), 5e6);
  EXPECT_EQ(run["classes"]["idle"]["device_seconds"], 1200);
  EXPECT_TRUE(run["peak_memory_bytes"].is_null());
  // The hour of training at $3, and with the idle third beside it.
  EXPECT_DOUBLE_EQ(run["rungs"][0]["usd"]["mid"].get<double>(), 3);
  for (const auto& rung : run["rungs"]) {
    if (rung["basis"] == "all-in-rd") {
      EXPECT_DOUBLE_EQ(rung["usd"]["mid"].get<double>(), 4);
    }
    EXPECT_EQ(rung["basis"] == "unknown", rung["usd"].is_null());
  }
}

TEST_F(CostLedger, NoPricesMeansUnknownMoneyAndNotZero) {
  const auto r = call(at("") + " --json");
  EXPECT_TRUE(nlohmann::json::parse(r.out)["runs"][0]["usd"].is_null());
  EXPECT_NE(call(at("")).out.find("unknown"), std::string::npos);
}

TEST_F(CostLedger, CheckNamesTheAlteredAndTheTornLine) {
  EXPECT_EQ(call(at("") + " --check").exit_code, 0);
  std::string text = read_file(folder_.path() / "ledger.jsonl").value();
  write("torn.jsonl", text.substr(0, text.size() - 20));
  const auto torn = call(at("torn.jsonl") + " --check");
  EXPECT_EQ(torn.exit_code, 1);
  EXPECT_NE(torn.err.find("torn.jsonl:3: a whole line wanted"), std::string::npos) << torn.err;
  EXPECT_EQ(call(at("torn.jsonl")).exit_code, 0);  // told, and the rest is counted
  text.replace(text.find("3600"), 4, "3000");
  write("altered.jsonl", text);
  for (const char* flag : {" --check", "", " --json", " --card"}) {
    const auto altered = call(at("altered.jsonl") + flag);
    EXPECT_EQ(altered.exit_code, 1) << flag;
    EXPECT_NE(altered.err.find("altered.jsonl:2: the hash "), std::string::npos) << altered.err;
    EXPECT_EQ(std::count(altered.err.begin(), altered.err.end(), '\n'), 1);
  }
}

TEST_F(CostLedger, BadInputGetsOneSentence) {
  EXPECT_EQ(call(at("absent")).err,
            "fathom: " + at("absent") + ": cannot open: No such file or directory\n");
  write("undated.toml", "[rental]\nvalue = \"$3/h\"\nsource = \"a list\"\n");
  const auto undated = call(at("") + " --prices " + at("undated.toml"));
  EXPECT_EQ(undated.exit_code, 1);
  EXPECT_NE(undated.err.find("undated.toml:1: rental: date wanted, not found"), std::string::npos)
      << undated.err;
  write("claims.jsonl", "{\"kind\":\"phase\",\"seconds\":1}\n");
  const auto claims = call(at("other.jsonl") + " --import " + at("claims.jsonl"));
  EXPECT_EQ(claims.exit_code, 1);
  EXPECT_NE(claims.err.find("claims.jsonl:1: source: "), std::string::npos) << claims.err;
  EXPECT_FALSE(fs::exists(folder_.path() / "other.jsonl"));
  EXPECT_EQ(call("").exit_code, 2);
}

TEST(BaseCard, ItsCostSectionIsWhatTheCommandPrints) {
  const fs::path base = fs::path(FATHOM_SOURCE_DIR) / "models/base";
  const auto r = run_fathom("cost ledger --card '" + base.string() + "'");
  ASSERT_EQ(r.exit_code, 0) << r.err;
  const std::string card = read_file(base / "README.md").value();
  const std::string begin = "<!-- fathom cost ledger models/base --card -->\n",
                    end = "<!-- end of cost -->\n";
  const size_t from = card.find(begin), to = card.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  EXPECT_EQ(card.substr(from + begin.size(), to - from - begin.size()), r.out);
}

}  // namespace
}  // namespace fathom
