// fathom sample: data for supervised tuning: an environment's demonstrations, or a model's own
// right answers.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/threads.h"
#include "cli/command.h"
#include "cli/model_path.h"
#include "cli/progress.h"
#include "rl/sft_writer.h"

namespace fathom {
namespace {

struct SampleArguments {
  std::string model, out, compute = "bf16";
  std::vector<std::string> environments, splits = {"train"};
  SftWriteOptions how;
  int64_t threads = 0;
  bool json = false;
};

Result<SftWriteCounts> write_samples(const SampleArguments& args, const SftWriteOptions& how,
                                     const ProblemSet& problems) {
  Progress progress("sampling", "problems");
  const auto told = [&](int64_t done, int64_t total) {
    progress.update(done, total);
    return true;
  };
  EngineOptions options;
  options.model.compute = args.compute == "f32" ? Compute::kF32 : Compute::kBf16;
  FATHOM_ASSIGN_OR_RETURN(const auto directory, find_model(args.model));
  FATHOM_ASSIGN_OR_RETURN(auto engine, Engine::open(directory, options));
  FATHOM_RETURN_IF_ERROR(engine->check_tokenizer());
  std::shared_ptr<const Tokenizer> tokenizer(engine->tokenizer(), [](const Tokenizer*) {});
  FATHOM_ASSIGN_OR_RETURN(const ChatFormat format, ChatFormat::of(tokenizer, engine->where()));
  return write_right_answers(args.out, *engine, format, problems, how, told);
}

Result<SftWriteCounts> sample_data(const SampleArguments& args) {
  std::vector<MixPart> parts;
  for (const std::string& name : args.environments) parts.push_back({name, 1});
  FATHOM_ASSIGN_OR_RETURN(const ProblemSet problems, ProblemSet::open(parts));
  SftWriteOptions how = args.how;
  how.draw.difficulty_max = std::max(how.draw.difficulty_min, how.draw.difficulty_max);
  how.draw.splits.assign(all_splits().size(), 0.0);
  for (const std::string& name : args.splits) {
    FATHOM_ASSIGN_OR_RETURN(const Split split, read_split(name));
    how.draw.splits[static_cast<size_t>(split)] = 1;
  }
  return write_samples(args, how, problems);
}

int run_sample(const SampleArguments& args) {
  if (args.threads > 0) set_num_threads(static_cast<int>(args.threads));
  const auto counts = sample_data(args);
  if (!counts.ok()) return fail(counts.status());
  const SftWriteCounts& c = counts.value();
  if (args.json) {
    const nlohmann::ordered_json j = {{"problems", c.problems}, {"solved", c.solved},
                                      {"answers", c.answers},   {"right", c.right},
                                      {"written", c.written},   {"out", args.out}};
    fmt::print("{}\n", j.dump());
  } else {
    fmt::print("{}: {} samples; {} of {} problems solved, {} of {} answers right\n", args.out,
               c.written, c.solved, c.problems, c.right, c.answers);
  }
  return 0;
}

}  // namespace

std::function<int()> add_sample(CLI::App& sub) {
  auto a = std::make_shared<SampleArguments>();
  sub.add_option("-m,--model", a->model, "Model")->required();
  sub.add_option("-o,--out", a->out, "The JSONL file, as `fathom sft` reads it")->required();
  sub.add_option("--env", a->environments, "tables, repair, arithmetic, countdown, lookup")
      ->required()
      ->delimiter(',');
  sub.add_option("--split", a->splits, "Splits, in equal parts (default: train)")->delimiter(',');
  sub.add_option("-n", a->how.n_problems, "Problems (1000)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  sub.add_option("-k", a->how.n_samples, "Answers a problem (16)")
      ->check(CLI::Range(int64_t{1}, int64_t{4096}));
  sub.add_option("--keep", a->how.most_a_problem, "Right answers kept of a problem (1)");
  sub.add_option("--temp", a->how.temp, "Temperature (1)");
  sub.add_option("--max-answer-tokens", a->how.max_answer_tokens, "Most tokens of an answer (256)");
  sub.add_option("--slots", a->how.n_slots, "Answers side by side (64)");
  sub.add_option("--difficulty-min", a->how.draw.difficulty_min, "Least difficulty (1)");
  sub.add_option("--difficulty-max", a->how.draw.difficulty_max, "Most difficulty (1)");
  sub.add_option("--seed", a->how.draw.seed, "Seed of problems and answers (0)");
  sub.add_option("--compute", a->compute, "bf16 or f32")->check(CLI::IsMember({"bf16", "f32"}));
  sub.add_option("-t,--threads", a->threads, "Threads (default: all)")
      ->check(CLI::Range(int64_t{1}, int64_t{4096}));
  sub.add_flag("--json", a->json, "JSON instead of text");
  return [a] { return run_sample(*a); };
}

}  // namespace fathom
