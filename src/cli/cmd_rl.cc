// fathom rl: reinforcement learning on problems whose answers can be checked, as RUN.toml says;
// stops and goes on at will.
#include <fmt/format.h>

#include <cstdio>

#include "base/human.h"
#include "cli/command.h"
#include "cli/commit.h"
#include "cli/training_command.h"
#include "engine/engine.h"
#include "rl/chat_format.h"
#include "rl/rl_run.h"
#include "train/report.h"

namespace fathom {
namespace {

class RlTextObserver final : public RlObserver {
 public:
  explicit RlTextObserver(int64_t every) : every_(every) {}
  void on_start(const RlStart& s) override {
    steps_ = s.steps;
    fmt::print("{} parameters, {} steps, {}\n", human_count(s.n_parameters), s.steps,
               s.has_reference ? "with a reference" : "without a reference");
    if (s.resumed_from) fmt::print("goes on from {}\n", s.resumed_from->string());
    for (const std::string& change : s.changes)
      fmt::print("changed since the run began: {}\n", change);
    std::fflush(stdout);
  }
  void on_step(const RlStepRecord& r, double seconds_left) override {
    if (r.step % every_ == 0 || r.step == steps_ || !r.evaluation.empty()) {
      fmt::print(
          "step {}/{}  {} left  reward {:.3f}  correct {:.1f}%  pass@{} {:.1f}%  tokens {:.0f}  "
          "entropy {:.3f}  rollout {} tokens/s  mismatch {:g}\n",
          r.step, steps_, human_duration(seconds_left), r.reward_mean, 100 * r.correct, r.k,
          100 * r.pass_k, r.length_mean, -r.logp_mean, human_count(r.rollout_tokens_per_s),
          r.logp_mismatch_max);
    }
    for (const EvaluateRow& e : r.evaluation) {
      fmt::print("  {} {}: pass@1 {:.1f}% ({:.1f} to {:.1f}), {:.0f} tokens\n", e.environment,
                 split_name(e.split), 100 * e.pass_1.share(), 100 * e.pass_1.low(),
                 100 * e.pass_1.high(), e.mean_answer_tokens);
    }
    std::fflush(stdout);
  }
  void on_checkpoint(const std::filesystem::path& path) override {
    fmt::print("saved {}\n", path.string());
    std::fflush(stdout);
  }

