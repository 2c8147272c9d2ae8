// The subcommands of `fathom eval`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>

#include "rl/evaluate.h"

namespace fathom {

/// {share, low, high, n}; share null where there was no trial.
nlohmann::ordered_json eval_share_json(const ShareOf& s);

std::function<int()> add_eval_tasks(CLI::App& sub);
std::function<int()> add_eval_questions(CLI::App& sub);

}  // namespace fathom
