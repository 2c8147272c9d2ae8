// The ladder of our own runs: a ledger's sums and a price file as the inputs of ladder.h.
#pragma once

#include <string>
#include <vector>

#include "cost/ladder.h"
#include "cost/ledger_prices.h"
#include "cost/ledger_summary.h"

namespace fathom {

/// Of `runs`, the last is the one that counts: its training that was kept is the main phase, its
/// set-up, evaluations and checkpoints the other. Its lost work and all work of the runs before it
/// are the rung of experiments and failed runs: their time over that of the kept work. Staff, the
/// company's hardware and borrowed compute are in no ledger and stay unknown. Requires: runs not
/// empty.
LadderInputs ledger_ladder_inputs(const std::vector<LedgerSummary>& runs,
                                  const LedgerPrices& prices);

}  // namespace fathom
