#include "train/train.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "cost/ledger_summary.h"
#include "train/bigram_model.h"
#include "train/snapshot.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

std::string corpus_text() {
  std::string lines;
  for (int i = 0; i < 120; ++i) {
    lines += "{\"text\": \"the " + std::to_string(i) + "th fox jumps over dog " +
             std::to_string(i * 7 % 31) + "\"}\n";
  }
  return lines;
}

class Listener : public TrainObserver {
 public:
  void on_start(const RunStart& s) override { start = s; }
  void on_step(const StepRecord& r, double) override {
    records.push_back(r);
    if (r.step == kill_at) raise(SIGKILL);
    if (r.step == stop_at && stop != nullptr) stop->store(true);
  }
  void on_checkpoint(const fs::path& p) override { checkpoints.push_back(p.filename().string()); }
  RunStart start;
  std::vector<StepRecord> records;
  std::vector<std::string> checkpoints;
  int64_t stop_at = -1, kill_at = -1;
  std::atomic<bool>* stop = nullptr;
};

/// A run over a small corpus with the bigram model.
class TrainRun : public testing::Test {
 protected:
  TrainRun() {
    folder_.write("text.jsonl", corpus_text());
    folder_.write("run.toml", R"([model]
model_type = "llama"
vocab_size = 261
hidden_size = 8
intermediate_size = 8
num_hidden_layers = 1
num_attention_heads = 1
max_position_embeddings = 64
[tokenizer]
path = "."
[data]
sources = [{ path = "text.jsonl", weight = 1.5 }]
validation_fraction = 0.1
seq_len = 16
document_mask = true
seed = 5
[train]
steps = 40
batch_size = [{ value = 2, steps = 5 }, { value = 4 }]
micro_batch_size = 2
lr = [{ shape = "linear", value = 0.05, steps = 4 }, { shape = "cosine", value = 0.005 }]
bias_gamma = 0.01
ema_decay = 0.9
moments = "bf16"
threads = 1
[eval]
every = 8
[checkpoint]
every = 7
minutes = 0
[log]
peak_flops = 1e9
)");
  }

  TrainCall call(const std::string& name, const std::vector<std::string>& overrides = {},
                 bool resume = false) {
    TrainCall c;
    auto config = read_run_config(folder_.path() / "run.toml", overrides);
    EXPECT_TRUE(config.ok()) << config.message();
    if (config.ok()) c.config = config.value();
    c.where = "run.toml";
    c.directory.root = folder_.path() / name;
    c.resume = resume;
    c.hooks = bigram_hooks();
    c.observer = &listener_;
    c.stop = &stop_;
    return c;
  }
  std::string log(const std::string& name) {
    return read_file(folder_.path() / name / "log.jsonl").value();
  }

  TestFolder folder_;
  Listener listener_;
  std::atomic<bool> stop_{false};
};

// The lines without what time tells.
std::vector<nlohmann::json> content(const std::string& log) {
  std::vector<nlohmann::json> lines;
  for (size_t at = 0; at < log.size(); at = log.find('\n', at) + 1) {
    auto j = nlohmann::json::parse(log.substr(at, log.find('\n', at) - at));
    for (const char* key : {"tokens_per_s", "mfu", "step_seconds", "seconds"}) j.erase(key);
    lines.push_back(std::move(j));
  }
  return lines;
}

TEST_F(TrainRun, LearnsLogsEachStepAndLeavesACompleteDirectory) {
  const auto result = train(call("run"));
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result.value().end, RunEnd::kFinished);
  EXPECT_EQ(result.value().step, 40);
  const auto lines = content(log("run"));
  ASSERT_EQ(lines.size(), 40u);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(lines[i]["step"], i + 1);
  EXPECT_EQ(lines[39]["tokens"], (5 * 2 + 35 * 4) * 16);
  EXPECT_GT(lines[0]["loss_ce"].get<double>(), 5.0);  // ln 261 = 5.56
  EXPECT_LT(lines[39]["loss_ce"].get<double>(), 4.0);
  EXPECT_LT(lines[39]["val_bpb"].get<double>(), lines[7]["val_bpb"].get<double>());
  EXPECT_FALSE(lines[8].contains("val_bpb"));
  EXPECT_LT(lines[39]["maxvio_mean"].get<double>(),
            lines[0]["maxvio_mean"].get<double>());  // the biases balance
  EXPECT_EQ(listener_.checkpoints,
            (std::vector<std::string>{"step-00000007", "step-00000014", "step-00000021",
                                      "step-00000028", "step-00000035", "step-00000040"}));
  const fs::path root = folder_.path() / "run";
  EXPECT_FALSE(fs::exists(root / "checkpoints/step-00000028"));  // keep = 2
  for (const char* file :
       {"run.toml", "config.json", "report.html", "checkpoints/step-00000035/model.safetensors",
        "checkpoints/step-00000040/config.json", "checkpoints/step-00000040/state.safetensors",
        "checkpoints/step-00000040/state.json",
        "checkpoints/step-00000040/ema/model.safetensors"}) {
    EXPECT_TRUE(fs::exists(root / file)) << file;
  }
  // The resolved settings say the same run.
  const auto again = read_run_config(root / "run.toml", {});
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ(resolve_model_config(again.value(), "x").value().vocab_size, 261);
  EXPECT_EQ(again.value().train.steps, 40);
}

