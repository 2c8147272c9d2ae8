#include "train/report.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/test_folder.h"
#include "train/step_record.h"

namespace fathom {
namespace {

nlohmann::json data_of(const std::string& page) {
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const size_t begin = page.find(open) + open.size();
  return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

class Report : public testing::Test {
 protected:
  std::string page() {
    EXPECT_TRUE(write_report({folder_.path()}).ok());
    return read_file(folder_.path() / "report.html").value();
  }
  void write_log(int steps) {
    std::string log;
    for (int i = 1; i <= steps; ++i) {
      StepRecord r;
      r.step = i;
      r.tokens = 100 * i;
      r.loss_ce = 1000.0 / i;
      r.grad_norm = i == 2 ? NAN : 1.0;
      r.tokens_per_s = i;
      r.router.layers = {1, 3};
      r.router.maxvio = {0.5, 1.5};
      if (i % 10 == 0) r.val_bpb = 2.0 / i, r.val_loss = 3.0 / i;
      log += to_json(r) + "\n";
    }
    folder_.write("log.jsonl", log);
  }
  TestFolder folder_;
};

TEST_F(Report, HoldsTheCurvesOfTheLog) {
  write_log(20);
  const auto data = data_of(page());
  ASSERT_EQ(data["fields"]["loss_ce"].size(), 20u);
  EXPECT_EQ(data["fields"]["loss_ce"][3], 250.0);
  EXPECT_TRUE(data["fields"]["grad_norm"][1].is_null());
  EXPECT_EQ(data["layers"], (std::vector<int>{1, 3}));
  EXPECT_EQ(data["layer_maxvio"][1][7], 1.5);
  ASSERT_EQ(data["validation"].size(), 2u);
  EXPECT_EQ(data["validation"][1], (std::vector<double>{20, 2000, 0, 0.1, 0.15}));
}

TEST_F(Report, ALongRunIsThinnedToMeans) {
  write_log(5000);
  const auto data = data_of(page());
  const auto& steps = data["fields"]["step"];
  ASSERT_EQ(steps.size(), 800u);
  EXPECT_NEAR(steps[0].get<double>(), 3.5, 0.51);  // steps 1 to 6
  EXPECT_NEAR(steps[799].get<double>(), 4997, 1);
  EXPECT_EQ(data["validation"].size(), 500u);
}

TEST_F(Report, StandsAloneAndTakesNothingFromItsInputsAsMarkup) {
  write_log(3);
  folder_.write("run.toml", "path = \"</script><script>alert(1)</script>&\"\n");
  const std::string html = page();
  EXPECT_NE(
      html.find("path = &quot;&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;"),
      std::string::npos);
  EXPECT_EQ(html.find("alert(1)</script>"), std::string::npos);
  for (const char* loads : {" src=", " href=", "@import", "url(http", "fetch("})
    EXPECT_EQ(html.find(loads), std::string::npos) << loads;
}

TEST_F(Report, ARunWithoutAStepHasAPageThatSaysSo) {
  EXPECT_NE(page().find("No step has been taken yet."), std::string::npos);
  folder_.write("log.jsonl", "{\"step\":1,\"lo");
  EXPECT_NE(page().find("No step has been taken yet."), std::string::npos);
}

TEST_F(Report, RunsAreComparedByTheEndsOfTheirLogs) {
  std::string first, second;
  for (int i = 1; i <= 40; ++i) {
    first +=
        fmt::format("{{\"step\":{},\"reward_mean\":{},\"masked\":0.25}}\n", i, i <= 36 ? 0.0 : 0.5);
    if (i <= 20) second += fmt::format("{{\"step\":{},\"reward_mean\":-1.5}}\n", i);
  }
  std::filesystem::create_directory(folder_.path() / "a");
  std::filesystem::create_directory(folder_.path() / "b");
  folder_.write("a/log.jsonl", first);
  folder_.write("a/run.toml", "x = \"<1>\"\n");
  folder_.write("b/log.jsonl", second + "{\"step\":21,\"rew");
  const auto page = folder_.path() / "report.html";
  ASSERT_TRUE(write_comparison(
                  page, "a & b",
                  {{"fp8, <none>", {folder_.path() / "a"}}, {"fp8, tis", {folder_.path() / "b"}}})
                  .ok());
  const std::string html = read_file(page).value();
  for (const char* part :
       {"a &amp; b", "fp8, &lt;none&gt;</td><td>40</td><td>0.5</td>", "<td>25.0 %</td>",
        "fp8, tis</td><td>20</td><td>-1.5</td>", "x = &quot;&lt;1&gt;&quot;"})
    EXPECT_NE(html.find(part), std::string::npos) << part;
  EXPECT_EQ(html.find("fp8, <none></"), std::string::npos);
  folder_.write("b/log.jsonl", "");
  const Status none = write_comparison(page, "a & b", {{"b", {folder_.path() / "b"}}});
  EXPECT_TRUE(none.message().ends_with("b/log.jsonl: at least one step wanted, none found"))
      << none.message();
}

}  // namespace
}  // namespace fathom
