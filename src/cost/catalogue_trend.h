// The trend through a model of the catalogue: its figure on one basis, the frontier's and other
// models' on the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cost/compare.h"
#include "cost/trend.h"

namespace fathom {

struct TrendRequest {
  std::string model;  // of the catalogue; or `usd` and `month` of something else by this name
  std::optional<Range> usd;
  std::optional<YearMonth> month;
  std::optional<Basis> basis;      // absent: the first of comparable_bases() that the model has
  std::string frontier = "gpt-4";  // where spending is anchored; "none": no such line
  std::optional<std::vector<std::string>>
      beside;  // models shown as points; absent: all of the catalogue
  TrendFactors factors = published_factors();
  std::optional<YearMonth> from,
      to;  // absent: two years before the model to four after it, and on to the budget
  std::optional<double> budget_usd;
  int step_months = 6;
};

/// Points that stand on another basis than the projected one are left out, but the frontier's: its
/// basis is named. Error: an unknown model, no figure on the basis, or build_trend's.
Result<Trend> trend_of(const Catalogue& catalogue, const TrendRequest& request);

}  // namespace fathom