TEST_F(TrainRun, BitsPerByteAreTheLossesOfTheHeldOutTextOverItsBytes) {
  const auto result = train(call("run", {"train.steps=1"}));
  ASSERT_TRUE(result.ok()) << result.message();
  const StepRecord& r = listener_.records.back();
  const DataSummary& data = listener_.start.data;
  ASSERT_TRUE(r.val_bpb.has_value());
  const double predictions = static_cast<double>(data.validation_tokens - 1);
  const double bytes = static_cast<double>(data.validation_tokens -
                                           2 * data.validation_documents);  // all but bos and eos
  EXPECT_NEAR(*r.val_bpb, *r.val_loss * predictions / std::log(2.0) / bytes, 1e-12);
  EXPECT_NEAR(*r.val_loss, std::log(261.0), 0.1);
}

TEST_F(TrainRun, MicroBatchesOfAnySizeGiveNearlyTheSameStep) {
  std::vector<double> losses, norms;
  for (const char* micro :
       {"train.micro_batch_size=1", "train.micro_batch_size=2", "train.micro_batch_size=4"}) {
    const auto result =
        train(call(std::string("run") + micro, {"train.batch_size=4", "train.steps=6", micro}));
    ASSERT_TRUE(result.ok()) << result.message();
    losses.push_back(listener_.records.back().loss_ce);
    norms.push_back(listener_.records.back().grad_norm);
  }
  EXPECT_NEAR(losses[0], losses[1], 1e-5);
  EXPECT_NEAR(losses[0], losses[2], 1e-5);
  EXPECT_NEAR(norms[0], norms[1], 1e-5);
  EXPECT_NEAR(norms[0], norms[2], 1e-5);
}

TEST_F(TrainRun, TheBiasesBalanceWhatTheRouterLoves) {
  const auto maxvio = [&](const char* gamma) {
    listener_.records.clear();
    EXPECT_TRUE(train(call(gamma, {gamma})).ok());
    double sum = 0;
    for (size_t i = 30; i < 40; ++i) sum += listener_.records.at(i).router.maxvio_mean / 10;
    return sum;
  };
  const double free = maxvio("train.bias_gamma=0"), balanced = maxvio("train.bias_gamma=0.02");
  EXPECT_GT(free, 1.5);
  EXPECT_LT(balanced, 0.6 * free);
  EXPECT_GT(listener_.records.back().router.bias_max, 0.1);
  EXPECT_NEAR(listener_.records.back().router.bias_mean, 0.0, 1e-6);  // re-centred
}

// Bytes of every state file and the content of the log: what two runs must have in common.
std::map<std::string, std::string> fingerprint(const fs::path& root) {
  std::map<std::string, std::string> files;
  const fs::path last = *newest_snapshot(root / "checkpoints");
  for (const auto& entry : fs::recursive_directory_iterator(last)) {
    if (entry.is_regular_file() && entry.path().filename() != "state.json") {
      files[entry.path().lexically_relative(root).string()] = read_file(entry.path()).value();
    }
  }
  auto state = nlohmann::json::parse(read_file(last / "state.json").value());
  state.erase("seconds");
  files["state"] = state.dump();
  for (const auto& line : content(read_file(root / "log.jsonl").value()))
    files["log"] += line.dump() + "\n";
  return files;
}

// The files in which two runs differ.
std::vector<std::string> differences(const fs::path& a, const fs::path& b) {
  const auto x = fingerprint(a), y = fingerprint(b);
  std::vector<std::string> names;
  for (const auto& [name, bytes] : x) {
    if (!y.contains(name) || y.at(name) != bytes) names.push_back(name);
  }
  if (x.size() != y.size()) names.push_back("number of files");
  return names;
}

