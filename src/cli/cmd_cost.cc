// fathom cost: the books. One row a subcommand below it, each in a cmd_cost_*.cc of its own.
#include <memory>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/cost_commands.h"

namespace fathom {
namespace {

const Command kCostCommands[] = {
    // One row a subcommand, in the order of the help.
    {"plan", "What a model costs to train, to run and to teach, before anything runs",
     add_cost_plan},
    {"ledger", "What runs took, by their ledgers: time, energy, money, waste", add_cost_ledger},
    {"audit", "Check what is claimed of a model's cost: does it hold together?", add_cost_audit},
    {"ladder", "One run at every scope: from one phase to all the company's hardware",
     add_cost_ladder},
    {"compare", "Models side by side at one basis", add_cost_compare},
    {"trend", "A fixed capability over time, and what the frontier spends", add_cost_trend},
    {nullptr, nullptr, nullptr},
};

}  // namespace

std::function<int()> add_cost(CLI::App& sub) {
  sub.require_subcommand(1);
  auto subs = std::make_shared<std::vector<std::pair<CLI::App*, std::function<int()>>>>();
  for (const Command& c : kCostCommands) {
    if (c.name == nullptr) break;
    CLI::App* below = sub.add_subcommand(c.name, c.summary);
    subs->emplace_back(below, c.add(*below));
  }
  return [subs] {
    for (auto& [below, run] : *subs) {
      if (below->parsed()) return run();
    }
    return 2;
  };
}

}  // namespace fathom
