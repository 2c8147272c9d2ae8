#include "cost/plan_rl.h"

#include <gtest/gtest.h>

#include "cost/test_planner.h"
#include "cost/training_flops.h"

namespace fathom {
namespace {

RlPlan planned(const ModelConfig& c, const Machine& m, const RlInput& in) {
  return value_of(plan_rl(c, m, in));
}

/// R1-Zero (Nature 2025): 32 questions of 16 outputs a step, rounds of 8,192 outputs in 16
/// mini-batches, one inner epoch, at most 32,768 tokens, 10,400 steps, on 64 x 8 H800.
RlInput r1_zero() {
  RlInput in;
  in.steps = 10400, in.steps_per_round = 16;
  in.output_length = {3000, 6000, 12000};
  in.longest_output = 32768;
  in.rollout.format = "fp8";
  return in;
}

const RlPart& part(const RlPlan& p, const std::string& name) {
  for (const RlPart& x : p.parts) {
    if (x.name == name) return x;
  }
  throw std::runtime_error(name);
}

// The mean length was not published as a number; with 3K to 12K tokens the plan's range holds the
// published 101K h (198 h on 512 GPUs).
TEST(Rl, R1ZerosPublishedHoursLieWithinThePlan) {
  const RlPlan p = planned(fixture("deepseek-v3"), h800(512), r1_zero());
  EXPECT_EQ(p.outputs_per_step, 512);
  EXPECT_LT(p.cost.device_hours.low, 101e3);
  EXPECT_GT(p.cost.device_hours.high, 101e3);
  EXPECT_GT(p.waiting_share.mid, 0);
}

TEST(Rl, PartsAddUpToTheStep) {
  const RlPlan p = planned(fixture("deepseek-v3"), h800(512), r1_zero());
  double seconds = 0, hours = 0;
  for (const RlPart& x : p.parts) seconds += x.seconds.mid, hours += x.device_hours.mid;
  EXPECT_NEAR(seconds, p.seconds_per_step.mid, 1e-9 * seconds);
  EXPECT_NEAR(hours, p.cost.device_hours.mid, 1e-9 * hours);
  EXPECT_NEAR(hours, seconds * 512 * 10400 / 3600, 1e-6 * hours);
}

// cost.md §4.5: rollout 2N and more, old and reference 2N each, update 6N.
TEST(Rl, TheUpdateCostsThreePassesAndALogProbabilityOne) {
  RlInput in = r1_zero();
  const RlPlan p = planned(fixture("deepseek-v3"), h800(512), in);
  EXPECT_DOUBLE_EQ(part(p, "update").flop, 3 * part(p, "logp_ref").flop);
  EXPECT_NEAR(
      p.flops_per_token,
      training_flops(fixture("deepseek-v3"), 6256, FlopsDefinition::kCausal, Recompute::kNone)
          .model,
      1e-6 * p.flops_per_token);
  in.inner_epochs = 2, in.logp_old = false;
  const RlPlan twice = planned(fixture("deepseek-v3"), h800(512), in);
  EXPECT_DOUBLE_EQ(part(twice, "update").flop, 2 * part(p, "update").flop);
  EXPECT_THROW(part(twice, "logp_old"), std::runtime_error);
}

TEST(Rl, IdleTimeIsAShareOfAll) {
  RlInput in = r1_zero();
  const double work = planned(fixture("deepseek-v3"), h800(512), in).seconds_per_step.mid;
  in.other_idle = Range::exactly(0.2);
  const RlPlan p = planned(fixture("deepseek-v3"), h800(512), in);
  EXPECT_NEAR(part(p, "idle").seconds.mid, 0.2 * p.seconds_per_step.mid, 1e-9);
  EXPECT_NEAR(p.seconds_per_step.mid, work / 0.8, 1e-6 * work);
}

TEST(Rl, ARoundOfManyStepsWaitsLess) {
  RlInput in = r1_zero();
  const double sixteen =
      part(planned(fixture("deepseek-v3"), h800(512), in), "rollout tail").seconds.mid;
  in.steps_per_round = 1;
  EXPECT_GT(part(planned(fixture("deepseek-v3"), h800(512), in), "rollout tail").seconds.mid,
            4 * sixteen);
}

// 16 H800 hold 673 GB of weights and few outputs of 30K tokens, far from the round's share.
TEST(Rl, AnEngineDecodesNoMoreAtOnceThanItHolds) {
  RlInput in = r1_zero();
  in.output_length = Range::exactly(30000), in.rollout_devices = 16;
  InferenceInput engine = in.rollout;
  engine.batch = 1, engine.context_length = 256 + 15000;
  const int64_t most =
      *value_of(plan_inference(fixture("deepseek-v3"), h800(16), engine)).max_sequences;
  ASSERT_LT(most, 8192 / 32);
  const Range whole = part(planned(fixture("deepseek-v3"), h800(512), in), "rollout").seconds;
  in.rollout.batch = most;
  EXPECT_EQ(part(planned(fixture("deepseek-v3"), h800(512), in), "rollout").seconds, whole);
}

TEST(Rl, SaysWhatDoesNotFit) {
  const auto message = [](const Machine& m, const RlInput& in) {
    return plan_rl(fixture("deepseek-v3"), m, in).message();
  };
  RlInput in = r1_zero();
  EXPECT_EQ(
      message(h800(8), in),
      "H800: memory for the weights in fp8 and a sequence of 6256 tokens wanted, 8 devices do "
      "not have it");
  in.rollout_devices = 7;
  EXPECT_EQ(message(h800(512), in), "rollout-devices: a divisor of 512 devices wanted, 7 found");
  in = r1_zero(), in.other_idle = Range::exactly(1);
  EXPECT_EQ(message(h800(512), in), "idle: 0% to below 100% wanted, 100% found");
  in = r1_zero(), in.output_length.high = 1e300;
  EXPECT_EQ(message(h800(512), in), "output, longest: 1 to 1e11 tokens wanted");
  in = r1_zero(), in.precision = "f32";
  EXPECT_EQ(message(h800(512), in), "H800: a peak in f32 wanted, only bf16, fp8 found");
}

}  // namespace
}  // namespace fathom
