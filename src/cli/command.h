// A subcommand: its name, one line of help, and a function that declares its options and returns what to run.
// main.cc holds the table of all of them. Exit codes: 0 done, 1 failed (one sentence on stderr), 2 wrong usage.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/status.h"

namespace fathom {

struct Command {
  const char* name;
  const char* summary;
  std::function<int()> (*add)(CLI::App& sub);
};

/// Prints "fathom: <message>" on stderr and returns 1.
int fail(const Status& status);

std::function<int()> add_tokenize(CLI::App& sub);
std::function<int()> add_inspect(CLI::App& sub);
std::function<int()> add_init(CLI::App& sub);
std::function<int()> add_logits(CLI::App& sub);
std::function<int()> add_run(CLI::App& sub);
std::function<int()> add_chat(CLI::App& sub);
std::function<int()> add_analyze(CLI::App& sub);
std::function<int()> add_train(CLI::App& sub);
std::function<int()> add_sft(CLI::App& sub);
std::function<int()> add_env(CLI::App& sub);
std::function<int()> add_rl(CLI::App& sub);
std::function<int()> add_distill(CLI::App& sub);
std::function<int()> add_sample(CLI::App& sub);
std::function<int()> add_eval(CLI::App& sub);
std::function<int()> add_r1(CLI::App& sub);
std::function<int()> add_bench(CLI::App& sub);
std::function<int()> add_cost(CLI::App& sub);

}  // namespace fathom
