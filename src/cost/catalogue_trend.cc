#include "cost/catalogue_trend.h"

#include <fmt/format.h>

#include <algorithm>

namespace fathom {
namespace {

std::string sources_on(const std::vector<BasisFigure>& figures, Basis basis) {
  std::string text;
  for (const BasisFigure& f : figures) {
    if (f.basis == basis)
      text += fmt::format("{}{}: {} ({})", text.empty() ? "" : "; ", f.whose, f.source, f.date);
  }
  return text;
}

std::optional<TrendPoint> point_of(const Catalogue& c, const CatalogueModel& m, Basis basis) {
  const auto figures = figures_of(c, m);
  const auto usd = on_basis(figures, basis);
  const auto month = parse_year_month(m.from.date, m.name);
  if (!usd || !month.ok()) return {};
  return TrendPoint{m.name, month.value(), *usd, std::string(basis_name(basis)),
                    sources_on(figures, basis)};
}

/// On the wanted basis, or on the best that the model has.
Result<TrendPoint> required_point(const Catalogue& c, std::string_view name,
                                  std::optional<Basis> basis) {
  FATHOM_ASSIGN_OR_RETURN(const CatalogueModel* model, c.model(name));
  const auto bases = basis ? std::vector<Basis>{*basis} : comparable_bases();
  for (const Basis b : bases) {
    if (auto point = point_of(c, *model, b)) return *point;
  }
  const std::string wanted =
      basis ? fmt::format("a figure on the basis \"{}\"", basis_name(*basis)) : "a figure in money";
  return Status::error(
      fmt::format("trend: {} wanted of {}, none in the catalogue", wanted, model->name));
}

Result<TrendPoint> projected_point(const Catalogue& c, const TrendRequest& r) {
  if (!r.usd && !r.month) return required_point(c, r.model, r.basis);
  if (!r.usd || !r.month)
    return Status::error(
        "trend: an amount (--usd) and its month (--date) wanted together, one of them found");
  if (r.usd->low <= 0) return Status::error("trend: an amount above $0 wanted, none found");
  return TrendPoint{r.model.empty() ? "the given run" : r.model, *r.month, *r.usd,
                    std::string(basis_name(r.basis.value_or(Basis::kStatement))),
                    "given by the user"};
}

Status add_frontier(TrendInputs& in, const Catalogue& c, const TrendRequest& r,
                    std::optional<Basis> basis) {
  if (r.frontier == "none") return {};
  auto same = required_point(c, r.frontier, basis);
  if (!same.ok()) same = required_point(c, r.frontier, {});
  if (!same.ok()) return same.status();
  in.frontier = same.value();
  return {};
}

/// Models on the projected figure's basis, by the names that were asked for, or all. One that
/// stands on another's run is no whole capability's cost and is left out.
void add_others(TrendInputs& in, const Catalogue& c, const TrendRequest& r, Basis basis) {
  for (const CatalogueModel& m : c.models) {
    const bool asked = !r.beside || std::ranges::find(*r.beside, m.name) != r.beside->end();
    if (!asked || !m.base.empty() || m.name == in.capability.name ||
        (in.frontier && m.name == in.frontier->name))
      continue;
    if (auto point = point_of(c, m, basis)) in.others.push_back(*point);
  }
}

/// The model's years, and on until the budget is reached (in the middle case, within 30 years).
void set_window(TrendInputs& in, const TrendRequest& r) {
  in.from = r.from.value_or(add_months(in.capability.month, -24));
  in.to = r.to.value_or(add_months(in.capability.month, 48));
  const Range factor = cost_factor(in.factors);
  if (r.to || !r.budget_usd || *r.budget_usd <= 0 || factor.mid <= 1) return;
  const double years = years_until(in.capability.usd, *r.budget_usd, factor).mid;
  const int months = static_cast<int>(std::min(years, 30.0) * 12) + 6;
  in.to = std::max(in.to, add_months(in.capability.month, months));
}

}  // namespace

Result<Trend> trend_of(const Catalogue& c, const TrendRequest& r) {
  TrendInputs in;
  FATHOM_ASSIGN_OR_RETURN(in.capability, projected_point(c, r));
  in.factors = r.factors;
  in.budget_usd = r.budget_usd;
  const auto basis = parse_basis(in.capability.basis);
  FATHOM_RETURN_IF_ERROR(
      add_frontier(in, c, r, basis.ok() ? std::optional(basis.value()) : std::nullopt));
  if (basis.ok()) add_others(in, c, r, basis.value());
  set_window(in, r);
  return build_trend(in, r.step_months);
}

}  // namespace fathom
