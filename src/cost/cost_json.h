// The books' results as JSON that others can rely on (schema: docs/cost.md).
#pragma once

#include <nlohmann/json.hpp>

#include "cost/audit.h"
#include "cost/compare.h"
#include "cost/flops.h"
#include "cost/ladder.h"
#include "cost/trend.h"

namespace fathom {

/// {low, mid, high}, or null.
nlohmann::ordered_json range_json(const std::optional<Range>& r);
/// Every part by its name, MTP behind them; the total is left to the caller.
nlohmann::ordered_json flops_json(const FlopsPerToken& f);
nlohmann::ordered_json audit_json(const Audit& audit);
nlohmann::ordered_json ladder_json(const Ladder& ladder);
nlohmann::ordered_json compare_json(const CostComparison& comparison);
nlohmann::ordered_json trend_json(const Trend& trend);

}  // namespace fathom
