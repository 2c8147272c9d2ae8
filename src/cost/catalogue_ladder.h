// The ladder of a model of the catalogue: which of its claims and prices become the ladder's
// inputs, and what a user puts in their place.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "cost/catalogue.h"
#include "cost/ladder.h"

namespace fathom {

/// What replaces the catalogue's or the method's figure; absent: that figure.
struct LadderOptions {
  std::optional<Range> rental_usd_per_hour, device_usd, rd_factor, staff_share, life_years,
      utilisation;
  bool claimed_rate = true;  // the rental price that the maker of the model names, where there is
                             // one; else the market's
  std::optional<double> years_since_purchase, n_devices;
  ExponentSign sign = ExponentSign::kMinus;
  bool server = true, network = true;  // whether the price of a device takes its part of these in
  UpperBase upper_base = UpperBase::kOwned;
  std::vector<std::string> shared_with;  // models that the same cluster trained
};

/// Final runs are 10 to 30 % of what a company spends on R&D compute; the middle is the geometric
/// mean. Source in the figure.
Figure published_rd_factor();
/// Staff is 29 to 49 % of a development's cost. Source in the figure.
Figure published_staff_share();

/// Rules: primary claims before secondary ones; the parts of a run before its whole; hours per
/// trillion tokens times tokens where no hours are told; the prices of the device nearest to the
/// model's date, all of them within half a year of each other. What was taken stands in the
/// figures' sources.
LadderInputs ladder_inputs(const Catalogue& catalogue, const CatalogueModel& model,
                           const LadderOptions& options = {});
/// Error: no such model (also among options.shared_with).
Result<Ladder> ladder_of(const Catalogue& catalogue, std::string_view name,
                         const LadderOptions& options = {});

}  // namespace fathom
