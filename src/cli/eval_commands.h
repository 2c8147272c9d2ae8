// The subcommands of `fathom eval`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace fathom {

std::function<int()> add_eval_tasks(CLI::App& sub);
std::function<int()> add_eval_questions(CLI::App& sub);

}  // namespace fathom