TEST_F(TrainRun, AStopSavesAndAResumeGoesOnBitForBit) {
  ASSERT_TRUE(train(call("whole")).ok());
  listener_.stop = &stop_;
  listener_.stop_at = 10;
  const auto stopped = train(call("cut"));
  ASSERT_TRUE(stopped.ok()) << stopped.message();
  EXPECT_EQ(stopped.value().end, RunEnd::kStopped);
  EXPECT_EQ(stopped.value().checkpoint.filename(), "step-00000010");
  stop_ = false;
  const auto rest = train(call("cut", {}, /*resume=*/true));
  ASSERT_TRUE(rest.ok()) << rest.message();
  EXPECT_EQ(rest.value().end, RunEnd::kFinished);
  EXPECT_EQ(differences(folder_.path() / "whole", folder_.path() / "cut"),
            std::vector<std::string>{});
  // And once more: nothing is left to do.
  const auto none = train(call("cut", {}, /*resume=*/true));
  ASSERT_TRUE(none.ok()) << none.message();
  EXPECT_EQ(none.value().step, 40);
  EXPECT_FALSE(none.value().last.has_value());
}

TEST_F(TrainRun, KilledAtRandomMomentsItEndsAsIfItNeverWas) {
  // From here on this process has one thread, so that it may fork.
  ASSERT_TRUE(train(call("whole")).ok());
  const auto saved_step = [&] {
    const auto newest = newest_snapshot(folder_.path() / "killed/checkpoints");
    const auto state = newest ? read_snapshot_state(*newest) : Status::error("");
    return state.ok() ? state.value().step : 0;  // another one may just be taking its place
  };
  int kills = 0, status = 0;
  for (uint64_t attempt = 0; attempt < 13; ++attempt) {
    const int64_t step = saved_step();
    const pid_t pid = fork();
    if (pid == 0) _exit(train(call("killed", {}, /*resume=*/true)).ok() ? 0 : 1);
    // Every other attempt dies anywhere in its first moments, the others some time after they saved
    // something new.
    pid_t ended = 0;
    while (attempt % 2 == 1 && ended == 0 && saved_step() == step) {
      usleep(300);
      ended = waitpid(pid, &status, WNOHANG);
    }
    if (attempt < 12 && ended == 0) {
      usleep(static_cast<useconds_t>(Rng(17, 0).below(attempt, 15000)));
      kill(pid, SIGKILL);
    }
    if (ended == 0) waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status)) break;
    ++kills;
  }
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_GE(kills, 3);
  EXPECT_EQ(differences(folder_.path() / "whole", folder_.path() / "killed"),
            std::vector<std::string>{});
}

TEST_F(TrainRun, TheGuardStopsBeforeABadStepAndNamesTheLastGoodCheckpoint) {
  auto c = call("run");
  const auto make = c.hooks.create_model;
  class Poisoned : public BigramModel {
   public:
    using BigramModel::BigramModel;
    TrainStats forward_backward(const TrainBatch& batch, double scale) override {
      TrainStats stats = BigramModel::forward_backward(batch, scale);
      if (++calls == 25)
        loss_trouble ? stats.loss_total = stats.loss_ce = NAN
                     : parameters()[1].gradient[3] = INFINITY;
      return stats;
    }
    int calls = 0;
    bool loss_trouble = false;
  };
  for (bool loss_trouble : {true, false}) {
    c.directory.root = folder_.path() / (loss_trouble ? "loss" : "gradient");
    c.hooks.create_model =
        [&](const RunConfig& run, const ModelConfig& config,
            const TrainOptions& options) -> Result<std::unique_ptr<TrainerModel>> {
      auto model = std::make_unique<Poisoned>(config, run.train.seed, options);
      model->loss_trouble = loss_trouble;
      model->weights_changed();
      return std::unique_ptr<TrainerModel>(std::move(model));
    };
    const auto result =
        train(c);  // 5 steps of one micro-batch, then two a step: the 25th is in step 15
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.message(),
              std::string("step 15: a finite ") +
                  (loss_trouble ? "loss wanted, nan found" : "gradient wanted, norm inf found") +
                  "; the last good checkpoint is " +
                  (c.directory.root / "checkpoints/step-00000014").string());
    EXPECT_EQ(content(read_file(c.directory.root / "log.jsonl").value()).size(), 14u);
  }
  c.hooks.create_model = make;
  c.config.guard.spike_factor = 0.5;  // every loss is a leap
  c.config.guard.spike_after = 3;
  c.directory.root = folder_.path() / "spike";
  const auto spike = train(c);
  ASSERT_FALSE(spike.ok());
  // Half of a mean of three losses a little below ln 261 = 5.56.
  EXPECT_TRUE(spike.message().starts_with("step 4: a loss of at most 2.7")) << spike.message();
  EXPECT_TRUE(spike.message().ends_with("; there is no checkpoint yet"));
}

