// fathom sft: supervised tuning of a checkpoint on conversations, by the loop and the run directory
// of `train`.
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/training_command.h"
#include "rl/chat_format.h"
#include "rl/sft_source.h"

namespace fathom {
namespace {

// What an sft run means by the settings that it shares with pretraining.
Result<RunConfig> sft_config(const TrainingArguments& args) {
  FATHOM_ASSIGN_OR_RETURN(RunConfig config,
                          read_run_config(settings_path(args), all_overrides(args)));
  if (config.model.init_from.empty()) {
    return Status::error(fmt::format("{}: model.init_from, a checkpoint to tune, wanted, not found",
                                     settings_path(args).string()));
  }
  if (config.data.options.fim_rate > 0) {
    return Status::error(fmt::format("{}: data.fim_rate: 0 wanted for samples, {} found",
                                     settings_path(args).string(), config.data.options.fim_rate));
  }
  FATHOM_RETURN_IF_ERROR(find_start(config, args.resume));
  FATHOM_ASSIGN_OR_RETURN(
      config.tokenizer.path,
      tokenizer_for_chat(config.tokenizer.path, run_directory(args) / "tokenizer"));
  std::error_code error;
  config.tokenizer.path = std::filesystem::absolute(config.tokenizer.path, error);
  config.train.balance_alpha = 0;  // sequences of several lengths have no such loss
  return config;
}

}  // namespace

std::function<int()> add_sft(CLI::App& sub) {
  auto args = add_training_arguments(sub, "sft");
  sub.footer("Ctrl-C saves a checkpoint and stops. Settings: docs/r1.md, docs/train.md.");
  return [args] {
    auto config = sft_config(*args);
    if (!config.ok()) return fail(config.status());
    return run_training(*args, std::move(config).value(), "samples", make_sft_source);
  };
}

}  // namespace fathom
