// See chart.h.
#include "analysis/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include "analysis/cell_text.h"
#include "base/check.h"

namespace fathom {
namespace {

/// `n` digits at `at`, or -1.
int digits_at(std::string_view text, size_t at, size_t n) {
  if (at + n > text.size()) return -1;
  int value = 0;
  for (const char c : text.substr(at, n)) {
    if (c < '0' || c > '9') return -1;
    value = 10 * value + (c - '0');
  }
  return value;
}

std::optional<double> number_of_cell(const SqlValue& v) {
  if (const auto* integer = std::get_if<int64_t>(&v)) return static_cast<double>(*integer);
  const auto* real = std::get_if<double>(&v);
  return real != nullptr && std::isfinite(*real) ? std::optional(*real) : std::nullopt;
}

/// Names of rows stand in columns of text and in years.
std::vector<size_t> label_columns(const std::vector<ResultColumn>& columns) {
  std::vector<size_t> labels;
  for (size_t i = 0; i < columns.size(); ++i)
    if (!columns[i].numeric || columns[i].plain) labels.push_back(i);
  return labels;
}

bool is_sorted_by(const QueryResult& result, size_t i) {
  int up = 0, down = 0;
  for (size_t r = 1; r < result.rows.size(); ++r) {
    const auto a = number_of_cell(result.rows[r - 1][i]), b = number_of_cell(result.rows[r][i]);
    if (!a || !b) return false;
    up += *a < *b;
    down += *a > *b;
  }
  return up == 0 || down == 0;
}

/// The number that the rows are sorted by, or the first one; columns.size(): there is none.
size_t value_column(const std::vector<ResultColumn>& columns, const QueryResult& result) {
  size_t first = columns.size();
  for (size_t i = columns.size(); i-- > 0;) {
    if (columns[i].numeric && !columns[i].plain) first = i;
  }
  for (size_t i = first; i < columns.size(); ++i)
    if (columns[i].numeric && !columns[i].plain && is_sorted_by(result, i)) return i;
  return first;
}

std::vector<ChartPoint> points_of(const std::vector<ResultColumn>& columns,
                                  const QueryResult& result, const std::vector<size_t>& labels,
                                  size_t value) {
  std::vector<ChartPoint> points;
  for (const auto& row : result.rows) {
    const auto number = number_of_cell(row[value]);
    if (!number) continue;
    std::string label;
    for (const size_t i : labels) {
      const std::string part = people_value(row[i], columns[i]);
      label += (label.empty() ? "" : " · ") + (part.empty() ? "(empty)" : part);
    }
    points.push_back({label, *number, people_value(row[value], columns[value])});
  }
  return points;
}

bool place_in_time(std::vector<ChartPoint>& points) {
  for (ChartPoint& p : points) {
    const auto day = day_of(p.label);
    if (!day) return false;
    p.day = *day;
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const ChartPoint& a, const ChartPoint& b) { return a.day < b.day; });
  return points.front().day < points.back().day;
}

bool repeats(const std::vector<ChartPoint>& points) {
  std::set<std::string_view> seen;
  for (const ChartPoint& p : points)
    if (!seen.insert(p.label).second) return true;
  return false;
}

}  // namespace

std::optional<double> day_of(std::string_view text) {
  const int year = digits_at(text, 0, 4);
  if (year < 1000) return std::nullopt;
  int month = 1, day = 1;
  std::string_view rest = text.substr(4);
  if (rest.size() == 3 && rest[0] == '-' && rest[1] == 'Q') {
    month = 3 * (digits_at(rest, 2, 1) - 1) + 1;
    rest = {};
  } else if (rest.size() >= 3 && rest[0] == '-') {
    month = digits_at(rest, 1, 2);
    rest.remove_prefix(3);
    if (rest.size() >= 3 && rest[0] == '-') {
      day = digits_at(rest, 1, 2);
      rest.remove_prefix(3);
    }
  }
  const bool time = rest.size() >= 6 && rest[0] == ' ' && rest[3] == ':';
  if (!rest.empty() && !time) return std::nullopt;
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(year),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (month < 1 || day < 1 || !date.ok()) return std::nullopt;
  double days = sys_days(date).time_since_epoch().count();
  if (time) {
    const int hour = digits_at(rest, 1, 2), minute = digits_at(rest, 4, 2);
    if (hour < 0 || minute < 0) return std::nullopt;
    days += (hour + minute / 60.0) / 24;
  }
  return days;
}

std::optional<Chart> choose_chart(const std::vector<ResultColumn>& columns,
                                  const QueryResult& result) {
  if (result.rows.size() < 2 || result.truncated || result.rows.size() > kMaxTimes) return {};
  const std::vector<size_t> labels = label_columns(columns);
  const size_t value = value_column(columns, result);
  if (labels.empty() || labels.size() > 2 || value == columns.size()) return {};
  Chart chart;
  chart.value = columns[value];
  chart.points = points_of(columns, result, labels, value);
  if (chart.points.size() < 2 || repeats(chart.points)) return {};
  chart.title = cell_text(fmt::format("{} by {}", columns[value].words, columns[labels[0]].words));
  chart.over_time = labels.size() == 1 && place_in_time(chart.points);
  if (!chart.over_time && chart.points.size() > kMaxBars) {
    chart.n_left_out = chart.points.size() - kMaxBars;
    chart.points.resize(kMaxBars);
  }
  return chart;
}

std::vector<double> axis_ticks(double low, double high, int n) {
  FATHOM_CHECK(low < high && n >= 1);
  const double rough = (high - low) / n;
  double step = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {2.0, 5.0, 10.0}) {
    if (step >= rough) break;
    step = factor * std::pow(10, std::floor(std::log10(rough)));
  }
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  for (double i = first; i <= last; ++i) ticks.push_back(i * step);
  return ticks;
}

std::string tick_text(double x, const ResultColumn& column) {
  static constexpr struct {
    double size;
    const char* letter;
  } kSteps[] = {{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "K"}};
  std::string number;
  for (const auto& step : kSteps) {
    if (!number.empty() || std::abs(x) < step.size || std::abs(x) >= 1e15) continue;
    number = people_number(x / step.size) + step.letter;
  }
  if (number.empty()) number = people_number(x);
  const std::string unit = cell_text(column.unit, 4);
  if (unit.empty() || unit.size() == 3) return number;  // EUR stands in the title
  if (unit == "%") return number + "%";
  return number.starts_with('-') ? "-" + unit + number.substr(1) : unit + number;
}

}  // namespace fathom
