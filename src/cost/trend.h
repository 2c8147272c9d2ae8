// The two halves of "4x a year": what a fixed capability costs falls with better algorithms and
// better hardware, while what the frontier spends grows. Each factor has its interval and can be
// replaced. Method and sources: docs/cost.md, "Compare and trend".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "cost/range.h"

namespace fathom {

/// A month, the step of all trends: years between two are their months / 12.
struct YearMonth {
  int year = 0, month = 1;
  constexpr int index() const { return year * 12 + month - 1; }
  constexpr auto operator<=>(const YearMonth&) const = default;
};
/// Of an ISO date, with or without its day. Error: names `where` and what was found.
Result<YearMonth> parse_year_month(std::string_view iso, std::string_view where);
std::string to_string(YearMonth m);  // 2024-12
YearMonth add_months(YearMonth m, int months);
constexpr double years_between(YearMonth from, YearMonth to) {
  return (to.index() - from.index()) / 12.0;
}

/// A yearly factor with its interval and where it comes from.
struct Factor {
  Range per_year;
  std::string source, date;
};
/// By how much one dollar does more after a year, and by how much the dearest runs cost more.
struct TrendFactors {
  Factor algorithmic, hardware;
  std::optional<Factor> combined;  // given as one number; then the two above are not used
  Factor spending;
};
/// Algorithms: compute for equal performance halves in 8 months (5 to 14): 2.83x (1.81 to 5.28), Ho
/// et al., arXiv:2403.05812. Hardware: 0.14 OOM a year (Cottier et al.) = 1.38x, its interval from
/// doubling in 1.54 to 3.13 years (Hobbhahn and Besiroglu, 2022). Spending: 2.4x (2.0 to 2.9),
/// Cottier et al., arXiv:2405.21015.
TrendFactors published_factors();
/// algorithmic x hardware, the ends taken together; or `combined`.
Range cost_factor(const TrendFactors& f);

/// What costs `usd` now, `years` later (before, where negative): usd / factor^years. Requires:
/// factor.low > 0.
Range project_cost(const Range& usd, double years, const Range& factor);

/// Years until `usd` has fallen to `budget`; 0: it costs no more now. `high` is absent where the
/// slowest factor never gets there.
struct YearsUntil {
  double low = 0, mid = 0;
  std::optional<double> high;
};
/// Requires: budget > 0, usd.low > 0, and factor.mid > 1 or usd.mid <= budget.
YearsUntil years_until(const Range& usd, double budget, const Range& factor);

/// A model's known cost, on one basis.
struct TrendPoint {
  std::string name;
  YearMonth month;
  Range usd;
  std::string basis, source;
};

struct TrendInputs {
  TrendPoint capability;               // what is projected
  std::optional<TrendPoint> frontier;  // where the growth of spending is anchored
  std::vector<TrendPoint> others;      // models to see beside it
  TrendFactors factors;
  YearMonth from, to;
  std::optional<double> budget_usd;
};
struct TrendRow {
  YearMonth month;
  Range usd;
  std::optional<Range> frontier_usd;
};
struct BudgetReached {
  double usd = 0;
  YearMonth earliest, mid;
  std::optional<YearMonth> latest;
  bool at_once = false;  // it costs no more than the budget at the start
};
struct Trend {
  TrendInputs in;
  Range factor;
  std::vector<TrendRow>
      rows;  // every `step_months` from `from` to `to`, both and the figures' own months among them
  std::optional<BudgetReached> budget;
};
/// Error: `to` before `from`, a factor that is not above 0, more than 100 years, a
/// budget that is not above 0 or that the middle factor does not reach in that time.
Result<Trend> build_trend(const TrendInputs& in, int step_months);

/// "3" or "1.8:2.8:5.3" (parse_range.h), above 0. Error: one sentence that names `where`.
Result<Range> parse_factor(std::string_view text, std::string_view where);

}  // namespace fathom
