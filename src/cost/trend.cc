#include "cost/trend.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/check.h"
#include "cost/catalogue.h"
#include "cost/parse_range.h"

namespace fathom {
namespace {

constexpr int kMaxYears = 100;  // no trend holds that long

/// A doubling or halving time in years as a factor a year.
double yearly(double doubling_years) { return std::exp2(1 / doubling_years); }

BudgetReached reach_budget(const TrendPoint& start, double budget, const Range& factor) {
  const YearsUntil years = years_until(start.usd, budget, factor);
  const auto at = [&](double y) {
    return add_months(start.month, static_cast<int>(std::ceil(y * 12 - 1e-9)));
  };
  BudgetReached reached{budget, at(years.low), at(years.mid), {}, years.mid == 0};
  // A slowest case beyond that is told as never.
  if (years.high && *years.high < kMaxYears) reached.latest = at(*years.high);
  return reached;
}

TrendRow row_at(const TrendInputs& in, YearMonth month, const Range& factor) {
  TrendRow row{month,
               project_cost(in.capability.usd, years_between(in.capability.month, month), factor),
               {}};
  if (in.frontier) {
    // Growth is decline by the inverse factor.
    const Range& g = in.factors.spending.per_year;
    row.frontier_usd = project_cost(in.frontier->usd, years_between(in.frontier->month, month),
                                    {1 / g.high, 1 / g.mid, 1 / g.low});
  }
  return row;
}

/// Every step from `from` to `to`, and the months of the figures themselves: there the bands are at
/// their narrowest.
std::set<YearMonth> months_of(const TrendInputs& in, int step_months) {
  std::set<YearMonth> months = {in.to, in.capability.month};
  if (in.frontier) months.insert(in.frontier->month);
  for (YearMonth m = in.from; m < in.to; m = add_months(m, step_months)) months.insert(m);
  std::erase_if(months, [&](YearMonth m) { return m < in.from || in.to < m; });
  return months;
}

}  // namespace

Result<YearMonth> parse_year_month(std::string_view iso, std::string_view where) {
  if (!is_iso_date(iso))
    return Status::error(
        fmt::format("{}: a month such as 2024-12 wanted, \"{}\" found", where, iso));
  YearMonth m;
  std::from_chars(iso.data(), iso.data() + 4, m.year);
  std::from_chars(iso.data() + 5, iso.data() + 7, m.month);
  return m;
}

std::string to_string(YearMonth m) { return fmt::format("{:04}-{:02}", m.year, m.month); }

YearMonth add_months(YearMonth m, int months) {
  const int index = m.index() + months;
  return {index / 12, index % 12 + 1};
}

TrendFactors published_factors() {
  TrendFactors f;
  f.algorithmic = {{yearly(14 / 12.0), yearly(8 / 12.0), yearly(5 / 12.0)},
                   "Ho et al., Algorithmic progress in language models, arXiv:2403.05812v1: "
                   "halving in 8 months, 95 % CI 5 to 14",
                   "2024-03-09"};
  f.hardware = {{yearly(3.13), std::pow(10, 0.14), yearly(1.54)},
                "Cottier et al., arXiv:2405.21015v2: 0.14 OOM/year; interval: Hobbhahn and "
                "Besiroglu, Trends in GPU price-performance, "
                "2022-06: ML GPUs double in 2.07 years, 95 % CI 1.54 to 3.13",
                "2025-02"};
  f.spending = {
      {2.0, 2.4, 2.9},
      "Cottier et al., arXiv:2405.21015v2: amortised cost of frontier runs since 2016, 90 % CI",
      "2025-02"};
  return f;
}

Range cost_factor(const TrendFactors& f) {
  return f.combined ? f.combined->per_year : f.algorithmic.per_year * f.hardware.per_year;
}

Range project_cost(const Range& usd, double years, const Range& factor) {
  FATHOM_CHECK(factor.low > 0);
  const double slow = std::pow(factor.low, years), fast = std::pow(factor.high, years);
  return {usd.low / std::max(slow, fast), usd.mid / std::pow(factor.mid, years),
          usd.high / std::min(slow, fast)};
}

YearsUntil years_until(const Range& usd, double budget, const Range& factor) {
  FATHOM_CHECK(budget > 0 && usd.low > 0 && (factor.mid > 1 || usd.mid <= budget));
  const auto years = [budget](double cost, double f) {
    return cost <= budget ? 0 : std::log(cost / budget) / std::log(f);
  };
  YearsUntil until{years(usd.low, factor.high), years(usd.mid, factor.mid), {}};
  if (usd.high <= budget)
    until.high = 0;
  else if (factor.low > 1)
    until.high = years(usd.high, factor.low);
  return until;
}

Result<Trend> build_trend(const TrendInputs& in, int step_months) {
  FATHOM_CHECK(step_months > 0);
  Trend trend{in, cost_factor(in.factors), {}, {}};
  if (in.to < in.from) {
    return Status::error(fmt::format("trend: an end after {} wanted, {} found", to_string(in.from),
                                     to_string(in.to)));
  }
  if (in.to.index() - in.from.index() > kMaxYears * 12) {
    return Status::error(fmt::format("trend: at most {} years wanted, {} to {} found", kMaxYears,
                                     to_string(in.from), to_string(in.to)));
  }
  if (trend.factor.low <= 0 || in.factors.spending.per_year.low <= 0)
    return Status::error("trend: factors above 0 wanted, one of 0 or less found");
  for (const YearMonth m : months_of(in, step_months))
    trend.rows.push_back(row_at(in, m, trend.factor));
  if (!in.budget_usd) return trend;
  if (*in.budget_usd <= 0) return Status::error("trend: a budget above $0 wanted, none found");
  if (trend.factor.mid <= 1 && in.capability.usd.mid > *in.budget_usd) {
    return Status::error(fmt::format(
        "trend: a factor above 1 a year wanted to reach a budget, {:g} found", trend.factor.mid));
  }
  if (years_until(in.capability.usd, *in.budget_usd, trend.factor).mid > kMaxYears) {
    return Status::error(fmt::format(
        "trend: a factor that reaches the budget within {} years wanted, {:g} a year found",
        kMaxYears, trend.factor.mid));
  }
  trend.budget = reach_budget(in.capability, *in.budget_usd, trend.factor);
  return trend;
}

Result<Range> parse_factor(std::string_view text, std::string_view where) {
  FATHOM_ASSIGN_OR_RETURN(const Range range, parse_range(text, Quantity::kCount, where));
  if (range.low > 0) return range;
  return Status::error(fmt::format("{}: a factor above 0 wanted, \"{}\" found", where, text));
}

}  // namespace fathom
