// fathom cost ladder: one run, from one phase at a rental price up to the company's hardware.
#include <fmt/format.h>

#include "cli/catalogue_path.h"
#include "cli/cost_commands.h"
#include "cli/cost_print.h"
#include "cli/ladder_flags.h"
#include "cli/today.h"
#include "cost/cost_json.h"
#include "cost/cost_sections.h"

namespace fathom {
namespace {

struct LadderCommand {
  std::string model, html;
  std::vector<std::string> shared_with;
  bool json = false;
};

CostPage ladder_page(const Ladder& ladder, const CatalogueModel& model) {
  CostPage page;
  page.title = fmt::format("What {} cost", model.title);
  page.lead =
      "From one phase at a rental price to all the hardware of the company: the same run at every "
      "scope, with range, basis and source.";
  page.sections = {ladder_section(ladder, model.title)};
  page.made_by = fmt::format("fathom cost ladder {} · {}", model.name, today());
  return page;
}

Status run_ladder(const LadderCommand& command, const LadderFlags& flags) {
  FATHOM_ASSIGN_OR_RETURN(LadderOptions options, ladder_options(flags));
  options.shared_with = command.shared_with;
  FATHOM_ASSIGN_OR_RETURN(const Catalogue catalogue, open_catalogue());
  FATHOM_ASSIGN_OR_RETURN(const CatalogueModel* model, catalogue.model(command.model));
  FATHOM_ASSIGN_OR_RETURN(const Ladder ladder, ladder_of(catalogue, command.model, options));
  if (!command.html.empty())
    FATHOM_RETURN_IF_ERROR(write_page(command.html, ladder_page(ladder, *model)));
  command.json ? fmt::print("{}\n", ladder_json(ladder).dump(2)) : print_ladder(ladder);
  return {};
}

}  // namespace

std::function<int()> add_cost_ladder(CLI::App& sub) {
  auto command = std::make_shared<LadderCommand>();
  sub.add_option("model", command->model, "A model of the catalogue, such as deepseek-v3")
      ->required();
  sub.add_option("--shared-with", command->shared_with,
                 "Models that the same cluster trained: its price is shared by hours")
      ->delimiter(',');
  sub.add_flag("--json", command->json, "One JSON object instead of text");
  sub.add_option("--html", command->html, "Also write a page with plot and tables to this file");
  auto flags = add_ladder_flags(sub);
  return [command, flags] {
    const Status status = run_ladder(*command, *flags);
    return status.ok() ? 0 : fail(status);
  };
}

}  // namespace fathom
