// A chart of a result, where one helps: names with a number each (bars), or a number over time
// (columns in a terminal, a line on a page). The numbers are the result's; nothing is added up.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/people_value.h"
#include "toolbox/sql.h"

namespace fathom {

struct ChartPoint {
  std::string label;
  double value = 0;
  std::string text;  // the value as people read it
  double day = 0;    // of a chart over time: days since 1970
};

struct Chart {
  bool over_time = false;
  std::string title;               // "revenue by region", in words
  ResultColumn value;              // of the numbers
  std::vector<ChartPoint> points;  // over time: in its order; else in the result's
  size_t n_left_out = 0;           // rows beyond kMaxBars
};
inline constexpr size_t kMaxBars = 30, kMaxTimes = 5000;

/// Nothing where no chart helps: a single row, no number, names that repeat, a cut result. columns:
/// result_columns() of the result.
std::optional<Chart> choose_chart(const std::vector<ResultColumn>& columns,
                                  const QueryResult& result);

/// The day at which "2024", "2024-Q3", "2024-05", "2024-05-17" or "2024-05-17 10:00:00" begins,
/// since 1970; nothing where the text is none of these.
std::optional<double> day_of(std::string_view text);

/// Round numbers from at most `low` to at least `high`, about n of them. Requires: low < high.
std::vector<double> axis_ticks(double low, double high, int n);

/// "1.2M", "$350K", "12%": a tick of the axis.
std::string tick_text(double x, const ResultColumn& column);

}  // namespace fathom
