// The audit put together: the rules in order, then what the headline leaves out, and the model
// beside others at equal basis.
#include "cost/audit.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "cost/audit_impl.h"

namespace fathom {

bool close_to(double a, double b, double tolerance) {
  return std::abs(a - b) <= tolerance * std::abs(b);
}
std::string text_of(double value, Quantity q) { return human_quantity(value, q); }

const char* title_of(const Claim& claim) {
  for (const ClaimKind& kind : claim_kinds()) {
    if (claim.what == kind.what) return kind.title;
  }
  return "";
}

std::string value_of(const Claim& claim) {
  return (claim.at_least ? ">" : "") + human_quantity(claim.value, claim.quantity);
}
std::string cited(const Claim& claim) {
  return fmt::format("{} ({}, {})", value_of(claim), claim.from.whose, claim.from.date);
}

std::string times_text(double x) {
  return x < 1000 ? fmt::format("{:.3g}x", x) : fmt::format("{:.0f}x", x);
}

std::string off_by(double factor) {
  if (factor >= 1) return fmt::format("{:.2g}x too high", factor);
  return fmt::format("{:.2g}x too low", 1 / factor);
}

const char* definition_name(FlopsDefinition definition) {
  switch (definition) {
    case FlopsDefinition::kNonCausal:
      return "non-causal";
    case FlopsDefinition::kCausal:
      return "causal";
    case FlopsDefinition::kSixN:
      return "6N";
  }
  return "";
}

double peak_of(const Device& device, std::string& precision) {
  for (const std::string& p : {precision, std::string("bf16"), std::string("f16")}) {
    const auto found = device.peak.find(p);
    if (found == device.peak.end()) continue;
    precision = p;
    return found->second;
  }
  precision = device.peak.begin()->first;
  return device.peak.begin()->second;
}

std::vector<BasisFigure> market_figures(const Catalogue& catalogue, const CatalogueModel& model) {
  LadderOptions market;
  market.claimed_rate = false;
  return figures_of(catalogue, model, market);
}

const Claim* AuditContext::reference(std::string_view what, std::string_view phase) const {
  const Claim* found = nullptr;
  for (const Claim* claim : claims) {
    if (claim->what != what || (!phase.empty() && claim->phase != phase)) continue;
    const bool own = claim->from.whose == model.org;
    if (found == nullptr || (own && found->from.whose != model.org)) found = claim;
  }
  return found;
}

const Device* AuditContext::device_of(const Claim& claim) const {
  const auto device = catalogue.device(claim.device);
  return device.ok() ? device.value() : nullptr;
}

std::optional<double> AuditContext::tokens() const {
  const Claim* claim = reference("tokens", "");
  return claim != nullptr ? std::optional(claim->value.mid) : model.tokens;
}

std::optional<AuditContext::Hours> AuditContext::run_hours() const {
  const Claim* hours = reference("device_hours", "pretraining");
  if (hours == nullptr) hours = reference("device_hours", "all");
  const Claim* rate = reference("device_hours_per_trillion_tokens", "pretraining");
  const bool makers = hours != nullptr && hours->from.whose == model.org;
  if (rate != nullptr && tokens() && !makers) {
    return Hours{rate->value.mid * *tokens() / 1e12, rate->device, rate->from.whose == model.org};
  }
  if (hours == nullptr) return std::nullopt;
  return Hours{hours->value.mid, hours->device, makers};
}

FlopsDefinition AuditContext::definition() const {
  return config || model.flops_per_token ? FlopsDefinition::kCausal : FlopsDefinition::kSixN;
}

std::optional<double> AuditContext::flops_per_token(FlopsDefinition definition) const {
  if (config) {
    const int64_t context = std::max<int64_t>(model.context_length, 1);
    const auto count = [&](FlopsDefinition d) {
      return training_flops_per_token(*config, context, d, model.parameters_active.value_or(0));
    };
    const double counted = count(definition), causal = count(FlopsDefinition::kCausal);
    // A published figure that is our count but for its rounding is taken as it was published.
    const bool rounded = model.flops_per_token && close_to(*model.flops_per_token, causal, 0.005);
    if (!rounded || definition == FlopsDefinition::kSixN) return counted;
    return counted + *model.flops_per_token - causal;
  }
  if (definition == FlopsDefinition::kCausal) return model.flops_per_token;
  if (definition == FlopsDefinition::kSixN && model.parameters_active)
    return 6 * *model.parameters_active;
  return std::nullopt;
}

std::optional<double> AuditContext::training_flop(std::string& how) const {
  const std::optional<double> per_token = flops_per_token(definition());
  if (per_token && tokens()) {
    how = fmt::format("{} x {} ({})", text_of(*tokens(), Quantity::kTokens),
                      text_of(*per_token, Quantity::kFlopsPerToken), definition_name(definition()));
    return *per_token * *tokens();
  }
  const Claim* claim = reference("training_flop", "");
  if (claim == nullptr) return std::nullopt;
  how = cited(*claim);
  return claim->value.mid;
}

void AuditContext::say(const std::string& claim, bool holds, std::optional<double> factor,
                       const std::string& why) {
  audit.verdicts.push_back({claim, holds, factor, why});
}

void AuditContext::say(const Claim& claim, bool holds, std::optional<double> factor,
                       const std::string& why) {
  const std::string phase = claim.phase == "all" ? "" : ", " + claim.phase;
  const std::string of = claim.model == model.name ? "" : claim.model + ": ";
  say(fmt::format("{}{}{}: {}", of, title_of(claim), phase, cited(claim)), holds, factor, why);
}

namespace {

/// The makers' own money of the widest phase, else the first that anybody says.
const Claim* headline_of(const AuditContext& c) {
  const Claim* found = nullptr;
  const auto rank = [&](const Claim& claim) {
    const int phase = claim.phase == "all" ? 2 : claim.phase == "post-training" ? 1 : 0;
    return (claim.from.whose == c.model.org ? 10 : 0) + phase;
  };
  for (const Claim* claim : c.claims) {
    if (claim->what == "usd" && (found == nullptr || rank(*claim) > rank(*found))) found = claim;
  }
  return found;
}

/// Rungs of the ladder above a basis: what a figure of that basis does not hold.
std::vector<std::string> beyond(Basis basis) {
  const std::string experiments = "experiments, ablations, failed and repeated runs, data";
  const std::string staff = "staff",
                    capital = "the purchase of the cluster, and its time idle or in other use";
  switch (basis) {
    case Basis::kRental:
    case Basis::kCloud:
      return {experiments, staff, capital};
    case Basis::kAmortised:
    case Basis::kStraightLine:
      return {experiments, staff, "the rest of the cluster's value",
              "buildings, financing, operations staff"};
    case Basis::kAcquisition:
      return {"energy", experiments, staff, "it counts hardware that serves other runs as well"};
    case Basis::kAllInRd:
      return {staff, capital};
    case Basis::kStatement:
    case Basis::kUnknown:
      return {"nobody can tell: what the figure contains was not given"};
    default:
      return {};
  }
}

/// Phases that the headline does not hold and for which somebody names money.
void missing_phases(const AuditContext& c, const Claim& headline, std::vector<std::string>& out) {
  for (const char* phase : {"pretraining", "context-extension", "post-training"}) {
    if (!c.model.base.empty() && phase != std::string_view("post-training"))
      continue;  // the base model's
    if (headline.phase == "all" || headline.phase == phase ||
        (phase == std::string_view("post-training") && headline.phase == "rl"))
      continue;
    const Claim* claim = c.reference("usd", phase);
    out.push_back(claim == nullptr ? std::string(phase)
                                   : fmt::format("{} ({})", phase, cited(*claim)));
  }
  if (c.model.base.empty() || std::find(headline.includes.begin(), headline.includes.end(),
                                        c.model.base) != headline.includes.end())
    return;
  std::string base = fmt::format("the base model {}", c.model.base);
  for (const Claim* claim : c.catalogue.claims_of(c.model.base, "usd")) {
    if (claim->phase == "all" && claim->basis == headline.basis)
      base += fmt::format(", {}", cited(*claim));
  }
  out.push_back(base);
}

void add_scope(AuditContext& c) {
  const Claim* headline = headline_of(c);
  if (headline == nullptr) return;
  c.audit.usd = headline->value;
  c.audit.headline =
      fmt::format("{}, {}, {}", cited(*headline), basis_name(headline->basis),
                  headline->phase == "all" ? "all phases of one run" : headline->phase);
  missing_phases(c, *headline, c.audit.leaves_out);
  for (const std::string& rung : beyond(headline->basis)) c.audit.leaves_out.push_back(rung);
  const auto wider_scope = [&](Basis basis) {
    return basis != headline->basis && (basis == Basis::kAcquisition || basis == Basis::kAllInRd ||
                                        basis == Basis::kStaff || basis == Basis::kCompanyHardware);
  };
  for (const BasisFigure& f : market_figures(c.catalogue, c.model)) {
    if (!f.computed || !wider_scope(f.basis)) continue;
    c.audit.leaves_out.push_back(fmt::format("computed for a wider scope: {}, {} ({})",
                                             human_quantity(f.usd, Quantity::kUsd),
                                             basis_name(f.basis), basis_meaning(f.basis)));
  }
  for (const Claim* wider : c.claims) {
    if (wider->what != "usd" || !wider_scope(wider->basis)) continue;
    c.audit.leaves_out.push_back(fmt::format("said of a wider scope: {}, {} ({})", cited(*wider),
                                             basis_name(wider->basis),
                                             basis_meaning(wider->basis)));
  }
}

/// On each basis that the model has a figure on: its own, then those of others. What stands on
/// another model's run is no whole run and has no place among them.
void add_at_basis(AuditContext& c) {
  if (!c.model.base.empty()) return;
  std::vector<AtBasis> own, others;
  for (const CatalogueModel& m : c.catalogue.models) {
    if (!m.base.empty()) continue;
    for (const BasisFigure& f : market_figures(c.catalogue, m))
      (m.name == c.model.name ? own : others)
          .push_back({f.basis, m.name, f.whose, f.date, f.usd, f.computed});
  }
  for (Basis basis : {Basis::kRental, Basis::kAmortised, Basis::kCloud, Basis::kAcquisition}) {
    if (std::ranges::find(own, basis, &AtBasis::basis) == own.end()) continue;
    for (const auto* rows : {&own, &others})
      std::ranges::copy_if(*rows, std::back_inserter(c.audit.at_basis),
                           [&](const AtBasis& row) { return row.basis == basis; });
  }
}

/// FLOPs, hours and mean throughput beside every model that has all three.
void add_beside(AuditContext& c) {
  std::string how;
  const auto flop = c.training_flop(how);
  const auto hours = c.run_hours();
  if (!flop || !hours) return;
  const double speed = *flop / hours->value / 3600;
  for (const CatalogueModel& other : c.catalogue.models) {
    if (other.name == c.model.name) continue;
    Audit unused;
    AuditContext o{c.catalogue, other, std::nullopt, c.catalogue.claims_of(other.name), unused};
    if (const auto config = c.catalogue.config_of(other); config.ok()) o.config = config.value();
    const auto other_flop = o.training_flop(how);
    const auto other_hours = o.run_hours();
    if (!other_flop || !other_hours || !other_hours->makers) continue;
    c.audit.beside.push_back(fmt::format(
        "{}: {} the FLOPs and {} the device-hours of {}; {} a device against {}, means "
        "of all hours.",
        other.title, times_text(*other_flop / *flop), times_text(other_hours->value / hours->value),
        c.model.title, text_of(*other_flop / other_hours->value / 3600, Quantity::kFlopsPerS),
        text_of(speed, Quantity::kFlopsPerS)));
  }
}

std::string found_kinds(const AuditContext& c) {
  std::string found;
  for (const ClaimKind& kind : claim_kinds()) {
    const bool has = std::any_of(c.claims.begin(), c.claims.end(),
                                 [&](const Claim* claim) { return claim->what == kind.what; });
    if (has) found += (found.empty() ? "only " : ", ") + std::string(kind.title);
  }
  return found.empty() ? "none" : found;
}

}  // namespace

Result<Audit> audit_model(const Catalogue& catalogue, const CatalogueModel& model) {
  Audit audit;
  audit.model = model.name;
  audit.title = model.title;
  AuditContext c{catalogue, model, std::nullopt, catalogue.claims_of(model.name), audit};
  if (!model.config.empty()) {
    FATHOM_ASSIGN_OR_RETURN(c.config, catalogue.config_of(model));
  }
  audit.flops_per_token = c.flops_per_token(c.definition());
  for (const char* phase : {"all", "pretraining", "post-training", "rl"}) {
    const Claim* hours = c.reference("device_hours", phase);
    if (hours != nullptr && !audit.device_hours) audit.device_hours = hours->value.mid;
  }
  add_scope(c);
  for (auto rule : {check_throughput, check_hours_per_trillion, check_devices_times_hours,
                    check_flops, check_utilisation, check_money, check_sums, check_witnesses,
                    check_comparisons, check_trend}) {
    rule(c);
  }
  add_at_basis(c);
  add_beside(c);
  // Hours alone have a price, but nothing to be held against.
  const bool stated = std::ranges::any_of(
      audit.at_basis, [&](const AtBasis& b) { return b.model == model.name && !b.computed; });
  if (!audit.verdicts.empty() || stated || !audit.beside.empty()) return audit;
  return Status::error(fmt::format(
      "{}: a claim with too few numbers to check: wanted are device-hours with tokens and FLOPs "
      "per token (or active parameters), or with devices and "
      "days, or with money and a rate; found {}",
      model.name, found_kinds(c)));
}

}  // namespace fathom
