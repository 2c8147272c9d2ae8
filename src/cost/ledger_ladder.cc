// See ledger_ladder.h.
#include "cost/ledger_ladder.h"

#include <fmt/format.h>

#include "cost/units.h"

namespace fathom {
namespace {

Figure figure_of(const StatedPrice& price) {
  return {.value = price.value, .source = price.source, .date = price.date};
}

// Kept training, and all other kept work, in device-hours.
void add_phases(LadderInputs& in, const LedgerSummary& run) {
  double all = run.of(LedgerClass::kUseful).device_seconds, training = 0;
  for (const LedgerPart& part : run.useful_parts) {
    if (part.name == "training") training += part.sum.device_seconds;
  }
  const auto add = [&](const char* name, double seconds) {
    if (!(seconds > 0)) return;
    in.phases.push_back({.name = name,
                         .device_hours = Range::exactly(seconds / kSecondsPerHour),
                         .source = "its ledger",
                         .date = run.last_date});
  };
  add("training", training);
  add("set-up, evaluations, checkpoints", all - training);
}

// The draw of a device: as measured where all of it was, else as the price file states it.
std::optional<Range> watts_of(const LedgerSummary& run, const LedgerPrices& prices) {
  const auto joules = ledger_joules(run.all, prices);
  if (!joules || !(run.all.device_seconds > 0)) return std::nullopt;
  return *joules * (1 / run.all.device_seconds);
}

void add_power(LadderInputs& in, const LedgerSummary& run, const LedgerPrices& prices) {
  const auto watts = watts_of(run, prices);
  if (!watts || !prices.electricity) return;
  in.power = PowerModel{.server_watts = *watts,
                        .draw = Range::exactly(1),
                        .pue = prices.pue,
                        .usd_per_kwh = prices.electricity->value};
  in.power_source = prices.electricity->source;
  in.power_date = prices.electricity->date;
}

void add_experiments(LadderInputs& in, const std::vector<LedgerSummary>& runs) {
  const double kept = runs.back().of(LedgerClass::kUseful).device_seconds;
  double all = 0;
  int64_t unknown = 0;
  for (const LedgerSummary& run : runs) {
    all += run.all.device_seconds;
    unknown += run.all.lines_without_seconds;
  }
  if (!(kept > 0) || unknown > 0) return;  // a factor that leaves some of it out would be too low
  in.rd_factor =
      Figure{.value = Range::exactly(all / kept),
             .source = runs.size() == 1 ? "lost work by its ledger; earlier runs were not named"
                                        : fmt::format("the ledgers of {} runs", runs.size()),
             .date = runs.back().last_date};
}

}  // namespace

LadderInputs ledger_ladder_inputs(const std::vector<LedgerSummary>& runs,
                                  const LedgerPrices& prices) {
  const LedgerSummary& run = runs.back();
  LadderInputs in;
  in.run = run.path;
  in.device = run.device;
  add_phases(in, run);
  if (prices.rental) in.rental_usd_per_hour = figure_of(*prices.rental);
  if (prices.purchase) {
    in.device_usd = figure_of(*prices.purchase);
    in.straight_line =
        StraightLine{.life_years = prices.life_years, .utilisation = prices.utilisation};
    in.straight_line_source = prices.purchase->source;
    in.straight_line_date = prices.purchase->date;
  }
  in.server_factor = in.network_factor = 1;  // the price file's device is a whole machine
  add_power(in, run, prices);
  add_experiments(in, runs);
  if (run.devices > 0)
    in.n_devices = Figure{.value = Range::exactly(static_cast<double>(run.devices)),
                          .source = "its ledger",
                          .date = run.last_date};
  for (const LedgerSummary& each : runs)
    in.cluster_runs.push_back(
        {.run = each.path, .device_hours = each.all.device_seconds / kSecondsPerHour});
  return in;
}

}  // namespace fathom
