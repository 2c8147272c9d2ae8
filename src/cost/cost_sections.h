// A ladder, a comparison and a trend as sections of a page of the books: plot, table with the same
// numbers, sources. For every command that shows them.
#pragma once

#include "cost/compare.h"
#include "cost/cost_page.h"
#include "cost/ladder.h"
#include "cost/trend.h"

namespace fathom {

/// `title`: the run's name for people.
PageSection ladder_section(const Ladder& ladder, const std::string& title);
/// The models at the chosen basis.
PageSection comparison_section(const CostComparison& comparison);
/// Every figure of every model, each with its basis.
PageSection figures_section(const CostComparison& comparison);
PageSection trend_section(const Trend& trend);

/// What the trend says, in sentences; the command prints them too.
std::vector<std::string> trend_sentences(const Trend& trend);

}  // namespace fathom
