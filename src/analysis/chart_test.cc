#include "analysis/chart.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "analysis/cell_text.h"
#include "analysis/chart_svg.h"
#include "analysis/chart_text.h"

namespace fathom {
namespace {

const ResultColumn kRegion{.name = "region", .words = "region"};
const ResultColumn kMonth{.name = "month", .words = "month"};
const ResultColumn kYear{.name = "year", .words = "year", .numeric = true, .plain = true};
const ResultColumn kTotal{.name = "total", .words = "total", .unit = "$", .numeric = true};

SqlValue s(const std::string& x) { return x; }
SqlValue n(int64_t x) { return x; }

QueryResult regions() {
  return {.rows = {{s("North"), n(100)}, {s("South"), n(50)}, {s("West"), n(25)}}};
}

TEST(Chart, NamesWithNumbersAreBarsAndTimesAreInOrder) {
  const auto bars = choose_chart({kRegion, kTotal}, regions());
  ASSERT_TRUE(bars);
  EXPECT_FALSE(bars->over_time);
  EXPECT_EQ(bars->title, "total by region");
  const auto time =
      choose_chart({kMonth, kTotal},
                   {.rows = {{s("2024-03"), n(3)}, {s("2024-01"), n(1)}, {s("2024-02"), n(2)}}});
  ASSERT_TRUE(time);
  EXPECT_TRUE(time->over_time);
  EXPECT_EQ(time->points[0].label, "2024-01");
  EXPECT_EQ(time->points[2].day - time->points[0].day, 60);
  const auto years = choose_chart({kYear, kTotal}, {.rows = {{n(2023), n(3)}, {n(2024), n(1)}}});
  ASSERT_TRUE(years);
  EXPECT_TRUE(years->over_time);
}

TEST(Chart, NoneWhereNoneHelps) {
  EXPECT_FALSE(choose_chart({kRegion, kTotal}, {.rows = {{s("North"), n(1)}}}));
  EXPECT_FALSE(choose_chart({kTotal}, {.rows = {{n(1)}, {n(2)}}}));
  EXPECT_FALSE(choose_chart({kRegion}, {.rows = {{s("a")}, {s("b")}}}));
  EXPECT_FALSE(choose_chart({kRegion, kTotal}, {.rows = {{s("a"), n(1)}, {s("a"), n(2)}}}));
  QueryResult cut = regions();
  cut.truncated = true;
  EXPECT_FALSE(choose_chart({kRegion, kTotal}, cut));
}

TEST(Chart, TheNumberThatTheRowsAreSortedByIsDrawn) {
  const ResultColumn growth{.name = "growth", .words = "growth", .numeric = true};
  const auto chart =
      choose_chart({kRegion, kTotal, growth},
                   {.rows = {{s("a"), n(1), n(9)}, {s("b"), n(3), n(8)}, {s("c"), n(2), n(7)}}});
  ASSERT_TRUE(chart);
  EXPECT_EQ(chart->title, "growth by region");
}

TEST(Chart, DaysAreThoseOfTheCalendar) {
  EXPECT_EQ(day_of("1970-01-02"), 1);
  EXPECT_EQ(day_of("1971"), 365);
  EXPECT_EQ(day_of("1970-Q3"), 181);
  EXPECT_EQ(day_of("1970-01-01 12:00:00"), 0.5);
  for (const char* none : {"", "1", "20245", "2024-13", "2024-02-30", "2024-Q5", "2024-1", "North"})
    EXPECT_FALSE(day_of(none)) << none;
}

TEST(Chart, TicksAreRoundAndHoldTheRange) {
  EXPECT_EQ(axis_ticks(0, 100, 5), (std::vector<double>{0, 20, 40, 60, 80, 100}));
  const auto ticks = axis_ticks(-3, 7.5, 4);
  EXPECT_LE(ticks.front(), -3);
  EXPECT_GE(ticks.back(), 7.5);
  EXPECT_EQ(tick_text(1500000, kTotal), "$1.5M");
  EXPECT_EQ(tick_text(-20, {.unit = "%"}), "-20%");
}

TEST(ChartText, BarsAreAsLongAsTheirNumbers) {
  const std::string text = chart_text(*choose_chart({kRegion, kTotal}, regions()), 40);
  std::istringstream lines(text);
  std::string north, south;
  std::getline(lines, north);
  std::getline(lines, south);
  const auto blocks = [](const std::string& line) {
    return static_cast<double>(display_width(line.substr(line.find("█"))));
  };
  EXPECT_NEAR(blocks(north), 2 * blocks(south), 1) << text;  // a half counts as a whole
  EXPECT_TRUE(north.starts_with("North  $100  ")) << text;
  EXPECT_LE(display_width(north), 40u);
}

TEST(ChartText, NegativeBarsGoTheOtherWay) {
  const std::string text = chart_text(
      *choose_chart({kRegion, kTotal}, {.rows = {{s("a"), n(-10)}, {s("b"), n(10)}}}), 40);
  const size_t newline = text.find('\n');
  const size_t a = text.find("█"), b = text.find("█", newline) - newline - 1;
  EXPECT_LT(a, b) << text;
}

TEST(ChartText, ManyDaysFitByTheirMeans) {
  QueryResult days;
  for (int month = 1; month <= 12; ++month)
    for (int day = 10; day < 29; ++day)
      days.rows.push_back(
          {s(fmt::format("2024-{:02}-{}", month, day)), n(month == 6 ? -5 : month)});
  const std::string text = chart_text(*choose_chart({kMonth, kTotal}, days), 60);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 60u) << text;
  EXPECT_NE(text.find("mean of 5 rows"), text.npos) << text;
  EXPECT_NE(text.find("2024-01-10"), text.npos) << text;
}

TEST(ChartSvg, HostileNamesStayText) {
  const std::string hostile = "</text><script>alert(1)</script>\"'&\x1b\xEF\xBF\xBF";
  const auto chart = choose_chart({{.words = hostile}, {.words = hostile, .numeric = true}},
                                  {.rows = {{s(hostile), n(1)}, {s("b"), n(2)}}});
  ASSERT_TRUE(chart);
  for (const bool standalone : {true, false}) {
    const std::string svg = chart_svg(*chart, {.standalone = standalone});
    EXPECT_EQ(svg.find("<script"), svg.npos);
    EXPECT_EQ(svg.find("alert(1)</"), svg.npos);
    EXPECT_EQ(svg.find('\x1b'), svg.npos);
    EXPECT_EQ(svg.find("\xEF\xBF\xBF"), svg.npos);
    EXPECT_NE(svg.find("&lt;script&gt;"), svg.npos);
    EXPECT_EQ(svg.find("<style>") != svg.npos, standalone);
  }
}

TEST(ChartSvg, ALineHasAPointForEachTime) {
  QueryResult years;
  for (int64_t y = 2000; y < 2020; ++y) years.rows.push_back({n(y), n(y - 1990)});
  const std::string svg = chart_svg(*choose_chart({kYear, kTotal}, years));
  size_t n_dots = 0;
  for (size_t at = svg.find("<circle"); at != svg.npos; at = svg.find("<circle", at + 1)) ++n_dots;
  EXPECT_EQ(n_dots, 20u);
  EXPECT_EQ(svg.find("nan"), svg.npos);
  EXPECT_EQ(svg.find("inf"), svg.npos);
}

}  // namespace
}  // namespace fathom
