// The real program, killed: fathom train on a small V3 model (MLA, MoE, MTP, all switched on),
// SIGKILL at random moments, --resume, and the end compared bit for bit with a run that was never
// killed, on another number of threads.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "cost/ledger_summary.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

const char* const kRunToml = R"([model]
model_type = "deepseek_v3"
vocab_size = 320
hidden_size = 32
intermediate_size = 48
moe_intermediate_size = 16
num_hidden_layers = 2
num_attention_heads = 2
num_key_value_heads = 2
q_lora_rank = 16
kv_lora_rank = 16
qk_nope_head_dim = 8
qk_rope_head_dim = 8
v_head_dim = 8
n_routed_experts = 8
n_shared_experts = 1
num_experts_per_tok = 2
n_group = 2
topk_group = 1
first_k_dense_replace = 1
num_nextn_predict_layers = 1
max_position_embeddings = 64
[tokenizer]
path = "tokenizer"
[data]
sources = [{ path = "text.jsonl", weight = 1.5 }]
validation_fraction = 0.1
seq_len = 24
document_mask = true
[train]
steps = 60
batch_size = [{ value = 2, steps = 10 }, { value = 4 }]
micro_batch_size = 2
lr = [{ shape = "linear", value = 0.01, steps = 5 }, { shape = "cosine", value = 0.001 }]
mtp_lambda = [{ value = 0.3, fraction = 0.5 }, { value = 0.1 }]
bias_gamma = 0.01
moments = "bf16"
ema_decay = 0.9
[eval]
every = 20
[checkpoint]
every = 6
[log]
peak_flops = 1e11
)";

