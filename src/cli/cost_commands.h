// What cmd_cost.cc's table names: the subcommands of fathom cost.
#pragma once

#include "cli/command.h"

namespace fathom {

std::function<int()> add_cost_plan(CLI::App& sub);
std::function<int()> add_cost_ledger(CLI::App& sub);
std::function<int()> add_cost_audit(CLI::App& sub);

std::function<int()> add_cost_ladder(CLI::App& sub);
std::function<int()> add_cost_compare(CLI::App& sub);
std::function<int()> add_cost_trend(CLI::App& sub);
}  // namespace fathom
