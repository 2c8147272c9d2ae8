#include "cost/compare.h"

#include <fmt/format.h>

#include <algorithm>

#include "cost/money_text.h"

namespace fathom {
namespace {

BasisFigure from_rung(const Rung& r) {
  return {r.basis, *r.usd, "computed here", r.source, r.date, r.how, true};
}

std::string what_there_is(const ComparedModel& m) {
  std::string text;
  for (const Basis basis : comparable_bases()) {
    if (const auto usd = on_basis(m.figures, basis)) {
      text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", usd_range_text(*usd),
                          basis_name(basis));
    }
  }
  return text.empty() ? "no figure in money" : "it has " + text;
}

Basis best_basis(const std::vector<ComparedModel>& models, std::string& why) {
  Basis best = comparable_bases().front();
  long most = -1;
  for (const Basis basis : comparable_bases()) {
    const long n = std::ranges::count_if(
        models, [&](const ComparedModel& m) { return on_basis(m.figures, basis).has_value(); });
    if (n > most) {
      best = basis;
      most = n;
    }
  }
  const long all = static_cast<long>(models.size());
  why = most == all ? "the best basis that all of them have"
                    : fmt::format("no basis is known for all: this one is for {} of {}", most, all);
  return best;
}

void add_notes(CostComparison& c) {
  for (const ComparedModel& m : c.models) {
    if (!m.usd)
      c.notes.push_back(fmt::format("{}: no figure on the basis \"{}\"; {}", m.name,
                                    basis_name(c.basis), m.missing));
  }
  const bool mixed = std::ranges::any_of(c.models, [&](const ComparedModel& m) {
    return std::ranges::count(m.figures, c.basis, &BasisFigure::basis) > 1;
  });
  if (mixed)
    c.notes.push_back(
        "Where several figures stand on this basis, the range goes from the lowest to the highest "
        "and the middle is their geometric mean.");
  const bool points =
      std::ranges::any_of(c.models, [](const ComparedModel& m) { return m.usd && m.usd->exact(); });
  if (points)
    c.notes.push_back(
        "A figure without a range is one that its source gives as a point. It is no more certain "
        "for that: Cottier et al. put their own estimates of GPU runs at a factor of 0.3 to 4.");
}

}  // namespace

std::optional<Range> on_basis(const std::vector<BasisFigure>& figures, Basis basis) {
  std::vector<Range> on;
  for (const BasisFigure& f : figures) {
    if (f.basis == basis) on.push_back(f.usd);
  }
  return on.empty() ? std::nullopt : std::optional(spread_of(on));
}

const std::vector<Basis>& comparable_bases() {
  static const std::vector<Basis> bases = {
      Basis::kAmortised,   Basis::kRental,          Basis::kCloud,
      Basis::kAcquisition, Basis::kStraightLine,    Basis::kAllInRd,
      Basis::kStaff,       Basis::kCompanyHardware, Basis::kStatement};
  return bases;
}

Result<Basis> parse_basis(std::string_view name) {
  std::string all;
  for (const Basis basis : comparable_bases()) {
    if (basis_name(basis) == name) return basis;
    all += fmt::format("{}{}", all.empty() ? "" : ", ", basis_name(basis));
  }
  return Status::error(fmt::format("--basis: one of {} wanted, \"{}\" found", all, name));
}

std::vector<BasisFigure> figures_of(const Catalogue& catalogue, const CatalogueModel& model,
                                    const LadderOptions& options) {
  const LadderInputs in = ladder_inputs(catalogue, model, options);
  const Ladder ladder = build_ladder(in);
  std::vector<BasisFigure> figures;
  // One rung a basis: the widest scope on it. "owned" is "energy" without its energy.
  for (const char* id :
       {"energy", "all_phases", "cloud", "cluster", "straight_line", "experiments", "staff"}) {
    const Rung& r = rung(ladder, id);
    if (!r.usd || r.stated_only) continue;
    figures.push_back(from_rung(r));
    if (r.id == "energy") figures.back().how = rung(ladder, "owned").how + "; " + r.how;
  }
  for (const StatedCost& s : in.stated) {
    if (s.basis == Basis::kUnknown || s.basis == Basis::kPhysical) continue;
    figures.push_back({s.basis, s.usd, s.whose, s.source, s.date, s.note, false});
  }
  return figures;
}

Result<CostComparison> compare(const Catalogue& catalogue, const std::vector<std::string>& names,
                               std::optional<Basis> basis, const LadderOptions& options) {
  if (names.empty())
    return Status::error("compare: the name of at least one model wanted, none found");
  CostComparison c;
  LadderOptions market = options;  // one price list for all, not each maker's own assumption
  market.claimed_rate = false;
  for (const std::string& name : names) {
    FATHOM_ASSIGN_OR_RETURN(const CatalogueModel* model, catalogue.model(name));
    if (std::ranges::find(c.models, model->name, &ComparedModel::name) != c.models.end()) {
      return Status::error(
          fmt::format("compare: each model once wanted, \"{}\" found twice", model->name));
    }
    ComparedModel& m = c.models.emplace_back();
    m.name = model->name;
    m.title = model->title;
    m.date = model->from.date;
    m.figures = figures_of(catalogue, *model, market);
  }
  c.basis = basis ? *basis : best_basis(c.models, c.why);
  if (basis) c.why = "asked for";
  for (ComparedModel& m : c.models) {
    m.usd = on_basis(m.figures, c.basis);
    if (!m.usd) m.missing = what_there_is(m);
    if (m.usd && c.models.front().usd && c.models.front().usd->low > 0)
      m.ratio = *m.usd / *c.models.front().usd;
  }
  c.models.front().ratio = c.models.front().usd ? std::optional(Range::exactly(1)) : std::nullopt;
  add_notes(c);
  return c;
}

}  // namespace fathom
