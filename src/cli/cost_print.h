// The books' ladder, comparison and trend on a terminal of 80 columns.
#pragma once

#include "cost/compare.h"
#include "cost/ladder.h"
#include "cost/trend.h"

namespace fathom {

void print_ladder(const Ladder& ladder);
void print_comparison(const CostComparison& comparison);
void print_trend(const Trend& trend);

}  // namespace fathom