LedgerSummary books(const fs::path& root) {
  const auto file = read_ledger(root / "ledger.jsonl");
  EXPECT_TRUE(file.ok()) << file.message();
  return summarize_ledger(file.value(), "run");
}

TEST_F(TrainRun, ItsLedgerHasEachStretchOnceAndItsSecondsFillTheAttempt) {
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(train(call("run")).ok());
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const LedgerSummary s = books(folder_.path() / "run");
  EXPECT_EQ(s.waste_ratio(), 0.0);
  EXPECT_EQ(s.all.tokens, (5 * 2 + 35 * 4) * 16);
  EXPECT_EQ(s.last_step, 40);
  EXPECT_LE(s.all.device_seconds, wall);
  EXPECT_GE(s.all.device_seconds, 0.5 * wall);
  std::vector<std::string> names;
  std::vector<int64_t> lines;
  for (const LedgerPart& p : s.parts) {
    names.push_back(p.name);
    lines.push_back(p.sum.lines);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"data", "start-up", "training", "checkpoint", "evaluation"}));
  EXPECT_EQ(lines[3], 6);
  EXPECT_EQ(lines[4], 5);
}

// Checkpoints are at 7 and 14, and it dies after it logged step 17.
TEST_F(TrainRun, WhatAKilledAttemptHadLoggedBehindItsCheckpointIsRolledBackAndCountsOnce) {
  const pid_t child = fork();
  if (child == 0) {
    listener_.kill_at = 17;
    (void)train(call("run"));
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  // Twice: the second time, the log no longer holds what was recovered the first time.
  stop_ = true;
  ASSERT_FALSE(train(call("run", {"model.vocab_size=260"}, /*resume=*/true)).ok());
  ASSERT_TRUE(train(call("run", {}, /*resume=*/true)).ok());
  stop_ = false;
  ASSERT_TRUE(train(call("run", {}, /*resume=*/true)).ok());
  const LedgerSummary s = books(folder_.path() / "run");
  EXPECT_EQ(s.of(LedgerClass::kUseful).tokens, (5 * 2 + 35 * 4) * 16);
  EXPECT_EQ(s.of(LedgerClass::kRolledBack).tokens, 3 * 4 * 16);
  EXPECT_GT(s.of(LedgerClass::kRolledBack).device_seconds, 0);
  ASSERT_EQ(s.attempts.size(), 3u);
  EXPECT_EQ(s.attempts[0].ended, "no end");
  EXPECT_EQ(s.attempts[1].ended, "stopped");
  EXPECT_EQ(s.attempts[2].ended, "finished");
  EXPECT_EQ(s.sources, (std::vector<std::string>{"measured", "log.jsonl"}));
}

TEST_F(TrainRun, AFailureIsInTheBooksAndWhatItLostIsFailed) {
  TrainCall c = call("run");
  c.config.guard.spike_factor = 0.5;
  c.config.guard.spike_after = 10;
  const auto result = train(c);
  ASSERT_FALSE(result.ok());
  const LedgerSummary s = books(folder_.path() / "run");
  ASSERT_EQ(s.attempts.size(), 1u);
  EXPECT_EQ(s.attempts[0].ended, "failed");
  EXPECT_EQ(s.attempts[0].note, result.message());
  EXPECT_EQ(s.of(LedgerClass::kFailed).tokens, 3 * 4 * 16);  // steps 8 to 10
  EXPECT_EQ(s.of(LedgerClass::kUseful).tokens, (5 * 2 + 2 * 4) * 16);
}

TEST_F(TrainRun, AnAlteredLedgerIsNotWrittenOn) {
  ASSERT_TRUE(train(call("run", {"train.steps=8"})).ok());
  const fs::path path = folder_.path() / "run/ledger.jsonl";
  std::string text = read_file(path).value();
  text.replace(text.find("\"attempt\":1"), 11, "\"attempt\":7");
  std::ofstream(path) << text;
  const auto result = train(call("run", {}, /*resume=*/true));
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(result.message().starts_with(path.string() + ":1: the hash ")) << result.message();
}

TEST_F(TrainRun, BadInputsAreRefusedBeforeAnyWork) {
  const auto message = [&](TrainCall c) {
    const auto r = train(c);
    return r.ok() ? std::string("done") : r.message();
  };
  EXPECT_EQ(message(call("a", {"model.vocab_size=260"})),
            folder_.path().string() +
                "/: a tokenizer of at most vocab_size 260 tokens wanted, 261 found");
  EXPECT_EQ(message(call("a", {"data.seq_len=65"})),
            "run.toml: data.seq_len of at most max_position_embeddings 64 wanted, 65 found");
  EXPECT_EQ(message(call("a", {"data.sources=[{path=\"/nonexistent\"}]"})),
            "/nonexistent: cannot read: No such file or directory");
  EXPECT_FALSE(fs::exists(folder_.path() / "a/checkpoints"));
  EXPECT_FALSE(fs::exists(folder_.path() / "a/data"));

  ASSERT_TRUE(train(call("b", {"train.steps=8"})).ok());
  EXPECT_EQ(message(call("b")),
            (folder_.path() / "b").string() +
                ": a directory without checkpoints, or --resume, wanted; step-00000008 found");
  EXPECT_EQ(message(call("b", {"data.seq_len=15"}, true)),
            "run.toml: data.seq_len as the run began with (16) wanted, 15 found");
  EXPECT_EQ(message(call("b", {"model.vocab_size=262"}, true)).substr(0, 45),
            "run.toml: model config as the run began with ");
  EXPECT_EQ(message(call("b", {"train.batch_size=2"}, true)).substr(0, 60),
            "run.toml: train.batch_size that had 352 tokens by step 8 wan");
  auto lock = RunLock::take({folder_.path() / "b"});
  EXPECT_NE(message(call("b", {}, true)).find("found at work in it"), std::string::npos);
  lock.value().reset();
  // Other settings may change; they are told.
  EXPECT_EQ(message(call("b", {"train.steps=9", "train.weight_decay=0.2"}, true)), "done");
  EXPECT_EQ(listener_.start.changes, (std::vector<std::string>{"steps = 9", "weight_decay = 0.2"}));
}

TEST_F(TrainRun, AFullDiskLeavesTheOldCheckpointAndOneSentence) {
  listener_.stop = &stop_;
  listener_.stop_at = 7;
  ASSERT_TRUE(train(call("run")).ok());
  stop_ = false;
  // A file may have 100,000 bytes from now on: the log fits, the weights do not.
  struct rlimit old, small;
  getrlimit(RLIMIT_FSIZE, &old);
  small = old;
  small.rlim_cur = 100000;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const auto result = train(call("run", {}, true));
  setrlimit(RLIMIT_FSIZE, &old);
  signal(SIGXFSZ, SIG_DFL);
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(result.message().starts_with(
      "the checkpoint of step 14 was not written, earlier ones stand: "))
      << result.message();
  EXPECT_NE(result.message().find("File too large"), std::string::npos);
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder_.path() / "run/checkpoints"))
    left.push_back(entry.path().filename());
  EXPECT_EQ(left, std::vector<std::string>{"step-00000007"});
  // With room again it goes on from there.
  ASSERT_TRUE(train(call("whole")).ok());
  const auto rest = train(call("run", {}, true));
  ASSERT_TRUE(rest.ok()) << rest.message();
  EXPECT_EQ(differences(folder_.path() / "run", folder_.path() / "whole"),
            std::vector<std::string>{});
}

TEST_F(TrainRun, ADamagedStateIsRefusedByName) {
  ASSERT_TRUE(train(call("run", {"train.steps=8"})).ok());
  const fs::path state = folder_.path() / "run/checkpoints/step-00000008/state.safetensors";
  std::string bytes = read_file(state).value();
  bytes[bytes.size() / 2] ^= 1;
  folder_.write("run/checkpoints/step-00000008/state.safetensors", bytes);
  const auto damaged = train(call("run", {}, true));
  ASSERT_FALSE(damaged.ok());
  EXPECT_TRUE(damaged.message().starts_with(state.string() + ": checksum ")) << damaged.message();
  bytes[bytes.size() / 2] ^= 1;
  folder_.write("run/checkpoints/step-00000008/state.safetensors", bytes);
  const auto other = train(call("run", {"train.moments=\"f32\""}, true));
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.message().find("m.w: 68121 numbers of F32 wanted, 136242 bytes of BF16 found"),
            std::string::npos)
      << other.message();
}

}  // namespace
}  // namespace fathom
