// See training_command.h.
#include "cli/training_command.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/human.h"
#include "checkpoint/checkpoint.h"
#include "cli/command.h"
#include "cli/commit.h"
#include "cli/progress.h"
#include "engine/engine.h"
#include "train/random_weights.h"
#include "train/train.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::atomic<bool> g_stop{false};

// The first signal asks for an end with a checkpoint; the second one finds the default action and
// ends at once.
void ask_to_stop(int) { g_stop.store(true, std::memory_order_relaxed); }

size_t terminal_columns() {
  struct winsize size = {};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

std::string held_out_text(const StepRecord& r) {
  std::string text = fmt::format("{:.4f}", *r.val_loss);
  if (r.val_bpb) text += fmt::format(", {:.4f} bits per byte", *r.val_bpb);
  return text;
}

/// What a person wants to see: lines on stdout, and on a terminal one that moves.
class TextObserver final : public TrainObserver {
 public:
  TextObserver(int64_t every, std::string name, const char* unit)
      : every_(every),
        name_(std::move(name)),
        unit_(unit),
        on_terminal_(isatty(STDERR_FILENO) == 1),
        reading_("tokenizing", "MB", 1e6) {}

  void on_data(int64_t done, int64_t total) override { reading_.update(done, total); }

  void on_start(const RunStart& s) override {
    reading_.finish();
    start_ = s;
    fmt::print("{}: {} parameters, {} steps, {} tokens\n", name_, human_count(s.n_parameters),
               s.steps, human_count(s.tokens));
    const DataSummary& d = s.data;
    fmt::print("data: {} {} with {} tokens to train on, {} with {} held out ({})\n",
               d.train_documents, unit_, human_count(d.train_tokens), d.validation_documents,
               human_count(d.validation_tokens), d.built ? "tokenized now" : "tokenized before");
    if (d.counts.not_utf8 > 0) {
      fmt::print("data: {} texts were left out because they are not UTF-8, the first is {}\n",
                 d.counts.not_utf8, d.counts.first_not_utf8);
    }
    if (d.counts.too_long > 0)
      fmt::print("data: {} samples were left out because they are too long\n", d.counts.too_long);
    fmt::print("MFU: {} model FLOPs a token x tokens/s, of {} FLOP/s ({})\n",
               human_count(s.flops_per_token), human_count(s.peak_flops),
               s.peak_measured ? "this machine's peak, measured" : "as stated");
    if (s.resumed_from) fmt::print("goes on from {}\n", s.resumed_from->string());
    for (const std::string& change : s.changes)
      fmt::print("changed since the run began: {}\n", change);
    std::fflush(stdout);
  }

  void on_step(const StepRecord& r, double seconds_left) override {
    clear();
    const std::string line = step_line(r, seconds_left);
    if (r.val_loss) fmt::print("step {}: held-out loss {}\n", r.step, held_out_text(r));
    if (on_terminal_) {
      fmt::print(stderr, "\r\033[K{}", line.substr(0, terminal_columns() - 1));
      std::fflush(stderr);
      shown_ = true;
    } else if (r.step % every_ == 0 || r.step == start_.steps) {
      fmt::print("{}\n", line);
    }
    std::fflush(stdout);
  }

  void on_validation(int64_t done, int64_t total) override {
    if (done == 0) {
      clear();
      measuring_.emplace("measuring on held-out data", "batches");
    }
    measuring_->update(done, total);
  }

  void on_checkpoint(const fs::path& path) override {
    clear();
    fmt::print("saved {}\n", path.string());
    std::fflush(stdout);
  }

  void clear() {
    measuring_.reset();
    if (shown_) fmt::print(stderr, "\r\033[K");
    shown_ = false;
  }

 private:
  // What matters most first: a narrow terminal cuts the rest off.
  std::string step_line(const StepRecord& r, double seconds_left) const {
    std::string line = fmt::format("step {}/{}  {} left  loss {:.4f}  {} tokens/s  MFU {:.1f}%",
                                   r.step, start_.steps, human_duration(seconds_left), r.loss_ce,
                                   human_count(r.tokens_per_s), 100 * r.mfu);
    line += fmt::format("  lr {:.2e}  norm {:.2f}", r.lr, r.grad_norm);
    if (r.loss_mtp > 0) line += fmt::format("  mtp {:.4f}", r.loss_mtp);
    if (!r.router.layers.empty()) line += fmt::format("  maxvio {:.2f}", r.router.maxvio_mean);
    return line;
  }

  int64_t every_;
  std::string name_;
  const char* unit_;
  bool on_terminal_, shown_ = false;
  Progress reading_;
  std::optional<Progress> measuring_;
  RunStart start_;
};

/// One JSON object a line on stdout.
class JsonObserver final : public TrainObserver {
 public:
  void on_start(const RunStart& s) override {
    const DataSummary& d = s.data;
    print({{"event", "start"},
           {"parameters", s.n_parameters},
           {"steps", s.steps},
           {"tokens", s.tokens},
           {"step", s.step},
           {"flops_per_token", s.flops_per_token},
           {"peak_flops", s.peak_flops},
           {"peak_measured", s.peak_measured},
           {"train_documents", d.train_documents},
           {"train_tokens", d.train_tokens},
           {"validation_documents", d.validation_documents},
           {"validation_tokens", d.validation_tokens},
           {"left_out_not_utf8", d.counts.not_utf8},
           {"left_out_too_long", d.counts.too_long},
           {"resumed_from", s.resumed_from ? Json(s.resumed_from->string()) : Json()},
           {"changes", s.changes}});
  }
  void on_step(const StepRecord& r, double seconds_left) override {
    Json event = {{"event", "step"}};
    event.update(Json::parse(to_json(r)));
    event["seconds_left"] = seconds_left;
    print(event);
  }
  void on_checkpoint(const fs::path& path) override {
    print({{"event", "checkpoint"}, {"path", path.string()}});
  }

  static void print(const Json& event) {
    fmt::print("{}\n", event.dump(-1, ' ', false, Json::error_handler_t::replace));
    std::fflush(stdout);
  }
};

TrainHooks own_hooks() {
  TrainHooks hooks;
  hooks.open_tokenizer = [](const fs::path& path) { return Tokenizer::open(path); };
  hooks.create_model = [](const RunConfig& run, const ModelConfig& config,
                          const TrainOptions& options) -> Result<std::unique_ptr<TrainerModel>> {
    if (run.model.init_from.empty()) {
      FATHOM_ASSIGN_OR_RETURN(
          auto model, TrainerModel::create(config, static_cast<uint64_t>(run.train.seed), options));
      scale_random_weights(*model, run.model.embedding_scale, run.model.residual_scale);
      return model;
    }
    FATHOM_ASSIGN_OR_RETURN(const auto checkpoint, open_checkpoint(run.model.init_from));
    return TrainerModel::from_checkpoint(*checkpoint, options);
  };
  hooks.write_weights = write_trained_checkpoint;
  return hooks;
}

void tell_end(const TrainingArguments& args, const TrainResult& r, const RunDirectory& directory) {
  if (args.json) {
    JsonObserver::print({{"event", r.end == RunEnd::kFinished ? "done" : "stopped"},
                         {"step", r.step},
                         {"checkpoint", r.checkpoint.string()},
                         {"report", directory.report().string()}});
    return;
  }
  if (r.end == RunEnd::kStopped) {
    fmt::print("stopped after step {} of {}; to go on: fathom {} {} --resume\n", r.step, r.steps,
               args.command, directory.root.string());
    return;
  }
  fmt::print("done: {} steps", r.step);
  if (r.last) {
    fmt::print(" in {}, loss {:.4f}", human_duration(r.last->seconds), r.last->loss_ce);
    if (r.last->val_loss) fmt::print(", {} on held-out data", held_out_text(*r.last));
  }
  fmt::print("\nmodel:  {}\nreport: {}\n", r.checkpoint.string(), directory.report().string());
}

}  // namespace

