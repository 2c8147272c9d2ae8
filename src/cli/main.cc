// fathom: one program, one table of subcommands.
#include <fmt/format.h>

#include <cstdio>
#include <vector>

#include "cli/command.h"
#include "device/isa.h"

namespace fathom {
namespace {

const Command kCommands[] = {
    // One row a subcommand, in the order of the help.
    {"run", "Continue a prompt, or answer it", add_run},
    {"chat", "Talk with a model", add_chat},
    {"analyze", "Answer questions about your tables", add_analyze},
    {"tokenize", "Text to tokens and back; train a tokenizer", add_tokenize},
    {"inspect", "What a checkpoint or a config is: layers, parameters, bytes, FLOPs", add_inspect},
    {"init", "A checkpoint of any config with seeded random weights", add_init},
    {"train", "Pretrain a model as RUN.toml says", add_train},
    {"sft", "Tune a checkpoint on conversations, as RUN.toml says", add_sft},
    {"env", "Problems with verifiable rewards: samples, right answers, scores", add_env},
    {"rl", "Teach a checkpoint by problems whose answers can be checked", add_rl},
    {"distill", "Teach a checkpoint by a teacher's probabilities of its own answers", add_distill},
    {"sample", "Samples to tune on: a model's own right answers", add_sample},
    {"eval", "Quality of a model on tasks", add_eval},
    {"r1", "R1's recipe: a plan of stages, from data to the tuned model", add_r1},
    {"logits", "Logits of a list of tokens, as an array for numpy", add_logits},
    {"bench", "Speed of a model or of training, beside the machine's own limits", add_bench},
    {"cost", "The books: what a model, a run and a token cost", add_cost},
    {nullptr, nullptr, nullptr},
};

int main_impl(int argc, char** argv) {
  CLI::App app{"fathom: DeepSeek-V3 and R1, whole, in one program"};
  app.set_version_flag("--version", fmt::format("fathom 0.1.0, {}", describe_isa()));
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, std::function<int()>>> subs;
  for (const Command& c : kCommands) {
    if (c.name == nullptr) break;
    CLI::App* sub = app.add_subcommand(c.name, c.summary);
    subs.emplace_back(sub, c.add(*sub));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  for (auto& [sub, run] : subs) {
    if (sub->parsed()) return run();
  }
  return 2;
}

}  // namespace

int fail(const Status& status) {
  std::fprintf(stderr, "fathom: %s\n", status.message().c_str());
  return 1;
}

}  // namespace fathom

int main(int argc, char** argv) { return fathom::main_impl(argc, argv); }
