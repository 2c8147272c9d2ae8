// fathom cost ladder, compare and trend as a user calls them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/command.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kFour = "cost compare deepseek-v3 gpt-4 claude-3.5-sonnet llama-3.1-405b";

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST(CostCompareCommand, FourModelsFitATerminal) {
  for (const char* arguments : {kFour, "cost ladder deepseek-v3", "cost ladder deepseek-r1",
                                "cost trend --budget '$100K'"}) {
    const CommandResult r = run_fathom(arguments);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    EXPECT_LE(longest_line(r.out), 80u) << r.out;
  }
}

TEST(CostCompareCommand, JsonHasTheDocumentedKeys) {
  const Json ladder = Json::parse(run_fathom("cost ladder deepseek-v3 --json").out);
  ASSERT_EQ(ladder["rungs"].size(), 10u);
  for (const Json& rung : ladder["rungs"]) {
    for (const char* key : {"name", "usd", "basis", "source"})
      EXPECT_TRUE(rung.contains(key)) << key;
  }
  EXPECT_NEAR(ladder["rungs"][1]["usd"]["mid"].get<double>(), 5.576e6, 1);
  const Json compare = Json::parse(run_fathom(std::string(kFour) + " --json").out);
  EXPECT_EQ(compare["basis"], "amortised");
  for (const Json& model : compare["models"]) {
    for (const char* key : {"low", "mid", "high"})
      EXPECT_TRUE(model["usd"].contains(key)) << model["name"];
  }
  const Json trend = Json::parse(
      run_fathom("cost trend --usd '$25M' --date 2024-03 --to 2024-12 --factor 4 --json").out);
  EXPECT_NEAR(trend["points"].back()["usd"]["mid"].get<double>(), 8.8e6, 0.05e6);
  EXPECT_FALSE(trend["points"].back()["frontier_usd"].is_null());
}

TEST(CostCompareCommand, ThePageIsWhole) {
  const fs::path page =
      fs::path(testing::TempDir()) / ("fathom_cost_" + std::to_string(getpid()) + ".html");
  const CommandResult r = run_fathom(std::string(kFour) + " --html '" + page.string() + "'");
  ASSERT_EQ(r.exit_code, 0) << r.err;
  const std::string html = read_text(page);
  fs::remove(page);
  EXPECT_TRUE(html.ends_with("</html>\n"));
  for (const char* part : {"The ladder of DeepSeek-V3", "The ladder of GPT-4",
                           "The two halves of the trend", "Every figure, each with its basis"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(html.find("src=\"http"), std::string::npos);
}

TEST(CostCompareCommand, BadInputIsOneSentenceAndExitOne) {
  const std::pair<const char*, const char*> cases[] = {
      {"cost compare deepseek-v9", "deepseek-v9"},
      {"cost compare deepseek-v3 --basis price", "--basis"},
      {"cost compare deepseek-v3 --html /nonexistent/x.html", "/nonexistent/x.html"},
      {"cost ladder deepseek-v3 --rental-price 2", "--rental-price"},
      {"cost ladder deepseek-v3 --rental-price '$2/kWh'", "--rental-price"},
      {"cost ladder deepseek-v3 --staff-share 120%", "--staff-share"},
      {"cost ladder deepseek-v3 --devices 0", "--devices"},
      {"cost trend --algorithmic 3:2", "--algorithmic"},
      {"cost trend --factor 4 --hardware 2", "--factor"},
      {"cost trend --budget '$0'", "budget"},
      {"cost trend --to 2020-01", "2020-01"},
      {"cost trend --to soon", "--to"},
      {"cost trend --frontier gpt-9", "gpt-9"},
  };
  for (const auto& [arguments, named] : cases) {
    const CommandResult r = run_fathom(arguments);
    EXPECT_EQ(r.exit_code, 1) << arguments;
    EXPECT_NE(r.err.find(named), std::string::npos) << arguments << ": " << r.err;
    EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << arguments << ": " << r.err;
    EXPECT_EQ(r.out, "") << arguments;
  }
}

}  // namespace
}  // namespace fathom
