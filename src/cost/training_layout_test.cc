// FLOPs, pipeline, layout, memory and traffic of a training step.
#include <gtest/gtest.h>

#include <cmath>
#include "cost/moe_traffic.h"
#include "cost/plan_training.h"
#include "cost/test_planner.h"

namespace fathom {
namespace {

constexpr auto kCausal = FlopsDefinition::kCausal;
constexpr auto kNone = Recompute::kNone;

// Zhao et al., "Insights into DeepSeek-V3" (ISCA 2025), tables 2 and 4: 250 GFLOP/token at 4K; from
// 272.8B tokens a day on 2,048 GPUs, 385 TFLOP/s causal and 432 non-causal.
TEST(TrainingFlops, V3sPublishedFigureIsTheCausalOne) {
  const ModelConfig v3 = fixture("deepseek-v3");
  const TrainingFlops causal = training_flops(v3, 4096, kCausal, kNone);
  const TrainingFlops full = training_flops(v3, 4096, FlopsDefinition::kNonCausal, kNone);
  EXPECT_NEAR(causal.model / 1e9, 250, 0.03 * 250);
  const double tokens_per_s_and_gpu = 272.8e9 / 86400 / 2048;
  EXPECT_NEAR(causal.model * tokens_per_s_and_gpu / 1e12, 385, 0.01 * 385);
  EXPECT_NEAR(full.model * tokens_per_s_and_gpu / 1e12, 432, 0.01 * 432);
  EXPECT_NEAR(full.model, training_flops_per_token(v3, 4096, FlopsDefinition::kNonCausal),
              1e-9 * full.model);
  // 3 passes of 2 x 128 heads x (192 + 128) numbers a position, in 61 layers and MTP's.
  EXPECT_DOUBLE_EQ(full.parts.attention_core, 3.0 * 61 * 2 * 128 * 320 * 4096);
  EXPECT_DOUBLE_EQ(causal.parts.attention_core, full.parts.attention_core * 4097 / 8192);
  EXPECT_NEAR(full.mtp - causal.mtp, (full.model - causal.model) / 61, 1);
}

TEST(TrainingFlops, PartsAddUpAndRecomputationStandsApart) {
  for (const char* name : {"deepseek-v3", "deepseek-v2-lite", "llama-3.1-8b"}) {
    const ModelConfig c = fixture(name);
    const TrainingFlops t = training_flops(c, 4096, kCausal, Recompute::kFull);
    const FlopsPerToken& p = t.parts;
    EXPECT_DOUBLE_EQ(t.model, p.attention_core + p.attention_projections + p.routed_experts +
                                  p.shared_experts + p.dense_ffn + p.router + p.head);
    EXPECT_EQ(t.model, training_flops(c, 4096, kCausal, kNone).model);
    // All but the heads once more.
    const double heads = p.head * static_cast<double>(1 + c.num_nextn_predict_layers);
    EXPECT_NEAR(t.recompute, (t.model + t.mtp - heads) / 3, 1e-9 * t.model);
  }
}

// V3 recomputes MLA's up-projections: q_b 1536 -> 128 x 192 and kv_b 512 -> 128 x 256, 62 layers.
TEST(TrainingFlops, SelectiveRecomputationIsTheUpProjections) {
  const TrainingFlops t =
      training_flops(fixture("deepseek-v3"), 4096, kCausal, Recompute::kSelective);
  EXPECT_DOUBLE_EQ(t.recompute, 62.0 * 2 * 128 * (1536 * 192 + 512 * 256));
  EXPECT_EQ(training_flops(fixture("llama-3.1-8b"), 4096, kCausal, Recompute::kSelective).recompute,
            0);
}

// DeepSeek-V3, table 2.
TEST(Pipeline, BubblesAreThePublishedFormulas) {
  const ChunkTimes c = {.forward = 1, .backward = 2.5, .backward_weights = 0.75, .overlapped = 3};
  EXPECT_DOUBLE_EQ(bubble_time(PipelineSchedule::k1F1B, 16, c), 15 * 3.5);
  EXPECT_DOUBLE_EQ(bubble_time(PipelineSchedule::kZb1p, 16, c), 15 * (3.5 - 1.5));
  EXPECT_DOUBLE_EQ(bubble_time(PipelineSchedule::kDualPipe, 16, c), 7 * (3 + 2.5 - 2.25));
  EXPECT_EQ(bubble_time(PipelineSchedule::k1F1B, 1, c), 0);
}

TEST(Layout, DevicesAreSharedOutAndWhatDoesNotDivideIsRefused) {
  const ModelConfig v3 = fixture("deepseek-v3");
  const auto made = [&](const char* text, PipelineSchedule s = PipelineSchedule::k1F1B) {
    return resolve(parse_parallelism(text, "--parallel").value(), 2048, v3, s);
  };
  EXPECT_EQ(made("pp=16,ep=64").value().dp, 128);
  EXPECT_EQ(made("pp=16,ep=64,dp=64").message(),
            "parallel: dp=64 x pp=16 x tp=1 that makes 2048 devices wanted");
  EXPECT_EQ(made("ep=3,pp=16").message(), "parallel: ep that divides dp=128 wanted, ep=3 found");
  EXPECT_NE(made("pp=64").message().find("at most 62 layers"), std::string::npos);
  EXPECT_EQ(made("pp=1", PipelineSchedule::kDualPipe).message(),
            "parallel: an even pp wanted for the schedule dualpipe, pp=1 found");
  EXPECT_EQ(made("pp=16, ep = 64").value().ep, 64);
  EXPECT_EQ(parse_parallelism("pp=16,ep", "--parallel").message(),
            "--parallel: key=value wanted, \"ep\" found");
  EXPECT_EQ(parse_parallelism("pp=16,fsdp=2", "--parallel").message(),
            "--parallel: dp, ep, pp, tp or zero wanted, \"fsdp\" found");
  EXPECT_NE(parse_parallelism("zero=4", "--parallel").message().find("from 0 to 3"),
            std::string::npos);
}

TEST(Memory, OneDeviceHoldsEveryParameterOnce) {
  for (const char* name : {"deepseek-v3", "llama-3.1-8b", "qwen3-0.6b"}) {
    const ModelConfig c = fixture(name);
    const ParameterCount n = count_parameters(c);
    const DeviceMemory m = training_memory(c, {.parallelism = {.dp = 1}, .micro_batch_tokens = 1});
    const double all = static_cast<double>(n.total + n.mtp);
    EXPECT_DOUBLE_EQ(m.weights, 2 * all) << name;
    EXPECT_DOUBLE_EQ(m.gradients, 4 * all);
    EXPECT_DOUBLE_EQ(m.masters + m.moments, 8 * all);
  }
}

TEST(Memory, ZeroSharesOutStateGradientsAndWeightsInThatOrder) {
  const ModelConfig c = fixture("deepseek-v3");
  const auto at = [&](int64_t zero) {
    return training_memory(
        c, {.parallelism = {.dp = 128, .ep = 64, .zero = zero}, .micro_batch_tokens = 4096});
  };
  const DeviceMemory z0 = at(0), z1 = at(1), z2 = at(2), z3 = at(3);
  EXPECT_LT(z1.masters, z0.masters / 2 + 1);  // an expert's over dp / ep = 2, the rest over 128
  EXPECT_GT(z1.masters, z0.masters / 128);
  EXPECT_EQ(z1.gradients, z0.gradients);
  EXPECT_LT(z2.gradients, z1.gradients);
  EXPECT_EQ(z2.weights, z1.weights);
  EXPECT_LT(z3.weights, z2.weights);
}

// DeepSeek-V3, table 2: DualPipe doubles the parameters of a device and keeps PP + 1 activations
// instead of PP. 64 equal layers on 16 stages make that exact, but for embedding and head.
TEST(Memory, DualPipeHoldsTwoStagesAndOneMoreMicroBatch) {
  ModelConfig c = fixture("llama-3.1-8b");  // 32 equal layers
  MemoryInput in = {
      .parallelism = {.dp = 1, .pp = 16}, .micro_batch_tokens = 4096, .micro_batches = 64};
  const DeviceMemory one = training_memory(c, in);
  in.schedule = PipelineSchedule::kDualPipe;
  const DeviceMemory two = training_memory(c, in);
  EXPECT_NEAR(two.activations / one.activations, 17.0 / 16, 1e-12);
  const double layer_pair = 2.0 * (2 * 4096.0 * (4096 + 1024) + 3 * 4096.0 * 14336);
  const double ends = 2.0 * 128256 * 4096;
  EXPECT_NEAR(one.weights, 2 * (layer_pair + ends / 2), 1e-3 * one.weights);  // with the embedding
  EXPECT_NEAR(two.weights, 2 * (2 * layer_pair + ends), 1e-3 * two.weights);
}

TEST(Memory, RecomputationKeepsLess) {
  for (const char* name : {"deepseek-v3", "llama-3.1-8b"}) {
    const ModelConfig c = fixture(name);
    const LayerSpec layer = c.layers().back();
    const double none = activation_bytes(c, layer, kNone, false);
    const double selective = activation_bytes(c, layer, Recompute::kSelective, false);
    const double full = activation_bytes(c, layer, Recompute::kFull, false);
    EXPECT_GT(none, selective) << name;
    EXPECT_GT(selective, full);
    EXPECT_EQ(full, 2.0 * static_cast<double>(c.hidden_size));
    EXPECT_LT(activation_bytes(c, layer, kNone, true), none);
  }
}

// One layer of Llama-3.1-8B by hand, bf16: the two residuals and normed inputs of 4096, q 4096, k
// and v 1024 each, the core's output 4096 and 32 f32 sums, gate, up and their product of 14336.
TEST(Memory, ActivationsOfALlamaLayerByHand) {
  const ModelConfig c = fixture("llama-3.1-8b");
  EXPECT_EQ(activation_bytes(c, c.layers()[0], kNone, false),
            2 * (4 * 4096 + 4096 + 2 * 1024 + 4096 + 3 * 14336) + 4 * 32);
}

TEST(State, BytesFollowTheFormatsThatAreNamed) {
  const StateBytes s = parse_state_bytes("moments=f32,masters=none", "--state").value();
  EXPECT_EQ(s.moments, 8);
  EXPECT_EQ(s.masters, 0);
  EXPECT_EQ(s.weights, 2);
  EXPECT_EQ(parse_state_bytes("weights=int3", "--state").message(),
            "--state: weights: f32, bf16, fp8 or none wanted, \"int3\" found");
}

// DeepSeek-V3 §2.1.2 and §3.2.2: 8 groups on 8 nodes, 4 of them at most; of 8 experts on 4 nodes,
// 4 (1 - (3/4)^8) = 3.6 nodes in the mean, of which 7/8 are another's.
TEST(Traffic, ATokenGoesToEachOfItsNodesOnce) {
  const ModelConfig c = fixture("deepseek-v3");
  const MoeTraffic t = moe_traffic(c, {.dp = 128, .ep = 64, .pp = 16}, 8, 1, 2);
  const double nodes = 4 * (1 - std::pow(0.75, 8));
  EXPECT_NEAR(t.nodes_reached, nodes, 1e-12);
  EXPECT_NEAR(t.inter_dispatch, 59 * 7168 * nodes * 7 / 8, 1);  // 58 layers and MTP's
  EXPECT_DOUBLE_EQ(t.inter_combine, 2 * t.inter_dispatch);
  EXPECT_LE(t.devices_reached, 8);
  const MoeTraffic one_node = moe_traffic(c, {.ep = 8}, 8, 1, 2);
  EXPECT_EQ(one_node.inter_dispatch, 0);
  EXPECT_GT(one_node.intra_dispatch, 0);
  EXPECT_EQ(moe_traffic(c, {.ep = 1}, 8, 1, 2).intra_dispatch, 0);
  EXPECT_EQ(moe_traffic(fixture("llama-3.1-8b"), {.dp = 8}, 8, 1, 2).nodes_reached, 0);
}

// Eight groups on 18 nodes: a group on 2.25 of them, four groups on 9. On 2 nodes there are 2.
TEST(Traffic, GroupsLimitTheNodesHoweverManyThereAre) {
  ModelConfig c = fixture("deepseek-v3");
  EXPECT_NEAR(moe_traffic(c, {.ep = 144}, 8, 1, 2).nodes_reached, 9 * (1 - std::pow(8.0 / 9, 8)),
              1e-12);
  EXPECT_NEAR(moe_traffic(c, {.ep = 16}, 8, 1, 2).nodes_reached, 2 * (1 - std::pow(0.5, 8)), 1e-12);
  c.topk_method = TopkMethod::kGreedy;
  EXPECT_NEAR(moe_traffic(c, {.ep = 144}, 8, 1, 2).nodes_reached, 18 * (1 - std::pow(17.0 / 18, 8)),
              1e-12);
}

// 32 layers, two all-reduces of 4096 bf16 numbers a token, 2 x 3/4 of them on the link.
TEST(Traffic, AnAllReduceSendsNearlyTwiceWhatItSums) {
  const ModelConfig c = fixture("llama-3.1-8b");
  const Machine m = h800(8);
  EXPECT_DOUBLE_EQ(tensor_parallel_seconds(c, m, 4, 32, 100),
                   100.0 * 32 * 2 * 4096 * 2 * 2 * 3 / 4 / 160e9);
  EXPECT_EQ(tensor_parallel_seconds(c, m, 1, 32, 100), 0);
  EXPECT_DOUBLE_EQ(tensor_parallel_seconds(c, m, 16, 32, 100),
                   100.0 * 32 * 2 * 4096 * 2 * 2 * 15 / 16 / 50e9);
}

}  // namespace
}  // namespace fathom