 private:
  int64_t every_, steps_ = 0;
};

class RlJsonObserver final : public RlObserver {
 public:
  void on_step(const RlStepRecord& r, double) override {
    fmt::print("{}\n", to_json(r));
    std::fflush(stdout);
  }
};

// Directories of runs stand for their newest checkpoints.
Result<RlConfig> rl_config(const TrainingArguments& args) {
  FATHOM_ASSIGN_OR_RETURN(RlConfig config,
                          read_rl_config(settings_path(args), all_overrides(args)));
  const bool own_tokenizer = config.tokenizer != config.model.init_from;
  const auto start = find_checkpoint(config.model.init_from);
  if (!start.ok() && !args.resume) return start.status();
  if (start.ok()) config.model.init_from = start.value();
  if (!own_tokenizer) config.tokenizer = config.model.init_from;
  if (!config.model.teacher.empty()) {
    FATHOM_ASSIGN_OR_RETURN(config.model.teacher, find_checkpoint(config.model.teacher));
  }
  if (!config.model.reference.empty()) {
    FATHOM_ASSIGN_OR_RETURN(config.model.reference, find_checkpoint(config.model.reference));
  }
  FATHOM_ASSIGN_OR_RETURN(config.tokenizer,
                          tokenizer_for_chat(config.tokenizer, run_directory(args) / "tokenizer"));
  std::error_code error;
  config.tokenizer = std::filesystem::absolute(config.tokenizer, error);
  return config;
}

int run_rl_command(const TrainingArguments& args, bool wants_teacher) {
  auto config = rl_config(args);
  if (!config.ok()) return fail(config.status());
  if (wants_teacher && config.value().model.teacher.empty()) {
    return fail(Status::error(
        fmt::format("{}: model.teacher wanted, not found (a teacher's samples are for fathom sft)",
                    settings_path(args).string())));
  }
  RlTextObserver text(config.value().log_every);
  RlJsonObserver json;
  RlCall call;
  call.config = std::move(config).value();
  call.where = settings_path(args).string();
  call.directory.root = run_directory(args);
  call.resume = args.resume;
  call.commit = program_commit();
  call.observer = args.json ? static_cast<RlObserver*>(&json) : &text;
  call.stop = listen_for_signals();
  const auto result = run_rl(call);
  if (!result.ok()) return fail(result.status());
  const RlResult& r = result.value();
  if (r.end == RunEnd::kStopped) {
    if (!args.json)
      fmt::print("stopped after step {} of {}; to go on: fathom {} {} --resume\n", r.step, r.steps,
                 args.command, call.directory.root.string());
    return 1;
  }
  if (!args.json) fmt::print("done: {} steps\nmodel:  {}\n", r.step, r.checkpoint.string());
  return 0;
}

// The options of the loss that a remedy's name means.
std::vector<std::string> remedy_overrides(const std::string& remedy) {
  if (remedy == "tis") return {"rl.importance=\"truncated\""};
  if (remedy == "replay") return {"rl.keep_routing=true"};
  if (remedy == "mis") return {"rl.importance=\"masked\""};
  if (remedy == "gspo")
    return {"rl.ratio=\"sequence\"", "rl.clip_eps_low=3e-4", "rl.clip_eps_high=4e-4"};
  return {};
}

// The mismatch laboratory: every noise with every remedy.
struct Laboratory {
  std::vector<std::string> noises, remedies;
  bool is_one_run() const { return noises.size() <= 1 && remedies.size() <= 1; }
  static const std::string& at(const std::vector<std::string>& names, size_t i) {
    static const std::string none = "none";
    return names.empty() ? none : names[i];
  }
  TrainingArguments arguments_of(TrainingArguments args, size_t noise, size_t remedy) const {
    if (!noises.empty()) args.overrides.push_back(fmt::format("lab.noise=\"{}\"", noises[noise]));
    for (const std::string& o : remedy_overrides(at(remedies, remedy))) args.overrides.push_back(o);
    return args;
  }
};

int run_laboratory(const TrainingArguments& args, const Laboratory& lab) {
  namespace fs = std::filesystem;
  const fs::path root = run_directory(args);
  std::vector<ComparedRun> runs;
  for (size_t n = 0; n < std::max<size_t>(1, lab.noises.size()); ++n) {
    for (size_t r = 0; r < std::max<size_t>(1, lab.remedies.size()); ++r) {
      TrainingArguments own = lab.arguments_of(args, n, r);
      const std::string &noise = lab.at(lab.noises, n), &remedy = lab.at(lab.remedies, r);
      own.run = settings_path(args).string();
      own.out = (root / (noise + "-" + remedy)).string();
      own.resume = args.resume && fs::exists(RunDirectory{own.out}.run_toml());
      if (!args.json)
        fmt::print("{}noise {}, remedy {}\n", runs.empty() ? "" : "\n", noise, remedy);
      if (const int code = run_rl_command(own, /*wants_teacher=*/false); code != 0) return code;
      runs.push_back({noise + ", " + remedy, {own.out}});
    }
  }
  const fs::path page = root / "report.html";
  const Status written = write_comparison(page, "rollout noise and remedies", runs);
  if (!written.ok()) return fail(written);
  if (!args.json) fmt::print("\nreport: {}\n", page.string());
  return 0;
}

}  // namespace

std::function<int()> add_rl(CLI::App& sub) {
  auto args = add_training_arguments(sub, "rl");
  auto lab = std::make_shared<Laboratory>();
  sub.add_option("--rollout-noise", lab->noises,
                 "A mismatch put in on purpose: fp8, kernel, routing, retokenise; several after "
                 "commas: a run of each")
      ->delimiter(',')
      ->check(CLI::IsMember({"none", "fp8", "kernel", "routing", "retokenise"}));
  sub.add_option(
         "--remedy", lab->remedies,
         "What is done about it: tis, mis, replay, gspo; several after commas: a run of each")
      ->delimiter(',')
      ->check(CLI::IsMember({"none", "tis", "mis", "replay", "gspo"}));
  sub.footer(
      "Ctrl-C saves a checkpoint and stops. Several noises or remedies: runs OUT/NOISE-REMEDY of "
      "one start, and\n"
      "OUT/report.html that compares them; with --resume those that ended are skipped. Settings: "
      "docs/r1.md.");
  return [args, lab] {
    if (lab->is_one_run())
      return run_rl_command(lab->arguments_of(*args, 0, 0), /*wants_teacher=*/false);
    return run_laboratory(*args, *lab);
  };
}

std::function<int()> add_distill(CLI::App& sub) {
  auto args = add_training_arguments(sub, "distill");
  sub.footer("On the student's own answers. Settings: docs/r1.md. On a teacher's: fathom sft.");
  return [args] { return run_rl_command(*args, /*wants_teacher=*/true); };
}

}  // namespace fathom
