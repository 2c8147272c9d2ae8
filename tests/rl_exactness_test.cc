// Some tens of steps of reinforcement learning with answers of many lengths, other batch sizes,
// slots, minibatches and losses on the way: before each step's first update every ratio is exactly
// 1 and no log-probability of a rollout differs by a bit from the trainer's. One differing bit ends
// a run of exact numerics with an error, and a log line would show it.
#include <gtest/gtest.h>

#include <set>

#include "base/file.h"
#include "rl/rl_run_test_support.h"

namespace fathom {
namespace {

TEST(RlExactness, NoBitDiffersOverManyStepsOfManyShapes) {
  const RlRunFolder folder;
  RlListener listener;
  const std::vector<std::vector<std::string>> stretches = {
      {"train.steps=8"},
      {"train.steps=14", "rollout.slots=64", "rl.prompts=3", "rl.group_size=7",
       "train.micro_batch_tokens=100", "train.threads=2"},
      {"train.steps=20", "rollout.slots=2", "rl.prompts=6", "rl.group_size=2", "rl.minibatches=3",
       "rl.algorithm=\"dapo\"", "train.bias_gamma=0.01"},
      {"train.steps=26", "rl.algorithm=\"gspo\"", "rollout.max_answer_tokens=100",
       "train.compute=\"bf16\""},
  };
  bool resume = false;
  for (const auto& overrides : stretches) {
    const auto r = run_rl(folder.call("run", listener, resume, overrides));
    ASSERT_TRUE(r.ok()) << r.message();
    resume = true;
  }
  ASSERT_EQ(listener.records.size(), 26u);
  std::set<int64_t> longest;
  for (const RlStepRecord& r : listener.records) {
    EXPECT_EQ(r.logp_mismatch_max, 0.0) << "step " << r.step;
    EXPECT_EQ(r.ratio_min, 1.0) << "step " << r.step;
    EXPECT_EQ(r.ratio_max, 1.0) << "step " << r.step;
    EXPECT_GT(r.trained, 0) << "step " << r.step;
    longest.insert(r.length_max);
  }
  EXPECT_GT(listener.records.back().weight_version, 26);
  const std::string log = read_file(folder.path("run") / "log.jsonl").value();
  size_t n = 0;
  for (size_t at = 0; (at = log.find("\"logp_mismatch_max\":0.0,", at)) != std::string::npos; ++at)
    ++n;
  EXPECT_EQ(n, 26u);
}

}  // namespace
}  // namespace fathom
