// fathom cost compare: models at one basis, with ranges and what is missing.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/catalogue_path.h"
#include "cli/cost_commands.h"
#include "cli/cost_print.h"
#include "cli/ladder_flags.h"
#include "cli/today.h"
#include "cost/catalogue_trend.h"
#include "cost/cost_json.h"
#include "cost/cost_sections.h"

namespace fathom {
namespace {

struct CompareCommand {
  std::vector<std::string> models;
  std::string basis, html;
  bool json = false;
};

/// The comparison, then each model's ladder, then the trend through them.
Result<CostPage> compare_page(const Catalogue& catalogue, const CostComparison& c,
                              const LadderOptions& options) {
  std::vector<std::string> titles, names;
  for (const ComparedModel& m : c.models) {
    titles.push_back(m.title);
    names.push_back(m.name);
  }
  CostPage page;
  page.title = fmt::format("What training cost: {}", fmt::join(titles, ", "));
  page.lead =
      "Models side by side at one basis, each model's ladder from one phase to the whole company, "
      "and the trend. Every figure has its range, basis, source and date; what is unknown is shown "
      "as unknown.";
  page.sections = {comparison_section(c)};
  for (const ComparedModel& m : c.models) {
    FATHOM_ASSIGN_OR_RETURN(const Ladder ladder, ladder_of(catalogue, m.name, options));
    page.sections.push_back(ladder_section(ladder, m.title));
  }
  // A model without any figure has no point to project from; the next one serves.
  for (const ComparedModel& m : c.models) {
    if (m.figures.empty()) continue;
    TrendRequest request;
    request.model = m.name;
    if (m.usd) request.basis = c.basis;
    request.beside = names;
    FATHOM_ASSIGN_OR_RETURN(const Trend trend, trend_of(catalogue, request));
    page.sections.push_back(trend_section(trend));
    break;
  }
  page.sections.push_back(figures_section(c));
  page.made_by = fmt::format("fathom cost compare {} · {}", fmt::join(names, " "), today());
  return page;
}

Status run_compare(const CompareCommand& command, const LadderFlags& flags) {
  FATHOM_ASSIGN_OR_RETURN(const LadderOptions options, ladder_options(flags));
  std::optional<Basis> basis;
  if (!command.basis.empty()) {
    FATHOM_ASSIGN_OR_RETURN(basis, parse_basis(command.basis));
  }
  FATHOM_ASSIGN_OR_RETURN(const Catalogue catalogue, open_catalogue());
  FATHOM_ASSIGN_OR_RETURN(const CostComparison c,
                          compare(catalogue, command.models, basis, options));
  if (!command.html.empty()) {
    FATHOM_ASSIGN_OR_RETURN(const CostPage page, compare_page(catalogue, c, options));
    FATHOM_RETURN_IF_ERROR(write_page(command.html, page));
  }
  command.json ? fmt::print("{}\n", compare_json(c).dump(2)) : print_comparison(c);
  return {};
}

}  // namespace

std::function<int()> add_cost_compare(CLI::App& sub) {
  auto command = std::make_shared<CompareCommand>();
  sub.add_option("models", command->models,
                 "Models of the catalogue, the first one the measure of the others")
      ->required();
  sub.add_option("--basis", command->basis,
                 "amortised, rental, cloud, acquisition, straight-line, all-in-rd, staff, "
                 "company-hardware or statement; by default the best that all have");
  sub.add_flag("--json", command->json, "One JSON object instead of text");
  sub.add_option("--html", command->html,
                 "Also write a page with plots, ladders and the trend to this file");
  auto flags = add_ladder_flags(sub);
  return [command, flags] {
    const Status status = run_compare(*command, *flags);
    return status.ok() ? 0 : fail(status);
  };
}

}  // namespace fathom
