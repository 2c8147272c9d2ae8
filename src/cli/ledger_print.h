// A ledger's sums as a person reads them: tables of 80 columns, and the cost section of a model
// card.
#pragma once

#include <string>
#include <vector>

#include "cost/ledger_prices.h"
#include "cost/ledger_summary.h"

namespace fathom {

/// All that is told of one run.
struct LedgerReport {
  LedgerSummary summary;
  std::vector<LossPoint> points;  // empty: no log beside the ledger
  std::string torn;               // a sentence; empty: none
};

std::string ledger_text(const LedgerReport& report, const LedgerPrices& prices);
/// Several runs in one table, a line each and their sum.
std::string ledger_runs_text(const std::vector<LedgerReport>& reports, const LedgerPrices& prices);
/// The prices with their dates and sources, a line each; empty without any.
std::string ledger_prices_text(const LedgerPrices& prices);
/// Markdown, from the heading "## Cost" on.
std::string ledger_card(const LedgerReport& report, const LedgerPrices& prices);

/// At most `n` of the points, the measured ones first, the last always.
std::vector<LossPoint> thinned_points(const std::vector<LossPoint>& points, size_t n);

}  // namespace fathom