fs::path run_directory(const TrainingArguments& args) {
  std::error_code error;
  if (!args.out.empty()) return args.out;
  if (fs::is_directory(args.run, error)) return args.run;
  const fs::path file = fs::absolute(args.run, error);
  const std::string stem = file.stem().string();
  return fs::path("runs") / (stem == "run" ? file.parent_path().filename().string() : stem);
}

fs::path settings_path(const TrainingArguments& args) {
  std::error_code error;
  return fs::is_directory(args.run, error) ? fs::path(args.run) / "run.toml" : fs::path(args.run);
}

Status find_start(RunConfig& config, bool resume) {
  if (config.model.init_from.empty()) return {};
  const auto start = find_checkpoint(config.model.init_from);
  if (!start.ok() && !resume) return start.status();
  if (start.ok()) config.model.init_from = start.value();
  std::error_code error;
  if (!fs::exists(config.tokenizer.path / "tokenizer.json", error)) {
    if (auto found = find_checkpoint(config.tokenizer.path); found.ok())
      config.tokenizer.path = found.value();
  }
  return {};
}

const std::atomic<bool>* listen_for_signals() {
  struct sigaction action = {};
  action.sa_handler = ask_to_stop;
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return &g_stop;
}

std::shared_ptr<TrainingArguments> add_training_arguments(CLI::App& sub, const char* command) {
  auto args = std::make_shared<TrainingArguments>();
  args->command = command;
  sub.add_option("RUN", args->run, "RUN.toml with the settings, or the directory of a run")
      ->required();
  sub.add_option("-o,--out", args->out, "Directory of the run (default: runs/NAME)");
  sub.add_flag("--resume", args->resume, "Go on from the newest checkpoint, bit for bit");
  sub.add_option("--set", args->overrides, "section.key=value, as TOML writes it; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  sub.add_option("-t,--threads", args->threads, "Threads (default: all)")
      ->check(CLI::Range(int64_t{1}, int64_t{4096}));
  sub.add_flag("--json", args->json, "One JSON object a line instead of text");
  return args;
}

std::vector<std::string> all_overrides(const TrainingArguments& args) {
  std::vector<std::string> overrides = args.overrides;
  if (args.threads > 0) overrides.push_back(fmt::format("train.threads={}", args.threads));
  return overrides;
}

int run_training(const TrainingArguments& args, RunConfig config, const char* unit,
                 std::function<std::unique_ptr<BatchSource>()> make_source) {
  TextObserver text(config.log.every, run_directory(args).string(), unit);
  JsonObserver events;
  TrainCall call;
  call.config = std::move(config);
  call.where = settings_path(args).string();
  call.directory.root = run_directory(args);
  call.resume = args.resume;
  call.commit = program_commit();
  call.hooks = own_hooks();
  call.make_source = std::move(make_source);
  call.observer = args.json ? static_cast<TrainObserver*>(&events) : &text;
  call.stop = listen_for_signals();
  const auto result = train(call);
  text.clear();
  if (!result.ok()) return fail(result.status());
  tell_end(args, result.value(), call.directory);
  return result.value().end == RunEnd::kFinished ? 0 : 1;
}

}  // namespace fathom
