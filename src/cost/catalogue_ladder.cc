#include "cost/catalogue_ladder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

namespace fathom {
namespace {

constexpr double kSameTimeYears =
    0.5;  // prices no further apart than this are one price with a range

std::string told(const Provenance& p) {
  return fmt::format("{} ({}{})", p.source, p.whose, p.primary ? "" : "; secondary");
}

std::string told(const Price& p) { return (p.place.empty() ? "" : p.place + ": ") + told(p.from); }

Range hull(const Range& a, const Range& b) {
  const double low = std::min(a.low, b.low), high = std::max(a.high, b.high);
  return {low, low > 0 ? std::sqrt(low * high) : (low + high) / 2, high};
}

/// How near a claim is to its model: the maker's own word, then others who were there, then what
/// was read elsewhere.
int nearness(const Claim& c, const CatalogueModel& m) {
  return (c.from.whose == m.org ? 2 : 0) + (c.from.primary ? 1 : 0);
}

/// One claim a phase: the nearest to the model, of these the newest.
std::vector<const Claim*> best_by_phase(const Catalogue& c, const CatalogueModel& m,
                                        std::string_view what) {
  const auto better = [&](const Claim* a, const Claim* b) {
    const int near_a = nearness(*a, m), near_b = nearness(*b, m);
    return near_a != near_b ? near_a > near_b : a->from.date > b->from.date;
  };
  std::vector<const Claim*> best;
  for (const Claim* claim : c.claims_of(m.name, what)) {
    const auto same = std::ranges::find(best, claim->phase, &Claim::phase);
    if (same == best.end()) {
      best.push_back(claim);
    } else if (better(claim, *same)) {
      *same = claim;
    }
  }
  return best;
}

PhaseHours phase_hours(const Claim& c, const Range& hours) {
  return {c.phase, hours, told(c.from), c.from.date};
}

/// Hours per trillion tokens times the tokens of the same model.
std::optional<PhaseHours> hours_from_tokens(const Catalogue& c, const CatalogueModel& m) {
  const auto rates = best_by_phase(c, m, "device_hours_per_trillion_tokens");
  if (rates.empty() || !m.tokens) return {};
  PhaseHours p = phase_hours(*rates.front(), rates.front()->value * (*m.tokens / 1e12));
  p.source += fmt::format(", times {:g}T tokens", *m.tokens / 1e12);
  return p;
}

double sum_of(const std::vector<PhaseHours>& phases) {
  double sum = 0;
  for (const PhaseHours& p : phases) sum += p.device_hours.mid;
  return sum;
}

/// A whole takes other runs in, or all phases of this one.
bool is_whole(const Claim* c) { return c->phase == "all" || !c->includes.empty(); }

std::vector<PhaseHours> phases_of(const Catalogue& c, const CatalogueModel& m);

/// The runs that a whole has in it by its own words, each as one phase.
void add_included(std::vector<PhaseHours>& phases, const Catalogue& c, const Claim& whole) {
  for (const std::string& name : whole.includes) {
    const auto other = c.model(name);
    if (!other.ok()) continue;
    const auto parts = phases_of(c, *other.value());
    if (!parts.empty())
      phases.push_back(
          {name, Range::exactly(sum_of(parts)), parts.front().source, parts.front().date});
  }
}

/// The parts of the run where they are told apart, with what the whole has beyond them; else the
/// whole. The longest first.
std::vector<PhaseHours> phases_of(const Catalogue& c, const CatalogueModel& m) {
  auto claims = best_by_phase(c, m, "device_hours");
  std::erase_if(claims, [](const Claim* x) { return x->value.low <= 0; });
  const bool primary = std::ranges::any_of(claims, [](const Claim* x) { return x->from.primary; });
  if (!primary) {
    if (auto derived = hours_from_tokens(c, m)) return {*derived};
  } else {
    std::erase_if(claims, [](const Claim* x) { return !x->from.primary; });
  }
  std::vector<PhaseHours> phases;
  for (const Claim* x : claims) {
    if (!is_whole(x)) phases.push_back(phase_hours(*x, x->value));
  }
  const auto whole = std::ranges::find_if(claims, is_whole);
  if (whole != claims.end()) {
    add_included(phases, c, **whole);
    const double parts = sum_of(phases), all = (*whole)->value.mid;
    if (phases.empty()) return {phase_hours(**whole, (*whole)->value)};
    // Rounded parts differ from a rounded whole by a little; more than that is a phase that was not
    // told apart.
    if (all > 1.02 * parts)
      phases.push_back(
          {"the rest", Range::exactly(all - parts), told((*whole)->from), (*whole)->from.date});
  }
  std::ranges::stable_sort(phases, std::ranges::greater(),
                           [](const PhaseHours& p) { return p.device_hours.mid; });
  return phases;
}

/// The device that the claims name.
const Device* device_of(const Catalogue& c, const CatalogueModel& m) {
  for (const char* what : {"device_hours", "device_hours_per_trillion_tokens", "devices", "usd"}) {
    for (const Claim* claim : c.claims_of(m.name, what)) {
      if (claim->device.empty()) continue;
      if (const auto device = c.device(claim->device); device.ok()) return device.value();
    }
  }
  return nullptr;
}

/// All of `prices` within kSameTimeYears of the one nearest to `date`, as one range.
std::optional<Figure> price_near(const std::vector<const Price*>& prices, const std::string& date) {
  if (prices.empty()) return {};
  const auto away = [&](const Price* p) { return std::fabs(years_between(p->from.date, date)); };
  const Price* nearest = *std::ranges::min_element(prices, {}, away);
  Figure f{nearest->value, told(*nearest), nearest->from.date};
  for (const Price* p : prices) {
    if (p == nearest || std::fabs(years_between(p->from.date, nearest->from.date)) > kSameTimeYears)
      continue;
    f.value = hull(f.value, p->value);
    if (f.source.find(p->from.source) == std::string::npos) f.source += "; " + told(*p);
    f.date = std::max(f.date, p->from.date);
  }
  return f;
}

std::optional<Figure> rental_near(const Catalogue& c, const Device& device, const std::string& date,
                                  bool cloud) {
  auto prices = c.prices_of("rental", device.name);
  std::erase_if(prices, [cloud](const Price* p) { return p->cloud != cloud; });
  return price_near(prices, date);
}

Figure given(const Range& value, const std::string& date) {
  return {value, "given by the user", date};
}

/// The price that the maker names, or that its own hours and money of the same phase imply.
std::optional<Figure> claimed_rate(const Catalogue& c, const CatalogueModel& m) {
  const auto rates = best_by_phase(c, m, "rate");
  if (!rates.empty())
    return Figure{rates.front()->value, told(rates.front()->from), rates.front()->from.date};
  const auto hours = best_by_phase(c, m, "device_hours");
  for (const Claim* usd : best_by_phase(c, m, "usd")) {
    const auto same = std::ranges::find(hours, usd->phase, &Claim::phase);
    if (usd->basis != Basis::kRental || same == hours.end() ||
        usd->from.whose != (*same)->from.whose || (*same)->value.low <= 0)
      continue;
    return Figure{usd->value / (*same)->value,
                  "implied by its own money and hours: " + told(usd->from), usd->from.date};
  }
  return {};
}

std::optional<Figure> rental_price(const Catalogue& c, const CatalogueModel& m,
                                   const Device* device, const LadderOptions& o) {
  if (o.rental_usd_per_hour) return given(*o.rental_usd_per_hour, m.from.date);
  if (auto rate = o.claimed_rate ? claimed_rate(c, m) : std::nullopt) return rate;
  return device == nullptr ? std::nullopt : rental_near(c, *device, m.from.date, false);
}

std::optional<Figure> purchase_price(const Catalogue& c, const CatalogueModel& m,
                                     const Device* device, const LadderOptions& o) {
  if (o.device_usd) return given(*o.device_usd, m.from.date);
  return device == nullptr ? std::nullopt
                           : price_near(c.prices_of("purchase", device->name), m.from.date);
}

std::optional<Figure> device_count(const Catalogue& c, const CatalogueModel& m,
                                   const LadderOptions& o) {
  if (o.n_devices) return given(Range::exactly(*o.n_devices), m.from.date);
  const auto counts = best_by_phase(c, m, "devices");
  if (counts.empty()) return {};
  return Figure{counts.front()->value, told(counts.front()->from), counts.front()->from.date};
}

/// Server over device, by generation. Source: Cottier et al., appendix A.
double server_factor(const Device* device) {
  const std::string chip = device == nullptr ? "" : device->chip + device->name;
  const auto has = [&](std::string_view word) {
    const auto same = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
    return std::search(chip.begin(), chip.end(), word.begin(), word.end(), same) != chip.end();
  };
  if (has("p100")) return 1.54;
  if (has("v100")) return 1.69;
  return has("a100") ? 1.66 : 1.64;
}

std::optional<PowerModel> power_model(const Catalogue& c, const CatalogueModel& m,
                                      const Device* device, LadderInputs& in) {
  if (device == nullptr || !device->server_w) return {};
  const auto electricity = price_near(c.prices_of("electricity"), m.from.date);
  if (!electricity) return {};
  PowerModel p;
  p.server_watts = Range::exactly(*device->server_w);
  if (device->name.starts_with("tpu")) p.draw = Range::exactly(0.43);
  p.usd_per_kwh = electricity->value;
  in.power_source = fmt::format(
      "server power: {}; draw and PUE: Cottier et al., arXiv:2405.21015v2; electricity: {}",
      told(device->from), electricity->source);
  in.power_date = electricity->date;
  return p;
}

/// Age of the hardware at the start of the run: from the device's release to the model's
/// publication, less the run's own length.
double hardware_age(const CatalogueModel& m, const Device* device, LadderInputs& in) {
  if (device == nullptr || device->released.empty()) {
    in.age_source = "taken as new: its first sale is not known";
    return 0;
  }
  double years = years_between(device->released, m.from.date);
  in.age_source = fmt::format("on sale from {}, model published {}", device->released, m.from.date);
  if (in.n_devices) {
    for (const PhaseHours& p : in.phases)
      years -= p.device_hours.mid / in.n_devices->value.mid / kHoursPerYear;
    in.age_source += ", less the run's own length";
  }
  return std::max(0.0, years);
}

std::vector<StatedCost> stated_costs(const Catalogue& c, const CatalogueModel& m) {
  std::vector<StatedCost> stated;
  for (const Claim* claim : c.claims_of(m.name, "usd")) {
    if (claim->phase != "all") continue;
    std::string note = claim->from.note;
    if (claim->at_least) note = "a lower bound" + (note.empty() ? "" : "; " + note);
    stated.push_back({claim->basis, claim->value, claim->from.whose, claim->from.source,
                      claim->from.date, note});
  }
  return stated;
}

/// The base model's own run at a rental price. What teachers and synthetic data cost nobody tells:
/// a line that says so.
std::vector<BorrowedCompute> borrowed_compute(const Catalogue& c, const CatalogueModel& m) {
  std::vector<BorrowedCompute> all;
  if (!m.base.empty()) {
    BorrowedCompute& b = all.emplace_back();
    b.what = "base model " + m.base;
    if (const auto base = c.model(m.base); base.ok()) {
      const Ladder ladder = build_ladder(ladder_inputs(c, *base.value()));
      const Rung& r = rung(ladder, "all_phases");
      b.usd = r.usd;
      b.basis = r.basis;
      b.source = r.source;
      b.date = r.date;
      b.note = r.how;
    }
  }
  all.push_back({"teachers and synthetic data", {}, Basis::kUnknown, "", "", "not told"});
  return all;
}

/// Lives in company accounts; how much of the hours is used is an assumption.
void set_straight_line(LadderInputs& in, const Catalogue& c, const LadderOptions& o) {
  StraightLine line;
  in.straight_line_source = "use of the hours: assumed";
  std::string whose;
  for (const Price* p : c.prices_of("depreciation")) {
    line.life_years = whose.empty() ? p->value : hull(line.life_years, p->value);
    whose += (whose.empty() ? "" : ", ") + p->from.whose;
    in.straight_line_date = std::max(in.straight_line_date, p->from.date);
  }
  if (!whose.empty()) in.straight_line_source = "lives: " + whose + "; " + in.straight_line_source;
  in.straight_line = StraightLine{o.life_years.value_or(line.life_years),
                                  o.utilisation.value_or(line.utilisation)};
}

}  // namespace

Figure published_rd_factor() {
  return {{1 / 0.30, 1 / std::sqrt(0.30 * 0.10), 1 / 0.10},
          "final runs are about 10 % of R&D compute at OpenAI in 2024 ($0.5B of $5B) and under 30 "
          "% at MiniMax and Z.ai: Epoch, 2026-03-23. Not this "
          "company's own factor. Older: 1.2 to 4, median 2.2 (Cottier et al.)",
          "2026-03-23"};
}

Figure published_staff_share() {
  return {{0.29, 0.39, 0.49},
          "Cottier et al., arXiv:2405.21015v2: R&D staff is 29 to 49 % of the cost of GPT-3, "
          "OPT-175B, GPT-4 and Gemini Ultra",
          "2025-02"};
}

LadderInputs ladder_inputs(const Catalogue& c, const CatalogueModel& m, const LadderOptions& o) {
  LadderInputs in;
  const Device* device = device_of(c, m);
  in.run = m.name;
  if (device != nullptr) in.device = device->name;
  in.phases = phases_of(c, m);
  in.rental_usd_per_hour = rental_price(c, m, device, o);
  in.device_usd = purchase_price(c, m, device, o);
  in.n_devices = device_count(c, m, o);
  in.server_factor = o.server ? server_factor(device) : 1;
  in.network_factor = o.network ? Acquisition{}.network_factor : 1;
  in.amortisation = {o.years_since_purchase ? *o.years_since_purchase : hardware_age(m, device, in),
                     Amortisation{}.oom_per_year, o.sign};
  set_straight_line(in, c, o);
  if (device != nullptr) in.cloud_usd_per_hour = rental_near(c, *device, m.from.date, true);
  in.power = power_model(c, m, device, in);
  in.rd_factor = o.rd_factor ? given(*o.rd_factor, m.from.date) : published_rd_factor();
  in.staff_share = o.staff_share ? given(*o.staff_share, m.from.date) : published_staff_share();
  in.borrowed = borrowed_compute(c, m);
  in.stated = stated_costs(c, m);
  in.upper_base = o.upper_base;
  return in;
}

Result<Ladder> ladder_of(const Catalogue& c, std::string_view name, const LadderOptions& o) {
  FATHOM_ASSIGN_OR_RETURN(const CatalogueModel* model, c.model(name));
  LadderInputs in = ladder_inputs(c, *model, o);
  for (const std::string& other : o.shared_with) {
    FATHOM_ASSIGN_OR_RETURN(const CatalogueModel* shared, c.model(other));
    if (in.cluster_runs.empty())
      in.cluster_runs.push_back({model->name, sum_of(phases_of(c, *model))});
    in.cluster_runs.push_back({shared->name, sum_of(phases_of(c, *shared))});
    for (const RunOnCluster& run : in.cluster_runs) {
      if (run.device_hours <= 0)
        return Status::error(fmt::format(
            "{}: device-hours wanted to share a cluster by them, none in the catalogue", run.run));
    }
  }
  return build_ladder(in);
}

}  // namespace fathom
