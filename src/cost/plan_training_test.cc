// The planner against what was published of real runs. Each figure comes out of the config and the
// published inputs.
#include "cost/plan_training.h"

#include <gtest/gtest.h>

#include "cost/test_planner.h"

namespace fathom {
namespace {

ModelConfig v3() { return config_at("tests/fixtures/configs/deepseek-v3.json"); }

TrainingPhase phase(const std::string& text) { return parse_phase(text, "--phase").value(); }

TrainingPlan planned(const ModelConfig& c, const Machine& m, const TrainingInput& in) {
  return value_of(plan_training(c, m, in));
}

TEST(Plan, V3HasItsPublishedSize) {
  const TrainingPlan p = planned(v3(), h800(2048), {.phases = {phase("x: tokens=1B, mfu=40%")}});
  EXPECT_NEAR(static_cast<double>(p.parameters.total) / 1e9, 671, 1);
  EXPECT_NEAR(static_cast<double>(p.parameters.active) / 1e9, 37, 1);
  EXPECT_EQ(p.kv_bytes_per_token, 70272);
  EXPECT_NEAR(p.phases[0].flops.model / 1e9, 250, 0.03 * 250);
}

// 14.8T tokens at 272.8B a day (ISCA 2025, table 4) on 2,048 GPUs: 54.25 days, 2.667M h; the report
// says 2.664M. Model FLOPs causal: 385 TFLOP/s, 39.0% of 989.
TEST(Plan, V3sThroughputGivesItsHours) {
  const TrainingPlan p =
      planned(v3(), h800(2048),
              {.phases = {phase("pretraining: tokens=14.8T, throughput=272.8B tokens/day")}});
  EXPECT_NEAR(p.cost.device_hours.mid / 1e6, 2.667, 0.001);
  EXPECT_NEAR(p.phases[0].seconds.mid / 86400, 54.25, 0.01);
  EXPECT_NEAR(p.phases[0].flops_per_s->mid / 1e12, 385, 0.01 * 385);
  EXPECT_NEAR(p.phases[0].mfu->mid, 0.390, 0.003);
}

// The five MFUs of one run: numerator and peak make the difference.
TEST(Plan, OneRunHasManyMfus) {
  TrainingInput in = {.phases = {phase("pretraining: tokens=14.8T, throughput=272.8B tokens/day")}};
  in.definition = FlopsDefinition::kNonCausal;
  EXPECT_NEAR(planned(v3(), h800(2048), in).phases[0].mfu->mid, 0.437, 0.003);
  in.definition = FlopsDefinition::kCausal, in.precision = "fp8";
  EXPECT_NEAR(planned(v3(), h800(2048), in).phases[0].mfu->mid, 0.195, 0.002);
}

// DeepSeek-V3, table 1: 180K h a trillion tokens, 119K h, 5K h, at $2.
TEST(Plan, V3sPhasesAddUpToItsPublishedMoney) {
  const TrainingPlan p = planned(
      v3(), h800(2048),
      {.phases = {phase("pretraining: tokens=14.8T, hours-per-T=180K h"),
                  phase("context extension: hours=119K h"), phase("post-training: hours=5K h")}});
  EXPECT_DOUBLE_EQ(p.phases[0].device_hours.mid, 2.664e6);
  EXPECT_DOUBLE_EQ(p.cost.device_hours.mid, 2.788e6);
  EXPECT_DOUBLE_EQ(p.cost.rental_usd->mid, 5.576e6);
  EXPECT_EQ(p.cost.basis, "rental");
  EXPECT_TRUE(p.cost.usd->exact());
}

// R1 (Nature 2025, supplement): R1-Zero on 64 x 8 GPUs for 198 h, SFT data 5K h, R1 on 64 x 8 for
// 80 h; published as 101K + 5K + 41K = 147K h = $294K.
TEST(Plan, R1sPhasesAddUpToItsPublishedMoney) {
  const TrainingPlan p =
      planned(v3(), h800(512),
              {.phases = {phase("R1-Zero: devices=512, duration=198 h"),
                          phase("SFT data: hours=5K h"), phase("R1: devices=512, duration=80 h")}});
  EXPECT_NEAR(p.cost.device_hours.mid, 147e3, 0.5e3);
  EXPECT_NEAR(p.cost.usd->mid, 294e3, 1e3);
}

// Llama 3.1 (report, table 4 and §3.3): 15.6T tokens, 16,384 H100, 380-430 TFLOP/s a GPU (38-43% of
// 989), more than 90% effective time; 30.84M h published. FLOPs a token at 4K: 2,448 (ISCA 2025).
TEST(Plan, Llama405bFollowsFromItsReportedThroughput) {
  const ModelConfig c = config_at("data/catalogue/configs/llama-3.1-405b.json");
  EXPECT_NEAR(training_flops(c, 4096, FlopsDefinition::kCausal, Recompute::kNone).model / 1e9, 2448,
              0.03 * 2448);
  Machine m = h800(16384);
  const TrainingPlan p =
      planned(c, m,
              {.context_length = 8192,
               .effective_time = {0.90, 0.90, 0.95},
               .phases = {phase("pretraining: tokens=15.6T, mfu=38%..40%..43%")}});
  EXPECT_NEAR(p.total_flop, 3.8e25, 0.04 * 3.8e25);
  EXPECT_LT(p.cost.device_hours.low, 30.84e6);
  EXPECT_GT(p.cost.device_hours.high, 30.84e6);
  EXPECT_NEAR(p.cost.device_hours.mid, 30.84e6, 0.03 * 30.84e6);
}

TrainingInput v3_layout() {
  TrainingInput in;
  in.precision = "fp8";
  in.recompute = Recompute::kSelective;
  in.schedule = PipelineSchedule::kDualPipe;
  in.parallelism = parse_parallelism("pp=16,ep=64,zero=1", "p").value();
  in.batch_sequences = 15360;
  in.phases = {phase("pretraining: tokens=14.8T")};
  return in;
}

// V3's own layout (report §3.2): it must fit 80 GB, and its published 2.664M h lie within the
// range, which is no wider than the usual efficiency of fp8 makes it.
TEST(Plan, TheRooflineOfV3sLayoutHoldsItsPublishedHours) {
  const TrainingPlan p = planned(v3(), h800(2048), v3_layout());
  EXPECT_EQ(p.parallelism.dp, 128);
  EXPECT_EQ(p.micro_batches, 120);
  EXPECT_TRUE(*p.fits) << p.memory.total();
  EXPECT_GT(p.memory.total(), 20e9);
  EXPECT_NEAR(p.bubble_share, 14.0 / (14 + 360), 1e-12);  // (16/2-1)(3+2-3) of 120 x 3
  EXPECT_LT(p.cost.device_hours.low, 2.664e6);
  EXPECT_GT(p.cost.device_hours.high, 2.664e6);
  EXPECT_LT(p.cost.device_hours.high / p.cost.device_hours.low, 4);
}

/// The slow end of one step at the full limits of 8 H800, 16 sequences of 4096 tokens.
StepTimes step_of(const ModelConfig& c, const char* parallel) {
  TrainingInput in = {.phases = {phase("x: tokens=1B")}};
  in.parallelism = parse_parallelism(parallel, "p").value();
  in.batch_sequences = 16;
  in.efficiency = Range::exactly(1);
  return *planned(c, h800(8), in).slow;
}

// Llama-3.1-8B by hand: 16 micro-batches, forward, twice that backward, what two all-reduces a
// layer send in each of the two.
TEST(Roofline, AStepOfTensorParallelismByHand) {
  const ModelConfig c = fixture("llama-3.1-8b");
  const StepTimes step = step_of(c, "tp=8");
  const double tokens = 16 * 4096;
  EXPECT_NEAR(step.compute, tokens * 3 * forward_flops(c, 4096).total / 8 / 989e12,
              1e-9 * step.compute);
  EXPECT_NEAR(step.traffic, 2 * tokens * 32 * 2 * 2 * 7 / 8 * 2 * 4096 / 160e9,
              1e-9 * step.traffic);
  EXPECT_EQ(step.bubble, 0);
  EXPECT_EQ(step.gradients, 0);
  // Weights and gradients read once, masters and moments read and written.
  const double n = static_cast<double>(count_parameters(c).total);
  EXPECT_NEAR(step.optimizer, n / 8 * (2 + 4 + 2 * (4 + 4)) / 3.35e12, 1e-9 * step.optimizer);
}

TEST(Roofline, ZeroSendsGradientsAndWeightsAsOftenAsItMust) {
  const ModelConfig c = fixture("llama-3.1-8b");
  const double n = static_cast<double>(count_parameters(c).total) * 7 / 8 / 160e9;
  // Two micro-batches a device.
  EXPECT_NEAR(step_of(c, "zero=1").gradients, n * (4 + 2), 1e-9 * n);
  EXPECT_NEAR(step_of(c, "zero=2").gradients, n * (2 * 4 + 2), 1e-9 * n);
  EXPECT_NEAR(step_of(c, "zero=3").gradients, n * (2 * 4 + 2 * 2 * 2), 1e-9 * n);
}

// What a device alone holds is reduced with nobody.
TEST(Roofline, ExpertsAreReducedAmongTheirCopiesAlone) {
  const ModelConfig c = fixture("deepseek-v2-lite");
  const ParameterCount n = count_parameters(c);
  const double expert = 3.0 * static_cast<double>(c.moe_intermediate_size * c.hidden_size);
  const double routed = 26 * 64 * expert;
  const double other = static_cast<double>(n.total) - routed;
  EXPECT_NEAR(step_of(c, "ep=8").gradients, other * 7 / 8 * 6 / 160e9, 1e-6 * other / 160e9);
  EXPECT_NEAR(step_of(c, "ep=4").gradients, (other * 7 / 8 + routed / 4 / 2) * 6 / 160e9,
              1e-6 * other / 160e9);
}

TEST(Plan, SchedulesOrderAsPublished) {
  TrainingInput in = v3_layout();
  const auto hours = [&](PipelineSchedule s) {
    in.schedule = s;
    return planned(v3(), h800(2048), in).cost.device_hours.mid;
  };
  const double one = hours(PipelineSchedule::k1F1B), zb = hours(PipelineSchedule::kZb1p),
               dual = hours(PipelineSchedule::kDualPipe);
  EXPECT_GT(one, zb);
  EXPECT_GT(zb, dual);
}

TEST(Plan, LostTimeCostsHours) {
  TrainingInput in = {.phases = {phase("x: tokens=1T, mfu=40%")}};
  const double whole = planned(v3(), h800(2048), in).cost.device_hours.mid;
  in.effective_time = Range::exactly(0.8);
  EXPECT_NEAR(planned(v3(), h800(2048), in).cost.device_hours.mid, whole / 0.8, 1e-6 * whole);
}

TEST(Plan, MfuRangeBecomesARangeOfHoursAndMoney) {
  const TrainingPlan p =
      planned(v3(), h800(2048), {.phases = {phase("x: tokens=14.8T, mfu=35%..45%")}});
  EXPECT_NEAR(p.cost.device_hours.high / p.cost.device_hours.low, 45.0 / 35, 1e-12);
  EXPECT_EQ(p.cost.usd->low, 2 * p.cost.device_hours.low);
  EXPECT_NEAR(p.phases[0].mfu->low, 0.35, 1e-12);
}

// models/base's README: 6,004,736 tokens in 31 min 05 s on two cores of a Zen 4 machine, whose peak
// is 467 GFLOP/s (docs/decisions.md: 234 a core).
TEST(Plan, ASmallModelOnOneCpuIsPlannedAsWell) {
  Machine m;
  m.peak_flops = {{"bf16", 467e9}};
  m.memory_bytes_per_s = 32e9, m.memory_bytes = 8e9;
  TrainingInput in = {.context_length = 512, .phases = {phase("x: tokens=6004736")}};
  in.micro_batch = 8, in.efficiency = Range{0.15, 0.3, 0.6};
  const TrainingPlan p = planned(config_at("models/base/config.json"), m, in);
  EXPECT_LT(p.phases[0].seconds.low, 31 * 60 + 5);
  EXPECT_GT(p.phases[0].seconds.high, 31 * 60 + 5);
  EXPECT_FALSE(p.cost.usd.has_value());
  EXPECT_EQ(p.parallelism.dp, 1);
}

TEST(Plan, SaysWhatIsMissing) {
  const auto message = [](const Machine& m, const TrainingInput& in) {
    return plan_training(v3(), m, in).message();
  };
  const TrainingPhase known = phase("x: tokens=1B, mfu=40%");
  EXPECT_EQ(message(h800(8), {.precision = "int8", .phases = {known}}),
            "H800: a peak in int8 wanted, only bf16, fp8 found");
  EXPECT_EQ(message(h800(8), {.phases = {phase("warm-up:")}}),
            "phase warm-up: tokens or device-hours wanted, neither found");
  EXPECT_EQ(message(h800(8), {.batch_sequences = 9, .phases = {known}}),
            "batch: a multiple of dp x micro-batch = 8 sequences wanted, 9 found");
  Machine blind = h800(8);
  blind.intra_node_bytes_per_s = 0;
  EXPECT_NE(message(blind, {.phases = {phase("x: tokens=1B")}}).find("network.intra_node wanted"),
            std::string::npos);
  EXPECT_TRUE(plan_training(v3(), blind, {.phases = {known}}).ok());
}

TEST(Phase, IsReadWithItsUnitsOrRefused) {
  const TrainingPhase p = phase("long context: tokens=62.9B, context=32K, mfu=20%..30%");
  EXPECT_EQ(p.name, "long context");
  EXPECT_EQ(p.context_length, 32000);
  const auto message = [](const char* text) { return parse_phase(text, "--phase").message(); };
  EXPECT_NE(message("x: hours=-5 h"), "");
  EXPECT_NE(message("x: hours=5 tokens").find("\"5 tokens\" found"), std::string::npos);
  EXPECT_NE(message("x: mfu=140%").find("140%"), std::string::npos);
  EXPECT_NE(message("x: mfu=0%").find("more than 0"), std::string::npos);
  EXPECT_EQ(message("x: devices=512"),
            "--phase x: devices and duration together wanted, one of them found");
  EXPECT_NE(message("x: pace=3").find("\"pace\" found"), std::string::npos);
  EXPECT_NE(message("tokens=3").find("NAME:"), std::string::npos);
}

}  // namespace
}  // namespace fathom
