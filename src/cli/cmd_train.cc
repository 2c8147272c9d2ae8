// fathom train: pretrains a model as RUN.toml says, from random weights or a checkpoint; stops and
// goes on at will.
#include "cli/command.h"
#include "cli/training_command.h"

namespace fathom {

std::function<int()> add_train(CLI::App& sub) {
  auto args = add_training_arguments(sub, "train");
  sub.footer("Ctrl-C saves a checkpoint and stops. Settings: docs/train.md.");
  return [args] {
    auto config = read_run_config(settings_path(*args), all_overrides(*args));
    if (!config.ok()) return fail(config.status());
    const Status start = find_start(config.value(), args->resume);
    if (!start.ok()) return fail(start);
    return run_training(*args, std::move(config).value(), "documents", {});
  };
}

}  // namespace fathom
