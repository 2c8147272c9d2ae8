// What the tests of reinforcement learning share: an environment that a tiny model can learn within
// a test, and a run on it.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/test_folder.h"
#include "rl/environment.h"
#include "rl/rl_run.h"
#include "rl/test_support.h"

namespace fathom {

/// Asks for a word of some length; the reward is the share of the completion's bytes below 128,
/// which a random model learns within some steps. Difficulty d: words of up to 12 d letters.
class LowBytesEnvironment : public Environment {
 public:
  std::string_view name() const override { return "low_bytes"; }
  Problem sample(uint64_t seed, int difficulty, Split split) const override {
    Problem p;
    const Rng rng(seed, 1);
    std::string word;
    for (uint64_t i = 0; i <= rng.below(0, 12 * static_cast<uint64_t>(std::max(1, difficulty)));
         ++i)
      word += static_cast<char>('a' + rng.below(i + 1, 26));
    p.messages = {{"user", word}};
    p.seed = seed;
    p.difficulty = difficulty;
    p.split = split;
    p.kind = "word";
    return p;
  }
  Score score(const Problem&, std::string_view completion, const RewardOptions&) const override {
    Score s;
    int64_t low = 0;
    for (const char c : completion) low += static_cast<unsigned char>(c) < 128;
    s.reward = completion.empty() ? 0.0 : static_cast<double>(low) / completion.size();
    s.correct = s.reward > 0.8;
    s.well_formed = !completion.empty();
    s.why = s.correct ? "low" : "high";
    return s;
  }
  std::string demonstrate(const Problem& p) const override { return p.messages[0].content; }
};

/// A folder with a tiny checkpoint of seed 1 in "start" and a run of rl on it.
class RlRunFolder {
 public:
  RlRunFolder() {
    auto model = TrainerModel::create(tiny_model_config(), 1, {});
    FATHOM_CHECK(model.ok());
    FATHOM_CHECK(write_trained_checkpoint(folder_.path() / "start", *model.value()).ok());
    folder_.write("run.toml", R"([model]
init_from = "start"
[problems]
environments = "low_bytes"
difficulty_max = [{ shape = "linear", from = 1, value = 3 }]
[rl]
algorithm = "dr_grpo"
prompts = 4
group_size = 4
[rollout]
max_answer_tokens = 48
slots = 5
record_every = 4
[train]
steps = 12
lr = 3e-3
weight_decay = 0.0
threads = 1
[checkpoint]
every = 4
minutes = 0
)");
  }
  RlCall call(const std::string& name, RlObserver& observer, bool resume = false,
              const std::vector<std::string>& overrides = {}) const {
    RlCall c;
    auto config = read_rl_config(folder_.path() / "run.toml", overrides);
    EXPECT_TRUE(config.ok()) << config.message();
    if (config.ok()) c.config = config.value();
    c.where = "run.toml";
    c.directory.root = folder_.path() / name;
    c.resume = resume;
    c.observer = &observer;
    c.open_tokenizer =
        [](const std::filesystem::path&) -> Result<std::shared_ptr<const Tokenizer>> {
      return std::shared_ptr<const Tokenizer>(std::make_shared<ByteChatTokenizer>());
    };
    c.open_problems = []() -> Result<ProblemSet> {
      return ProblemSet({std::make_shared<LowBytesEnvironment>()});
    };
    return c;
  }
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }

 private:
  TestFolder folder_;
};

class RlListener : public RlObserver {
 public:
  void on_step(const RlStepRecord& r, double) override {
    records.push_back(r);
    if (r.step == kill_at) raise(SIGKILL);
  }
  std::vector<RlStepRecord> records;
  int64_t kill_at = -1;
};

}  // namespace fathom
