#include "cost/ladder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "cost/money_text.h"

namespace fathom {
namespace {

/// Sources or dates of several inputs as one line, each named once.
std::string joined(std::initializer_list<std::string> parts) {
  std::vector<std::string> seen;
  std::string text;
  for (const std::string& p : parts) {
    if (p.empty() || std::ranges::find(seen, p) != seen.end()) continue;
    seen.push_back(p);
    text += (text.empty() ? "" : "; ") + p;
  }
  return text;
}

/// The newest of them; ISO dates sort as text.
std::string newest(std::initializer_list<std::string> dates) { return std::max(dates); }

std::vector<StatedCost> stated_on(const LadderInputs& in, std::initializer_list<Basis> bases) {
  std::vector<StatedCost> found;
  for (const StatedCost& s : in.stated) {
    if (std::ranges::find(bases, s.basis) != bases.end()) found.push_back(s);
  }
  return found;
}

Rung named(const char* id, const char* name, std::vector<StatedCost> stated) {
  Rung r;
  r.id = id;
  r.name = name;
  r.stated = std::move(stated);
  return r;
}

/// What a rung without inputs takes from statements of one basis.
void take_stated(Rung& r) {
  r.basis = r.stated.front().basis;
  std::vector<Range> figures;
  for (const StatedCost& s : r.stated) {
    if (s.basis != r.basis) continue;
    figures.push_back(s.usd);
    r.source = joined({r.source, s.source});
    r.date = std::max(r.date, s.date);
  }
  r.usd = spread_of(figures);
  r.stated_only = true;
  r.how = figures.size() == 1
              ? fmt::format("stated by {}", r.stated.front().whose)
              : fmt::format("{} statements; the middle is their geometric mean", figures.size());
}

/// A rung that its inputs could not give: a statement, or unknown and why.
Rung without_inputs(Rung r, const std::string& missing) {
  if (!r.stated.empty()) {
    take_stated(r);
    return r;
  }
  r.basis = Basis::kUnknown;
  r.how = missing;
  return r;
}

std::optional<Range> all_hours(const LadderInputs& in) {
  if (in.phases.empty()) return {};
  Range sum;
  for (const PhaseHours& p : in.phases) sum = sum + p.device_hours;
  return sum;
}

std::string hours_source(const LadderInputs& in) {
  std::string text;
  for (const PhaseHours& p : in.phases) text = joined({text, p.source});
  return text;
}
std::string hours_date(const LadderInputs& in) {
  std::string date;
  for (const PhaseHours& p : in.phases) date = std::max(date, p.date);
  return date;
}

Rung one_phase(const LadderInputs& in) {
  Rung r = named("one_phase", "One phase at a rental price", {});
  if (in.phases.empty()) return without_inputs(r, "the device-hours of no phase are known");
  if (!in.rental_usd_per_hour) return without_inputs(r, "no rental price of the device is known");
  const PhaseHours& p = in.phases.front();
  r.usd = p.device_hours * in.rental_usd_per_hour->value;
  r.basis = Basis::kRental;
  r.source = joined({p.source, in.rental_usd_per_hour->source});
  r.date = newest({p.date, in.rental_usd_per_hour->date});
  r.how = fmt::format("{}: {} h x {}/h", p.name, count_range_text(p.device_hours),
                      usd_range_text(in.rental_usd_per_hour->value));
  return r;
}

/// All phases at a price per hour: one of rental, or a cloud's list price.
Rung at_price(Rung r, const LadderInputs& in, const std::optional<Figure>& price, Basis basis,
              const char* missing_price) {
  const auto hours = all_hours(in);
  if (!hours) return without_inputs(r, "the device-hours are not known");
  if (!price) return without_inputs(r, missing_price);
  r.usd = *hours * price->value;
  r.basis = basis;
  r.source = joined({hours_source(in), price->source});
  r.date = newest({hours_date(in), price->date});
  r.how = fmt::format("{} h in {} phase{} x {}/h", count_range_text(*hours), in.phases.size(),
                      in.phases.size() == 1 ? "" : "s", usd_range_text(price->value));
  return r;
}

Rung all_phases(const LadderInputs& in) {
  Rung r = named("all_phases", "All phases at a rental price", stated_on(in, {Basis::kRental}));
  return at_price(std::move(r), in, in.rental_usd_per_hour, Basis::kRental,
                  "no rental price of the device is known");
}

Rung at_cloud(const LadderInputs& in) {
  Rung r = named("cloud", "The same at a cloud's list price", stated_on(in, {Basis::kCloud}));
  r.beside = true;
  return at_price(std::move(r), in, in.cloud_usd_per_hour, Basis::kCloud,
                  "no cloud's list price of the device is known");
}

Range acquisition(const LadderInputs& in) {
  return acquisition_usd({in.device_usd->value, in.server_factor, in.network_factor});
}

const char* missing_for_owned(const LadderInputs& in) {
  if (in.phases.empty()) return "the device-hours are not known";
  return in.device_usd ? nullptr : "no purchase price of the device is known";
}

Rung owned(const LadderInputs& in) {
  Rung r = named("owned", "On owned hardware, amortised", {});
  if (const char* missing = missing_for_owned(in)) {
    const bool with_energy = !stated_on(in, {Basis::kAmortised}).empty();
    return without_inputs(
        r, with_energy ? "stated only together with energy: see the next step" : missing);
  }
  const Range rate = amortised_usd_per_hour(acquisition(in), in.amortisation);
  const Range hours = *all_hours(in);
  r.usd = hours * rate;
  r.basis = Basis::kAmortised;
  r.source = joined(
      {"formula: Cottier et al., arXiv:2405.21015v2", in.device_usd->source, hours_source(in)});
  r.date = newest({in.device_usd->date, hours_date(in)});
  const bool as_printed = in.amortisation.sign == ExponentSign::kAsPrinted;
  r.how = fmt::format(
      "{} h x {}/h; a device {} with server (x{:g}) and network (x{:g}), {:.1f} years old at the "
      "start{}, losing {:g} orders of magnitude "
      "of price-performance a year{}",
      count_range_text(hours), usd_range_text(rate), usd_range_text(acquisition(in)),
      in.server_factor, in.network_factor, in.amortisation.years_since_purchase,
      in.age_source.empty() ? "" : " (" + in.age_source + ")", in.amortisation.oom_per_year,
      as_printed ? " (the formula's sign as printed)" : "");
  return r;
}

Rung straight_line(const LadderInputs& in) {
  Rung r =
      named("straight_line", "The same by straight line", stated_on(in, {Basis::kStraightLine}));
  r.beside = true;
  if (const char* missing = missing_for_owned(in)) return without_inputs(r, missing);
  if (!in.straight_line) return without_inputs(r, "no life and utilisation are given");
  const StraightLine& s = *in.straight_line;
  const Range rate = straight_line_usd_per_hour(acquisition(in), s);
  r.usd = *all_hours(in) * rate;
  r.basis = Basis::kStraightLine;
  r.source = joined({in.straight_line_source, in.device_usd->source});
  r.date = newest({in.straight_line_date, in.device_usd->date});
  r.how = fmt::format("{} h x {}/h; life {} years, {} of the hours used",
                      count_range_text(*all_hours(in)), usd_range_text(rate),
                      range_text(s.life_years), percent_range_text(s.utilisation));
  return r;
}

Rung with_energy(const LadderInputs& in, const Rung& owned) {
  Rung r = named("energy", "With energy", stated_on(in, {Basis::kAmortised}));
  if (owned.basis != Basis::kAmortised) return without_inputs(r, "the step before it is unknown");
  if (!in.power)
    return without_inputs(r, "no power of the device or no price of electricity is known");
  const Range hours = *all_hours(in);
  const Range usd = energy_usd(hours, *in.power);
  r.usd = *owned.usd + usd;
  r.basis = Basis::kAmortised;
  r.source = joined({owned.source, in.power_source});
  r.date = newest({owned.date, in.power_date});
  r.how = fmt::format("+ {}: {} kWh ({} W a device x {} drawn x PUE {}) at {}/kWh",
                      usd_range_text(usd), count_range_text(energy_kwh(hours, *in.power)),
                      range_text(in.power->server_watts), range_text(in.power->draw),
                      range_text(in.power->pue), usd_range_text(in.power->usd_per_kwh));
  return r;
}

/// What experiments and staff are counted upon: the base that was asked for, else the other one.
const Rung* upper_base(const LadderInputs& in, const Rung& rental, const Rung& energy) {
  const Rung* first = in.upper_base == UpperBase::kOwned ? &energy : &rental;
  const Rung* second = in.upper_base == UpperBase::kOwned ? &rental : &energy;
  if (first->usd) return first;
  return second->usd ? second : nullptr;
}

Rung with_experiments(const LadderInputs& in, const Rung* base) {
  Rung r = named("experiments", "With experiments, failed and repeated runs, data",
                 stated_on(in, {Basis::kAllInRd}));
  if (base == nullptr) return without_inputs(r, "the compute of the final run is unknown");
  if (!in.rd_factor)
    return without_inputs(r,
                          "no factor from the final run to all of the project's compute is known");
  r.usd = *base->usd * in.rd_factor->value;
  r.basis = Basis::kAllInRd;
  r.source = in.rd_factor->source;
  r.date = in.rd_factor->date;
  r.how = fmt::format("\"{}\" x {}", base->name, range_text(in.rd_factor->value));
  return r;
}

Rung with_staff(const LadderInputs& in, const Rung& experiments) {
  Rung r = named("staff", "With staff", stated_on(in, {Basis::kStaff}));
  if (!experiments.usd) return without_inputs(r, "the step before it is unknown");
  if (!in.staff_share) return without_inputs(r, "no share of staff is known");
  const Range& share = in.staff_share->value;
  r.usd = *experiments.usd / Range{1 - share.high, 1 - share.mid, 1 - share.low};
  r.basis = Basis::kStaff;
  r.source = in.staff_share->source;
  r.date = in.staff_share->date;
  r.how = fmt::format("the step before it / (1 - {} of the whole)", percent_range_text(share));
  return r;
}

Rung cluster(const LadderInputs& in) {
  Rung r = named("cluster", "The cluster bought", stated_on(in, {Basis::kAcquisition}));
  if (!in.n_devices) return without_inputs(r, "how many devices the cluster had is not known");
  if (!in.device_usd) return without_inputs(r, "no purchase price of the device is known");
  r.usd = in.n_devices->value * acquisition(in);
  r.basis = Basis::kAcquisition;
  r.source = joined({in.device_usd->source, in.n_devices->source});
  r.date = newest({in.device_usd->date, in.n_devices->date});
  r.how = fmt::format("{} devices x {} with server and network",
                      count_range_text(in.n_devices->value), usd_range_text(acquisition(in)));
  return r;
}

Rung company(const LadderInputs& in) {
  return without_inputs(
      named("company", "The company's hardware", stated_on(in, {Basis::kCompanyHardware})),
      "nobody has said, or nobody who can be named");
}

}  // namespace

Range spread_of(const std::vector<Range>& figures) {
  FATHOM_CHECK(!figures.empty());
  Range all = figures.front();
  double log_mid = 0;
  for (const Range& f : figures) {
    all.low = std::min(all.low, f.low);
    all.high = std::max(all.high, f.high);
    log_mid += std::log(f.mid);
  }
  if (figures.size() > 1) all.mid = std::exp(log_mid / static_cast<double>(figures.size()));
  return all;
}

std::vector<ClusterShare> share_by_hours(const std::optional<Range>& usd,
                                         const std::vector<RunOnCluster>& runs) {
  double sum = 0;
  for (const RunOnCluster& r : runs) {
    FATHOM_CHECK(r.device_hours >= 0);
    sum += r.device_hours;
  }
  FATHOM_CHECK(sum > 0);
  std::vector<ClusterShare> shares;
  for (const RunOnCluster& r : runs) {
    ClusterShare& share = shares.emplace_back(ClusterShare{r.run, r.device_hours / sum, {}});
    if (usd) share.usd = *usd * share.fraction;
  }
  return shares;
}

Ladder build_ladder(const LadderInputs& in) {
  Ladder ladder;
  ladder.run = in.run;
  ladder.borrowed = in.borrowed;
  ladder.unplaced = stated_on(in, {Basis::kStatement, Basis::kUnknown});
  const Rung rental = all_phases(in), own = owned(in), energy = with_energy(in, own);
  const Rung experiments = with_experiments(in, upper_base(in, rental, energy));
  const Rung bought = cluster(in);
  ladder.rungs = {one_phase(in),
                  rental,
                  at_cloud(in),
                  own,
                  straight_line(in),
                  energy,
                  experiments,
                  with_staff(in, experiments),
                  bought,
                  company(in)};
  if (in.cluster_runs.size() > 1)
    ladder.cluster_shares = share_by_hours(bought.usd, in.cluster_runs);
  if (const auto hours = all_hours(in); hours && in.power)
    ladder.energy_kwh = energy_kwh(*hours, *in.power);
  return ladder;
}

const Rung& rung(const Ladder& ladder, const std::string& id) {
  const auto found = std::ranges::find(ladder.rungs, id, &Rung::id);
  FATHOM_CHECK(found != ladder.rungs.end());
  return *found;
}

}  // namespace fathom
