// fathom cost trend: what a fixed capability costs before and after, when a budget reaches it, and
// what the frontier spends meanwhile.
#include <fmt/format.h>

#include "cli/catalogue_path.h"
#include "cli/cost_commands.h"
#include "cli/cost_print.h"
#include "cli/today.h"
#include "cost/catalogue_trend.h"
#include "cost/cost_json.h"
#include "cost/cost_sections.h"
#include "cost/parse_range.h"

namespace fathom {
namespace {

struct TrendCommand {
  std::string model = "deepseek-v3", usd, date, basis, frontier = "gpt-4", from, to, budget, html;
  std::string algorithmic, hardware, factor, spending;
  int step_months = 6;
  bool json = false;
};

Status read_month(const std::string& text, const char* flag, std::optional<YearMonth>& out) {
  if (text.empty()) return {};
  FATHOM_ASSIGN_OR_RETURN(out, parse_year_month(text, flag));
  return {};
}

Status read_factor(const std::string& text, const char* flag, Factor& out) {
  if (text.empty()) return {};
  FATHOM_ASSIGN_OR_RETURN(const Range range, parse_factor(text, flag));
  out = {range, std::string("given by ") + flag, today()};
  return {};
}

Status read_factors(const TrendCommand& c, TrendFactors& out) {
  if (!c.factor.empty() && !(c.algorithmic.empty() && c.hardware.empty())) {
    return Status::error("trend: --factor, or --algorithmic and --hardware wanted, both found");
  }
  FATHOM_RETURN_IF_ERROR(read_factor(c.algorithmic, "--algorithmic", out.algorithmic));
  FATHOM_RETURN_IF_ERROR(read_factor(c.hardware, "--hardware", out.hardware));
  if (!c.factor.empty())
    FATHOM_RETURN_IF_ERROR(read_factor(c.factor, "--factor", out.combined.emplace()));
  return read_factor(c.spending, "--spending", out.spending);
}

Result<TrendRequest> read_request(const TrendCommand& c) {
  TrendRequest r;
  r.model = c.usd.empty() && c.date.empty() ? c.model : "";
  r.frontier = c.frontier;
  r.step_months = c.step_months;
  if (!c.usd.empty()) {
    FATHOM_ASSIGN_OR_RETURN(r.usd, parse_range(c.usd, Quantity::kUsd, "--usd"));
  }
  if (!c.budget.empty()) {
    FATHOM_ASSIGN_OR_RETURN(r.budget_usd, parse_quantity(c.budget, Quantity::kUsd, "--budget"));
  }
  if (!c.basis.empty()) {
    FATHOM_ASSIGN_OR_RETURN(r.basis, parse_basis(c.basis));
  }
  FATHOM_RETURN_IF_ERROR(read_month(c.date, "--date", r.month));
  FATHOM_RETURN_IF_ERROR(read_month(c.from, "--from", r.from));
  FATHOM_RETURN_IF_ERROR(read_month(c.to, "--to", r.to));
  FATHOM_RETURN_IF_ERROR(read_factors(c, r.factors));
  return r;
}

CostPage trend_page(const Trend& trend) {
  CostPage page;
  page.title = fmt::format("What the capability of {} costs over time", trend.in.capability.name);
  page.lead =
      "Better algorithms and hardware make a fixed capability cheaper each year, while the "
      "frontier spends more each year: both halves, with their intervals.";
  page.sections = {trend_section(trend)};
  page.made_by = fmt::format("fathom cost trend · {}", today());
  return page;
}

Status run_trend(const TrendCommand& c) {
  FATHOM_ASSIGN_OR_RETURN(const TrendRequest request, read_request(c));
  FATHOM_ASSIGN_OR_RETURN(const Catalogue catalogue, open_catalogue());
  FATHOM_ASSIGN_OR_RETURN(const Trend trend, trend_of(catalogue, request));
  if (!c.html.empty()) FATHOM_RETURN_IF_ERROR(write_page(c.html, trend_page(trend)));
  c.json ? fmt::print("{}\n", trend_json(trend).dump(2)) : print_trend(trend);
  return {};
}

void add_factors(CLI::App& sub, TrendCommand& c) {
  const char* group = "Factors a year (one, low..high or low..middle..high)";
  sub.add_option("--algorithmic", c.algorithmic, "Better algorithms; by default 1.81:2.83:5.28")
      ->group(group);
  sub.add_option("--hardware", c.hardware, "Better hardware; by default 1.25:1.38:1.57")
      ->group(group);
  sub.add_option("--factor", c.factor, "Both together, instead of the two above: 4")->group(group);
  sub.add_option("--spending", c.spending,
                 "Growth of what the frontier spends; by default 2:2.4:2.9")
      ->group(group);
}

}  // namespace

std::function<int()> add_cost_trend(CLI::App& sub) {
  auto c = std::make_shared<TrendCommand>();
  sub.add_option("model", c->model, "A model of the catalogue")->capture_default_str();
  sub.add_option("--usd", c->usd, "An amount instead of a model's, with --date: '$25M'");
  sub.add_option("--date", c->date, "The month of --usd: 2024-03");
  sub.add_option("--basis", c->basis,
                 "The model's figure on this basis; by default the best that it has");
  sub.add_option("--from", c->from, "First month; by default two years before the model");
  sub.add_option(
      "--to", c->to,
      "Last month; by default four years after the model, or when the budget is reached");
  sub.add_option("--step", c->step_months, "Months from row to row")
      ->check(CLI::Range(1, 120))
      ->capture_default_str();
  sub.add_option("--budget", c->budget, "When does this amount pay for it? '$100K'");
  sub.add_option("--frontier", c->frontier,
                 "The model that the growth of spending starts from, or none")
      ->capture_default_str();
  add_factors(sub, *c);
  sub.add_flag("--json", c->json, "One JSON object instead of text");
  sub.add_option("--html", c->html, "Also write a page with plot and tables to this file");
  return [c] {
    const Status status = run_trend(*c);
    return status.ok() ? 0 : fail(status);
  };
}

}  // namespace fathom
