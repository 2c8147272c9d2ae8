// fathom eval tasks: how well a model solves an environment's problems, split by split.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/human.h"
#include "base/threads.h"
#include "cli/command.h"
#include "cli/eval_commands.h"
#include "cli/model_path.h"
#include "cli/progress.h"
#include "rl/evaluate.h"
#include "rl/rl_config.h"

namespace fathom {

nlohmann::ordered_json eval_share_json(const ShareOf& s) {
  if (s.n == 0) return {{"share", nullptr}, {"n", 0}};
  return {{"share", s.share()}, {"low", s.low()}, {"high", s.high()}, {"n", s.n}};
}

namespace {

using Json = nlohmann::ordered_json;

struct EvalTasksArguments {
  std::string model, compute = "bf16", answers;
  std::vector<std::string> environments, splits = {"train"};
  EvaluateOptions how;
  int64_t threads = 0;
  bool json = false, fast = false;
};

Json eval_row_json(const EvaluateRow& r, int64_t k) {
  Json j = {{"environment", r.environment},
            {"split", split_name(r.split)},
            {"pass_1", eval_share_json(r.pass_1)},
            {"decline_precision", eval_share_json(r.decline_precision)},
            {"decline_recall", eval_share_json(r.decline_recall)},
            {"well_formed", eval_share_json(r.well_formed)},
            {"finished", eval_share_json(r.finished)},
            {"mean_answer_tokens", r.mean_answer_tokens},
            {"seconds", r.seconds}};
  if (k > 1) {
    j["k"] = k;
    j["pass_k"] = eval_share_json(r.pass_k);
    j["majority"] = eval_share_json(r.majority);
    j["sampled_pass_1"] = r.sampled_pass_1;
  }
  return j;
}

std::string eval_share_text(const ShareOf& s) {
  if (s.n == 0) return "-";
  return fmt::format("{:.1f} ({:.1f}-{:.1f})", 100 * s.share(), 100 * s.low(), 100 * s.high());
}

void print_rows(const std::vector<EvaluateRow>& rows, const EvaluateOptions& how) {
  const bool several = how.n_samples > 1;
  const auto k_columns = [&](const std::string& majority, const std::string& pass_k) {
    return several ? fmt::format("{:<18} {:<18} ", majority, pass_k) : "";
  };
  fmt::print(
      "{:<12} {:<16} {:>5}  {:<18} {}{:<18} {:>6}\n", "environment", "split", "n", "pass@1 %",
      k_columns(fmt::format("maj@{} %", how.n_samples), fmt::format("pass@{} %", how.n_samples)),
      "right to decline %", "tokens");
  for (const EvaluateRow& r : rows) {
    fmt::print("{:<12} {:<16} {:>5}  {:<18} {}{:<18} {:>6.1f}\n", r.environment,
               split_name(r.split), r.pass_1.n, eval_share_text(r.pass_1),
               k_columns(eval_share_text(r.majority), eval_share_text(r.pass_k)),
               eval_share_text(r.decline_precision), r.mean_answer_tokens);
  }
  fmt::print("95% intervals (Wilson). pass@1: one answer, temperature {}", how.temp_first);
  if (several)
    fmt::print(
        "; pass@{0}: temperature {1}; maj@{0}: what most of that answer and {2} samples come to",
        how.n_samples, how.temp, how.n_samples - 1);
  fmt::print(".\n");
}

// One line an answer, for who wants to read what went wrong.
Result<AnswerListener> eval_answer_writer(const std::string& path) {
  if (path.empty()) return AnswerListener();
  auto out = std::make_shared<std::ofstream>(path);
  if (!*out) return Status::error(path + ": cannot write");
  return AnswerListener([out](const PosedProblem& p, const std::string& text, const Score& s) {
    const Json j = {{"environment", p.environment->name()},
                    {"split", split_name(p.problem.split)},
                    {"kind", p.problem.kind},
                    {"seed", p.problem.seed},
                    {"question", p.problem.messages.back().content},
                    {"completion", text},
                    {"correct", s.correct},
                    {"declined", s.declined},
                    {"should_decline", s.should_decline},
                    {"why", s.why}};
    *out << j.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  });
}

Result<std::vector<EvaluateRow>> eval_tasks(const EvalTasksArguments& args) {
  EngineOptions options;
  options.model.compute = args.compute == "f32" ? Compute::kF32 : Compute::kBf16;
  options.model.numerics = args.fast ? Numerics::kFast : Numerics::kExact;
  FATHOM_ASSIGN_OR_RETURN(const auto directory, find_model(args.model));
  FATHOM_ASSIGN_OR_RETURN(auto engine, Engine::open(directory, options));
  FATHOM_RETURN_IF_ERROR(engine->check_tokenizer());
  std::shared_ptr<const Tokenizer> tokenizer(engine->tokenizer(), [](const Tokenizer*) {});
  FATHOM_ASSIGN_OR_RETURN(const ChatFormat format, ChatFormat::of(tokenizer, engine->where()));
  std::vector<MixPart> parts;
  for (const std::string& name : args.environments) parts.push_back({name, 1});
  FATHOM_ASSIGN_OR_RETURN(const ProblemSet problems, ProblemSet::open(parts));
  EvaluateOptions how = args.how;
  for (const std::string& name : args.splits) {
    FATHOM_ASSIGN_OR_RETURN(const Split split, read_split(name));
    how.splits.push_back(split);
  }
  FATHOM_ASSIGN_OR_RETURN(const AnswerListener listener, eval_answer_writer(args.answers));
  Progress progress("evaluating", "splits");
  auto rows =
      evaluate_problems(*engine, format, problems, how, listener, [&](int64_t done, int64_t total) {
        progress.update(done, total);
        return true;
      });
  progress.finish();
  return rows;
}

int run_eval_tasks(const EvalTasksArguments& args) {
  if (args.threads > 0) set_num_threads(static_cast<int>(args.threads));
  const auto rows = eval_tasks(args);
  if (!rows.ok()) return fail(rows.status());
  if (!args.json) {
    print_rows(rows.value(), args.how);
    return 0;
  }
  Json list = Json::array();
  for (const EvaluateRow& r : rows.value()) list.push_back(eval_row_json(r, args.how.n_samples));
  fmt::print("{}\n", Json({{"seed", args.how.seed}, {"rows", list}}).dump());
  return 0;
}

}  // namespace

std::function<int()> add_eval_tasks(CLI::App& sub) {
  auto a = std::make_shared<EvalTasksArguments>();
  sub.add_option("-m,--model", a->model, "Model")->required();
  sub.add_option("--env", a->environments, "tables, repair, arithmetic, countdown, lookup")
      ->required()
      ->delimiter(',');
  sub.add_option("--split", a->splits,
                 "train, schema, phrasing, schema-phrasing, composition (default: train)")
      ->delimiter(',');
  sub.add_option("-n", a->how.n_problems, "Problems of each environment and split (100)")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000}));
  sub.add_option("-k", a->how.n_samples, "Samples a problem for pass@k (1: none)")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}));
  sub.add_option("--temp", a->how.temp, "Temperature of the k samples (1)");
  sub.add_option("--temp-first", a->how.temp_first, "Temperature of pass@1's answer (0: greedy)");
  sub.add_option("--difficulty-min", a->how.difficulty_min, "Least difficulty (0)");
  sub.add_option("--difficulty-max", a->how.difficulty_max, "Most difficulty (5)");
  sub.add_option("--max-answer-tokens", a->how.max_answer_tokens, "Most tokens of an answer (256)");
  sub.add_option("--slots", a->how.n_slots, "Answers side by side (64)");
  sub.add_option("--seed", a->how.seed, "Seed of problems and samples (0)");
  sub.add_option("--answers", a->answers, "Write the first answers here, one JSON object a line");
  sub.add_option("--compute", a->compute, "bf16 or f32")->check(CLI::IsMember({"bf16", "f32"}));
  sub.add_flag("--fast", a->fast, "Fast numerics");
  sub.add_option("-t,--threads", a->threads, "Threads (default: all)")
      ->check(CLI::Range(int64_t{1}, int64_t{4096}));
  sub.add_flag("--json", a->json, "JSON instead of a table");
  return [a] { return run_eval_tasks(*a); };
}

std::function<int()> add_eval(CLI::App& sub) {
  sub.require_subcommand(1);
  CLI::App* tasks = sub.add_subcommand("tasks", "Problems whose answers can be checked");
  CLI::App* questions = sub.add_subcommand("questions", "Questions about tables, of a file");
  const auto run_tasks = add_eval_tasks(*tasks), run_questions = add_eval_questions(*questions);
  return [=] { return tasks->parsed() ? run_tasks() : run_questions(); };
}

}  // namespace fathom
