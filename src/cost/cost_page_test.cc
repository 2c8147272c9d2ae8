#include "cost/cost_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/file.h"
#include "cost/page_assets.h"

namespace fathom {
namespace {

constexpr const char* kHostile =
    "</script><script>alert(1)</script><img src=x onerror=\"alert('2')\">&<!--";

CostPage page() {
  CostPage p;
  p.title = std::string("Compare ") + kHostile;
  p.lead = kHostile;
  p.made_by = kHostile;
  PageSection bars;
  bars.title = kHostile;
  bars.paragraphs = {kHostile};
  bars.plot = BarsPlot{
      PlotUnit::kUsd, {{kHostile, Range{1e6, 2e6, 4e6}, kHostile}, {"b", std::nullopt, "unknown"}}};
  bars.plot_caption = kHostile;
  bars.tables = {{{{kHostile}, {"money", true}}, {{kHostile, "$1-4M"}, {"b", "unknown"}}}};
  bars.notes = {kHostile};
  PageSection trend;
  trend.title = "Trend";
  TrendPlot plot;
  plot.lines = {
      {kHostile, false, {{{2024, 1}, Range::exactly(5)}, {{2025, 1}, Range::exactly(1)}}}};
  plot.models = {{kHostile, {2024, 5}, Range::exactly(3), "rental", "s"}};
  plot.budget_usd = 2;
  trend.plot = plot;
  p.sections = {bars, trend};
  return p;
}

/// The page without the text of its own scripts and styles.
std::string markup(const std::string& html) {
  std::string out = html;
  for (const std::string_view own :
       {d3_script(), cost_page_script(), cost_page_style(), d3_licence()}) {
    if (const size_t at = out.find(own); at != std::string::npos) out.erase(at, own.size());
  }
  return out;
}

size_t count(const std::string& text, std::string_view what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(CostPage, AChartThatIsDrawnAlreadyNeedsNoScript) {
  CostPage p = page();
  p.sections = {PageSection()};
  p.sections[0].title = kHostile;
  p.sections[0].plot = DrawnPlot{"<svg id=\"w\"></svg>", "<svg id=\"n\"></svg>"};
  p.sections[0].code = kHostile;
  const std::string html = markup(render_page(p));
  EXPECT_EQ(count(html, "<script"), 0u);
  EXPECT_EQ(count(html, "script-src"), 0u);
  EXPECT_EQ(count(html, "<svg"), 2u);
  EXPECT_EQ(count(html, "<code>&lt;/script&gt;"), 1u);
}

TEST(CostPage, HostileNamesStayText) {
  const std::string html = markup(render_page(page()));
  EXPECT_EQ(html.find("<script>alert"), std::string::npos);
  EXPECT_EQ(html.find("<img"), std::string::npos);
  EXPECT_EQ(html.find("<!--"), std::string::npos);
  EXPECT_EQ(count(html, "<script"), 4u) << "two plots' data, d3 and the page's own";
  EXPECT_EQ(count(html, "</script"), 4u);
  EXPECT_NE(html.find("&lt;/script&gt;"), std::string::npos);
}

TEST(CostPage, PlotDataAreTheNumbersOfTheTable) {
  const std::string html = render_page(page());
  const std::string open = "<script type=\"application/json\">";
  const size_t at = html.find(open) + open.size();
  const auto plot = nlohmann::json::parse(html.substr(at, html.find("</script>", at) - at));
  EXPECT_EQ(plot["items"][0]["label"], kHostile);
  EXPECT_EQ(plot["items"][0]["value"]["low"], 1e6);
  EXPECT_EQ(plot["items"][0]["value"]["high"], 4e6);
  EXPECT_TRUE(plot["items"][1]["value"].is_null());
}

TEST(CostPage, LoadsNothing) {
  const std::string html = markup(render_page(page()));
  const std::regex loads(
      R"((src|href|action|data|poster|srcset)\s*=\s*["']?\s*(https?:|//)|@import|url\()",
      std::regex::icase);
  EXPECT_FALSE(std::regex_search(html, loads));
  EXPECT_EQ(cost_page_style().find("url("), std::string_view::npos);
  EXPECT_EQ(cost_page_style().find("@import"), std::string_view::npos);
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos) << "the browser enforces it";
  EXPECT_EQ(html.find("unsafe-eval"), std::string::npos);
}

TEST(CostPage, OnlyItsOwnScriptsMayRun) {
  const std::string html = render_page(page());
  EXPECT_EQ(count(html, "'sha256-"), 2u);
  EXPECT_EQ(html.find("script-src 'unsafe-inline'"), std::string::npos);
  // A script that held its own end, or a comment's beginning, would be cut short.
  for (const std::string_view own : {d3_script(), cost_page_script()}) {
    EXPECT_EQ(own.find("</script"), std::string_view::npos);
    EXPECT_EQ(own.find("<!--"), std::string_view::npos);
  }
}

TEST(CostPage, KeepsTheLibrarysNotice) {
  EXPECT_GT(d3_script().size(), 100000u);
  const std::string html = render_page(page());
  EXPECT_NE(html.find("Copyright"), std::string::npos);
  EXPECT_NE(html.find("Redistributions of source code must retain"), std::string::npos);
}

TEST(CostPage, IsForLightDarkPaperAndNarrowScreens) {
  const std::string_view css = cost_page_style();
  for (const char* rule :
       {"prefers-color-scheme: dark", "@media print", "max-width: 44rem", "@page"})
    EXPECT_NE(css.find(rule), std::string_view::npos) << rule;
  EXPECT_NE(render_page(page()).find("name=\"viewport\""), std::string::npos);
}

TEST(CostPage, EveryElementIsClosed) {
  const std::string html = markup(render_page(page()));
  for (const char* tag : {"section", "figure", "table", "tbody", "tr", "td", "th", "ul", "li", "p",
                          "h1", "h2", "main", "header", "footer", "details"}) {
    const std::regex open(std::string("<") + tag + R"([\s>])");
    const auto n =
        std::distance(std::sregex_iterator(html.begin(), html.end(), open), std::sregex_iterator());
    EXPECT_EQ(static_cast<size_t>(n), count(html, std::string("</") + tag + ">")) << tag;
  }
}

TEST(CostPage, BytesThatAreNoUtf8DoNotEndIt) {
  CostPage p = page();
  std::get<BarsPlot>(p.sections[0].plot).items[0].label = "\xff\xfe";
  EXPECT_NE(render_page(p).find("\"items\""), std::string::npos);
}

TEST(CostPage, AFolderThatIsNotThereIsNamed) {
  const Status status = write_page("/nonexistent/page.html", page());
  EXPECT_EQ(status.message(), "/nonexistent/page.html: cannot be written (does its folder exist?)");
}

}  // namespace
}  // namespace fathom
