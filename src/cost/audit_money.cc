// The rules on money and on who says what: hours x rate, sums of phases, witnesses against each
// other, figures of two bases side by side, and the trend.
#include <algorithm>

#include "cost/audit_impl.h"
#include "cost/trend.h"

namespace fathom {
namespace {

constexpr double kRateTolerance = 0.02;  // hours x rate is exact but for rounding
constexpr double kSumTolerance = 0.01;
constexpr double kWitnessTolerance = 0.25;  // two estimates of one figure

/// What was asked for the device's hours within a year of `date`, by anybody but the claimant.
std::optional<Range> market_rate(const AuditContext& c, const std::string& device,
                                 const std::string& date, const std::string& except) {
  std::optional<Range> market;
  if (!is_iso_date(date)) return market;
  for (const Price* p : c.catalogue.prices_of("rental", device)) {
    if (p->cloud || p->from.whose == except || std::abs(years_between(p->from.date, date)) > 1)
      continue;
    if (!market) market = p->value;
    market->low = std::min(market->low, p->value.low);
    market->high = std::max(market->high, p->value.high);
  }
  return market;
}

void judge_rate(AuditContext& c, const Claim& usd, const Claim& hours) {
  const double implied = usd.value.mid / hours.value.mid;
  const std::string why = fmt::format("{} / {} = {}", text_of(usd.value.mid, Quantity::kUsd),
                                      text_of(hours.value.mid, Quantity::kDeviceHours),
                                      text_of(implied, Quantity::kUsdPerHour));
  for (const Claim* rate : c.claims) {
    if (rate->what != "rate" || rate->from.whose != usd.from.whose) continue;
    const double factor = implied / rate->value.mid;
    const bool holds = close_to(factor, 1, kRateTolerance);
    return c.say(usd, holds, factor,
                 fmt::format("{}, against a rate of {}: {}.", why,
                             text_of(rate->value.mid, Quantity::kUsdPerHour),
                             holds ? "consistent" : off_by(factor)));
  }
  const std::optional<Range> market = market_rate(c, hours.device, usd.from.date, usd.from.whose);
  if (!market) {
    c.audit.beside.push_back(
        why +
        "; the catalogue has no rental price of the device within a year to hold against it.");
    return;
  }
  const bool holds = implied >= market->low * 0.5 && implied <= market->high;
  const double factor = implied < market->low    ? implied / market->low
                        : implied > market->high ? implied / market->high
                                                 : 1;
  c.say(
      usd, holds, factor,
      fmt::format("{}; rented within a year of it for {}: {}.", why,
                  human_quantity(*market, Quantity::kUsdPerHour),
                  !holds ? off_by(factor)
                  : implied < market->low
                      ? "below the list prices but above half of them, as contracts are: consistent"
                      : "consistent"));
}

/// The phases that a phase is the sum of.
std::vector<std::string> parts_of(const std::string& phase) {
  if (phase == "all") return {"pretraining", "context-extension", "post-training"};
  if (phase == "post-training") return {"sft-data", "sft", "rl"};
  return {};
}

}  // namespace

void check_money(AuditContext& c) {
  for (const Claim* usd : c.claims) {
    if (usd->what != "usd" || usd->basis != Basis::kRental || !usd->includes.empty()) continue;
    for (const Claim* hours : c.claims) {
      if (hours->what == "device_hours" && hours->phase == usd->phase &&
          hours->from.whose == usd->from.whose)
        judge_rate(c, *usd, *hours);
    }
  }
}

void check_sums(AuditContext& c) {
  for (const Claim* whole : c.claims) {
    if (whole->what != "usd" && whole->what != "device_hours") continue;
    const std::vector<std::string> parts = parts_of(whole->phase);
    double sum = 0;
    std::string terms;
    int n = 0;
    const auto add = [&](const Claim& part, const std::string& name) {
      sum += part.value.mid;
      terms += (n++ == 0 ? "" : " + ") +
               fmt::format("{} {}", text_of(part.value.mid, part.quantity), name);
    };
    const auto same = [&](const Claim& part) {
      return part.what == whole->what && part.basis == whole->basis &&
             part.from.whose == whole->from.whose &&
             std::find(parts.begin(), parts.end(), part.phase) != parts.end();
    };
    for (const Claim& part : c.catalogue.claims) {
      const bool included = std::find(whole->includes.begin(), whole->includes.end(), part.model) !=
                            whole->includes.end();
      if ((part.model == whole->model || included) && same(part))
        add(part, part.model == whole->model ? part.phase : part.model);
    }
    if (n < 2) continue;
    const double factor = whole->value.mid / sum;
    const bool holds = close_to(factor, 1, kSumTolerance);
    c.say(*whole, holds, factor,
          fmt::format("{} = {}, against {}: {}.", terms, text_of(sum, whole->quantity),
                      text_of(whole->value.mid, whole->quantity),
                      holds ? "consistent" : off_by(factor)));
  }
}

void check_witnesses(AuditContext& c) {
  for (const Claim* other : c.claims) {
    const Claim* own = nullptr;
    if (other->what == "mfu" || other->what == "throughput" || other->basis == Basis::kStatement ||
        other->basis == Basis::kUnknown)
      continue;
    for (const Claim* claim : c.claims) {  // the maker's own, else the first of its kind
      const bool same = claim->what == other->what && claim->phase == other->phase &&
                        claim->basis == other->basis;
      if (same &&
          (own == nullptr || (claim->from.whose == c.model.org && own->from.whose != c.model.org)))
        own = claim;
    }
    if (own == nullptr || own == other ||
        (other->from.whose == own->from.whose && other->from.source == own->from.source))
      continue;
    if (other->basis == Basis::kCompanyHardware) continue;
    const double factor = other->value.mid / own->value.mid;
    const bool makers = own->from.whose == c.model.org;
    const bool overlap = other->value.low <= own->value.high && own->value.low <= other->value.high;
    const bool holds = overlap || close_to(factor, 1, kWitnessTolerance) || !makers;
    const std::string pair = fmt::format(
        "{} against {}{}", human_quantity(other->value, other->quantity), cited(*own),
        own->basis == Basis::kPhysical ? ""
                                       : fmt::format(", same basis ({})", basis_name(own->basis)));
    if (makers) {
      c.say(*other, holds, factor,
            fmt::format("{}: {}{}.", pair, holds ? "consistent" : off_by(factor),
                        holds || other->from.date >= own->from.date
                            ? ""
                            : "; it was made before that was published"));
    } else {
      c.say(
          *other, holds, factor,
          fmt::format(
              "{}: {}. The maker published nothing to decide it, so the range is the answer.", pair,
              close_to(factor, 1, kWitnessTolerance)
                  ? "consistent"
                  : fmt::format("{:.2g}x apart", std::max(factor, 1 / factor))));
    }
  }
}

namespace {

/// What the figure stands on: claims of the model at that value.
const Claim* stands_on(const Catalogue& catalogue, const std::string& model, double usd) {
  for (const Claim* claim : catalogue.claims_of(model, "usd")) {
    if (close_to(claim->value.mid, usd, 0.03)) return claim;
  }
  return nullptr;
}

void judge_comparison(AuditContext& c, const Comparison& pair) {
  const Claim *a = stands_on(c.catalogue, pair.model, pair.value.mid),
              *b = stands_on(c.catalogue, pair.against, pair.against_value.mid);
  const CatalogueModel *ma = c.catalogue.model(pair.model).value(),
                       *mb = c.catalogue.model(pair.against).value();
  const double said = pair.against_value.mid / pair.value.mid;
  const std::string claim = fmt::format(
      "{} for {} against {} for {} ({}, {})", text_of(pair.value.mid, Quantity::kUsd), ma->title,
      text_of(pair.against_value.mid, Quantity::kUsd), mb->title, pair.from.whose, pair.from.date);
  if (a == nullptr || b == nullptr) {
    return c.say(claim, false, std::nullopt,
                 fmt::format("No claim in the catalogue says what {} counts.",
                             text_of(a == nullptr ? pair.value.mid : pair.against_value.mid,
                                     Quantity::kUsd)));
  }
  if (a->basis == b->basis && a->phase == b->phase) {
    return c.say(claim, true, 1,
                 fmt::format("Both are {} ({}), phase {}: comparable.", basis_name(a->basis),
                             basis_meaning(a->basis), a->phase));
  }
  std::string why = fmt::format(
      "Two bases: {} is {} ({}, phase {}, {}); {}{} is {} ({}, {}). The ratio of {:.3g}x compares "
      "scopes, not models.",
      text_of(a->value.mid, Quantity::kUsd), basis_name(a->basis), basis_meaning(a->basis),
      a->phase, a->from.whose, b->at_least ? ">" : "", text_of(b->value.mid, Quantity::kUsd),
      basis_name(b->basis), basis_meaning(b->basis), b->from.whose, said);
  std::optional<double> factor;
  for (Basis basis : {Basis::kAmortised, Basis::kCloud, Basis::kAcquisition}) {
    const auto x = on_basis(market_figures(c.catalogue, *ma), basis),
               y = on_basis(market_figures(c.catalogue, *mb), basis);
    if (!x || !y) continue;
    const Range ratio = *y / *x;
    why += fmt::format(" At one basis ({}): {} / {} = {:.2g}x to {:.2g}x.", basis_name(basis),
                       human_quantity(*y, Quantity::kUsd), human_quantity(*x, Quantity::kUsd),
                       ratio.low, ratio.high);
    if (!factor) factor = said / ratio.mid;
  }
  c.say(claim, false, factor, why);
}

}  // namespace

void check_comparisons(AuditContext& c) {
  for (const Comparison& pair : c.catalogue.comparisons) {
    if (pair.model == c.model.name || pair.against == c.model.name) judge_comparison(c, pair);
  }
}

void check_trend(AuditContext& c) {
  if (c.model.peer.empty() || !c.audit.usd || !is_iso_date(c.model.from.date)) return;
  const CatalogueModel* peer = c.catalogue.model(c.model.peer).value();
  const auto cost = on_basis(market_figures(c.catalogue, *peer), Basis::kAmortised);
  if (!cost) return;
  const double years = years_between(c.model.peer_date, c.model.from.date);
  if (years <= 0) return;
  const Range decline = cost_factor(published_factors());
  const Range expected = project_cost(*cost, years, decline);
  const double factor = c.audit.usd->mid / expected.mid;
  const bool holds = factor > 0.25 && factor < 4;
  std::string why = fmt::format(
      "{} ({}, trained {}, amortised) / {:.3g}^{:.2f} years = {} expected ({} to {} at {:.3g}x and "
      "{:.3g}x a year). {} is {:.2g}x {} that, before any difference in quality: {}.",
      text_of(cost->mid, Quantity::kUsd), peer->title, c.model.peer_date, decline.mid, years,
      text_of(expected.mid, Quantity::kUsd), text_of(expected.low, Quantity::kUsd),
      text_of(expected.high, Quantity::kUsd), decline.high, decline.low,
      text_of(c.audit.usd->mid, Quantity::kUsd), std::max(factor, 1 / factor),
      factor < 1 ? "below" : "above", holds ? "on or near the trend" : "off the trend");
  why += fmt::format(" The peer is named by {} ({}).", c.model.peer_from.whose,
                     c.model.peer_from.date);
  c.say(fmt::format("{} on the trend of about {:.0f}x a year", c.audit.headline, decline.mid),
        holds, factor, why);
}

}  // namespace fathom
