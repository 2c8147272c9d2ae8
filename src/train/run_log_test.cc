#include "train/run_log.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/test_folder.h"
#include "train/run_directory.h"
#include "train/step_record.h"

namespace fathom {
namespace {

TEST(RunLog, KeepsWholeLinesUpToTheCheckpointAndAppends) {
  TestFolder folder;
  const auto path =
      folder.write("log.jsonl", "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"step\":4,\"lo");
  {
    auto log = RunLog::open(path, 2);
    ASSERT_TRUE(log.ok()) << log.message();
    ASSERT_TRUE(log.value()->append("{\"step\":3,\"again\":true}").ok());
    ASSERT_TRUE(log.value()->sync().ok());
  }
  EXPECT_EQ(read_file(path).value(), "{\"step\":1}\n{\"step\":2}\n{\"step\":3,\"again\":true}\n");
}

TEST(RunLog, ACutOrForeignLineEndsWhatIsKept) {
  TestFolder folder;
  const struct {
    std::string before, after;
  } cases[] = {{"{\"step\":1}\n{\"step\":2", "{\"step\":1}\n"},
               {"{\"step\":1}\nnonsense\n{\"step\":2}\n", "{\"step\":1}\n"},
               {"{\"step\":1}\n{\"step\":1}\n", "{\"step\":1}\n"},
               {"", ""}};
  for (const auto& c : cases) {
    const auto path = folder.write("log.jsonl", c.before);
    ASSERT_TRUE(RunLog::open(path, 100).ok());
    EXPECT_EQ(read_file(path).value(), c.after);
  }
}

TEST(RunLock, TwoRunsInOneDirectoryAreRefused) {
  TestFolder folder;
  const RunDirectory directory{folder.path() / "run"};
  auto first = RunLock::take(directory);
  ASSERT_TRUE(first.ok()) << first.message();
  const auto second = RunLock::take(directory);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.message(), directory.root.string() +
                                  ": a directory of its own wanted, the run of process " +
                                  std::to_string(getpid()) + " found at work in it");
  first.value().reset();
  EXPECT_TRUE(RunLock::take(directory).ok());
}

TEST(RouterTelemetry, TellsTheLargestLoadTheDeadAndTheBiases) {
  std::vector<float> bias = {0.5f, -0.75f, 0.25f, 0.0f};
  std::vector<Parameter> parameters(1);
  parameters[0].router_bias = true;
  parameters[0].value = View<float>(bias.data(), {4});
  TrainStats stats;
  stats.moe_layers = {1, 2};
  stats.expert_loads = {{10, 20, 30, 20}, {40, 40, 0, 0}};
  stats.router_entropy = {1.0, 2.0};
  const RouterTelemetry t = router_telemetry(stats, parameters);
  EXPECT_EQ(t.maxvio, (std::vector<double>{0.5, 1.0}));
  EXPECT_EQ(t.maxvio_mean, 0.75);
  EXPECT_EQ(t.dead_experts, 2);
  EXPECT_EQ(t.router_entropy, 1.5);
  EXPECT_EQ(t.bias_mean, 0.0);
  EXPECT_EQ(t.bias_max, 0.75);
}

TEST(StepRecord, MicroBatchesAddUpToTheirBatch) {
  TrainStats a, b, batch;
  a.loss_ce = 1, a.loss_mtp = 2, a.balance = 3, a.loss_total = 4, a.moe_layers = {1},
  a.expert_loads = {{1, 2}}, a.router_entropy = {1};
  b = a;
  b.loss_ce = 3, b.expert_loads = {{5, 0}}, b.router_entropy = {2};
  accumulate(batch, a, 0.5);
  accumulate(batch, b, 0.5);
  EXPECT_EQ(batch.loss_ce, 2);
  EXPECT_EQ(batch.loss_mtp, 2);
  EXPECT_EQ(batch.loss_total, 4);
  EXPECT_EQ(batch.expert_loads, (std::vector<std::vector<int64_t>>{{6, 2}}));
  EXPECT_EQ(batch.router_entropy, std::vector<double>{1.5});
}

}  // namespace
}  // namespace fathom