class TrainProgram : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(folder_ / "run.toml") << kRunToml;
    std::ofstream text(folder_ / "text.jsonl");
    for (int i = 0; i < 200; ++i) {
      text << "{\"text\": \"The " << i << "th ship sails past island " << i * 7 % 31 << ", then "
           << i * 11 % 17 << " more.\"}\n";
    }
    text.close();
    ASSERT_EQ(
        wait(start({"tokenize", "train", "text.jsonl", "-o", "tokenizer", "--vocab-size", "320"})),
        0);
  }

  pid_t start(const Arguments& arguments) {
    Arguments all = {FATHOM_BINARY};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& a : all) argv.push_back(a.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder_.c_str());
    posix_spawn_file_actions_addopen(&actions, 1, "out", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addopen(&actions, 2, "err", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    pid_t pid = -1;
    EXPECT_EQ(posix_spawn(&pid, FATHOM_BINARY, &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
  }
  // Exit code; -1: ended by a signal.
  static int wait(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string text(const char* name) { return read_file(folder_ / name).value(); }

  // Its name, or nothing.
  std::string newest_checkpoint(const char* run) {
    std::string newest;
    std::error_code error;
    fs::directory_iterator it(folder_ / run / "checkpoints", error), end;
    for (; !error && it != end; it.increment(error))
      newest = std::max(newest, it->path().filename().string());
    return newest.starts_with("step-") ? newest : "";
  }

  // What two equal runs have in common: each file of the last checkpoint, the log without times.
  std::map<std::string, std::string> outcome(const char* run) {
    std::map<std::string, std::string> files;
    for (const auto& entry :
         fs::recursive_directory_iterator(folder_ / run / "checkpoints/step-00000060")) {
      if (entry.is_regular_file())
        files[entry.path().lexically_relative(folder_ / run)] = read_file(entry.path()).value();
    }
    const auto without_times = [](std::string_view line) {
      auto j = nlohmann::json::parse(line);
      for (const char* key : {"tokens_per_s", "mfu", "step_seconds", "seconds"}) j.erase(key);
      return j.dump() + "\n";
    };
    std::string& state = files["checkpoints/step-00000060/state.json"];
    state = without_times(state);
    std::ifstream log(folder_ / run / "log.jsonl");
    for (std::string line; std::getline(log, line);) files["log"] += without_times(line);
    return files;
  }

  // Those that the killed run had logged and not saved. `before`: the log as it was after the kill
  // before this one; an attempt that died before it opened the log adds nothing.
  double tokens_behind_the_checkpoint(std::string& before) {
    const auto log = read_file(folder_ / "killed/log.jsonl");
    if (!log.ok() || log.value() == before) return 0;
    before = log.value();
    const size_t end = before.rfind('\n');
    if (end == std::string::npos) return 0;
    const size_t begin = end == 0 ? 0 : before.rfind('\n', end - 1) + 1;
    const auto last = nlohmann::json::parse(before.substr(begin, end - begin));
    double saved = 0;
    if (const std::string newest = newest_checkpoint("killed"); !newest.empty()) {
      const auto state = read_file(folder_ / "killed/checkpoints" / newest / "state.json");
      saved = nlohmann::json::parse(state.value())["tokens"].get<double>();
    }
    return std::max(0.0, last["tokens"].get<double>() - saved);
  }

  // The books of the run that was killed: the chain whole, each token counted once, what was rolled
  // back found as waste, an attempt for each start that got as far as opening its data.
  void check_ledgers(int kills, double lost_tokens) {
    const auto read = [&](const char* run) {
      auto file = read_ledger(folder_ / run / "ledger.jsonl");
      EXPECT_TRUE(file.ok()) << file.message();
      EXPECT_FALSE(file.value().torn);
      return summarize_ledger(file.value(), run);
    };
    const LedgerSummary whole = read("whole"), killed = read("killed");
    EXPECT_EQ(whole.waste_ratio(), 0.0);
    const std::string log = text("killed/log.jsonl");
    const auto last = nlohmann::json::parse(log.substr(log.rfind('\n', log.size() - 2) + 1));
    EXPECT_EQ(whole.of(LedgerClass::kUseful).tokens, last["tokens"].get<double>());
    EXPECT_EQ(killed.of(LedgerClass::kUseful).tokens, last["tokens"].get<double>());
    const double flops = whole.of(LedgerClass::kUseful).flops;
    EXPECT_NEAR(killed.of(LedgerClass::kUseful).flops, flops, 1e-9 * flops);  // sums of other parts
    EXPECT_GE(killed.of(LedgerClass::kRolledBack).tokens, lost_tokens);
    EXPECT_EQ(killed.of(LedgerClass::kRolledBack).device_seconds > 0,
              killed.of(LedgerClass::kRolledBack).tokens > 0);
    EXPECT_EQ(killed.of(LedgerClass::kFailed).lines, 0);
    EXPECT_GE(killed.attempts.size(), 2u);
    EXPECT_LE(killed.attempts.size(), static_cast<size_t>(kills) + 1);
    for (size_t i = 0; i + 1 < killed.attempts.size(); ++i) {
      const std::string& ended = killed.attempts[i].ended;  // it may die when all is written
      EXPECT_TRUE(ended == "no end" || ended == "finished") << ended;
    }
    EXPECT_EQ(killed.attempts.back().ended, "finished");
    const auto settings = text("killed/run.toml") + text("killed/config.json");
    const auto entries = read_ledger(folder_ / "killed/ledger.jsonl").value().entries;
    EXPECT_EQ(entries.back().config_hash, sha256_hex(settings));
  }

  const TestFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_F(TrainProgram, KilledAtRandomMomentsAndResumedItEndsWithTheSameBits) {
  ASSERT_EQ(wait(start({"train", "run.toml", "-o", "whole", "-t", "1"})), 0) << text("err");
  int kills = 0, code = -1;
  double lost_tokens = 0;
  std::string log_before;
  for (uint64_t attempt = 0; attempt < 11; ++attempt) {
    const std::string newest = newest_checkpoint("killed");
    const pid_t pid = start({"train", "run.toml", "-o", "killed", "--resume", "-t", "2"});
    // Every other attempt dies anywhere in its first moments, the others some time after they saved
    // something new.
    int status = 0;
    pid_t ended = 0;
    while (attempt % 2 == 1 && ended == 0 && newest_checkpoint("killed") == newest) {
      usleep(1000);
      ended = waitpid(pid, &status, WNOHANG);
    }
    if (attempt < 10 && ended == 0) {
      usleep(static_cast<useconds_t>(Rng(23, 0).below(attempt, 100000)));
      kill(pid, SIGKILL);
    }
    if (ended == 0) waitpid(pid, &status, 0);
    code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == 0) break;
    ASSERT_EQ(code, -1) << text("err");
    ++kills;
    lost_tokens += tokens_behind_the_checkpoint(log_before);
  }
  ASSERT_EQ(code, 0);
  EXPECT_GE(kills, 2);
  const auto whole = outcome("whole"), killed = outcome("killed");
  EXPECT_GE(whole.size(), 11u);
  for (const auto& [name, bytes] : whole) {
    ASSERT_TRUE(killed.contains(name)) << name;
    EXPECT_TRUE(killed.at(name) == bytes) << name << " differs after " << kills << " kills";
  }
  EXPECT_EQ(whole.size(), killed.size());
  check_ledgers(kills, lost_tokens);
}

TEST_F(TrainProgram, SigtermSavesACheckpointAndEndsWithOne) {
  const pid_t pid = start({"train", "run.toml", "-o", "run", "--set", "train.steps=100000"});
  const fs::path log = folder_ / "run/log.jsonl";
  for (int i = 0; i < 2000 && !(fs::exists(log) && fs::file_size(log) > 2000); ++i) usleep(10000);
  kill(pid, SIGTERM);
  EXPECT_EQ(wait(pid), 1);
  EXPECT_NE(text("out").find("to go on: fathom train run --resume"), std::string::npos)
      << text("out") << text("err");
  const std::string lines = read_file(log).value();
  const auto last = nlohmann::json::parse(lines.substr(lines.rfind('\n', lines.size() - 2) + 1));
  char name[32];
  snprintf(name, sizeof name, "step-%08d", last["step"].get<int>());
  EXPECT_TRUE(fs::exists(folder_ / "run/checkpoints" / name / "state.json")) << name;
}

TEST_F(TrainProgram, ACheckpointIsAPlaceToStartFrom) {
  ASSERT_EQ(wait(start({"train", "run.toml", "-o", "first"})), 0) << text("err");
  const std::string toml = kRunToml;
  std::ofstream(folder_ / "more.toml")
      << "[model]\ninit_from = \"first/checkpoints/step-00000060\"\n"
      << toml.substr(toml.find("[tokenizer]"));
  ASSERT_EQ(wait(start({"train", "more.toml", "-o", "more", "--set", "train.steps=2"})), 0)
      << text("err");
  const auto loss = [&](const char* run, size_t line) {
    std::ifstream log(folder_ / run / "log.jsonl");
    std::string s;
    for (size_t i = 0; i <= line; ++i) std::getline(log, s);
    return nlohmann::json::parse(s)["loss_ce"].get<double>();
  };
  EXPECT_GT(loss("first", 0), 5.5);  // ln 320 = 5.77
  EXPECT_LT(loss("more", 0), loss("first", 0) - 1);
  // Once it has a checkpoint of its own, the run needs the other no more.
  fs::remove_all(folder_ / "first");
  EXPECT_EQ(wait(start({"train", "more", "--resume", "--set", "train.steps=3"})), 0) << text("err");
  EXPECT_EQ(newest_checkpoint("more"), "step-00000003");
}

TEST_F(TrainProgram, BadCallsSayWhatWasWanted) {
  EXPECT_EQ(wait(start({"train"})), 2);
  EXPECT_EQ(wait(start({"train", "absent.toml"})), 1);
  EXPECT_EQ(text("err"), "fathom: absent.toml: cannot open: No such file or directory\n");
  EXPECT_EQ(wait(start({"train", "run.toml", "--set", "train.rate=1"})), 1);
  EXPECT_EQ(text("err"), "fathom: --set train.rate=1: train.rate: no such key\n");
}

}  // namespace
}  // namespace fathom
