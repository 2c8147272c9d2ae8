#include "cost/plan_inference.h"

#include <gtest/gtest.h>

#include "cost/test_planner.h"

namespace fathom {
namespace {

Machine node(int64_t devices, double memory) {
  Machine m = h800(devices);
  m.name = "node";
  m.memory_bytes = memory;
  return m;
}

InferencePlan planned(const ModelConfig& c, const Machine& m, const InferenceInput& in) {
  return value_of(plan_inference(c, m, in));
}

// DeepSeek, "DeepSeek-V3/R1 Inference System Overview" (2025-03-01): a node of 8 H800 does 73.7K
// input tokens/s (cache hits included) or 14.8K output tokens/s; in 24 h 608B tokens in, 168B out,
// on 226.75 nodes in the mean, at $2 an hour and GPU $87,072.
InferenceInput serving_day() {
  InferenceInput in;
  in.format = "fp8";
  in.cache_hit = 342.0 / 608;
  in.input_tokens_per_s = Range::exactly(73.7e3);
  in.output_tokens_per_s = Range::exactly(14.8e3);
  in.input_tokens_per_day = 608e9, in.output_tokens_per_day = 168e9;
  return in;
}

TEST(Serving, DeepSeeksDayFollowsFromItsTraffic) {
  const InferencePlan p = planned(fixture("deepseek-v3"), node(8, 80e9), serving_day());
  EXPECT_NEAR(p.machines->mid, 226.75, 0.005 * 226.75);
  EXPECT_NEAR(p.usd_per_day->mid, 87072, 0.005 * 87072);
  // 226.75 nodes of 8 for 24 h.
  EXPECT_NEAR(cost_of(node(8, 80e9), Range::exactly(226.75 * 8 * 24)).usd->mid, 87072, 1e-6);
}

TEST(Serving, ANodesSpeedGivesMoneyForAMillionTokens) {
  const InferencePlan p = planned(fixture("deepseek-v3"), node(8, 80e9), serving_day());
  EXPECT_NEAR(p.usd_per_mtok_in->mid, 16.0 / 3600 / 73.7e3 * 1e6, 1e-9);
  EXPECT_NEAR(p.usd_per_mtok_in->mid, 0.0603, 0.0001);
  EXPECT_NEAR(p.usd_per_mtok_in_miss->mid, 0.0603 / (1 - 342.0 / 608), 0.0005);
  EXPECT_NEAR(p.usd_per_mtok_out->mid, 0.3003, 0.0001);
  EXPECT_EQ(p.kv_bytes_per_token, 70272);
}

// Its decode engine: EP144 on 18 nodes of 8, attention whole on every device; 1.85K tokens/s a GPU
// at 4,989 entries a token. With a batch that takes about its 20-22 tokens/s and user.
TEST(Serving, TheRooflineHoldsDeepSeeksDecodeSpeed) {
  InferenceInput in;
  in.format = "fp8";
  in.batch = 144 * 85;  // 1,850 / 21.7
  in.context_length = 4989;
  in.mtp_acceptance = 0.85;
  const InferencePlan p = planned(fixture("deepseek-v3"), node(144, 80e9), in);
  EXPECT_EQ(p.tp, 1);
  EXPECT_LT(p.output_tokens_per_s.low / 144, 1850);
  EXPECT_GT(p.output_tokens_per_s.high / 144, 1850);
  EXPECT_GE(*p.max_sequences, in.batch);
}

// Its prefill: EP32 on 4 nodes, 73.7K tokens/s a node of which 56.3% come from the cache.
TEST(Serving, TheRooflineHoldsDeepSeeksPrefillSpeed) {
  InferenceInput in;
  in.format = "fp8";
  in.batch = 64;
  in.cache_hit = 342.0 / 608;
  const InferencePlan p = planned(fixture("deepseek-v3"), node(32, 80e9), in);
  EXPECT_LT(p.input_tokens_per_s.low / 4, 73.7e3);
  EXPECT_GT(p.input_tokens_per_s.high / 4, 73.7e3);
}

// README_WEIGHTS of DeepSeek-V3: 671B + 11.5B of MTP (its own embedding and head not counted), FP8:
// about 685 GB with copies; the main model alone 671B bytes and a little.
TEST(Fit, WeightsWeighWhatTheirFormatSays) {
  const ModelConfig v3 = fixture("deepseek-v3");
  const ParameterCount n = count_parameters(v3);
  const auto bytes = [&](const char* format) {
    return weight_bytes(v3, weight_format(format, "format").value(), false).total();
  };
  EXPECT_NEAR(bytes("bf16"), 2.0 * static_cast<double>(n.total), 1e-3 * bytes("bf16"));
  EXPECT_NEAR(bytes("fp8") / 1e9, 673, 2);  // embedding and head stay bf16
  EXPECT_NEAR(bytes("q4_k") / bytes("bf16"), 144.0 / 512, 1e-3);
  EXPECT_NEAR(
      (weight_bytes(v3, weight_format("fp8", "format").value(), true).total() - bytes("fp8")) / 1e9,
      11.5, 0.2);
  EXPECT_EQ(weight_format("q7", "--format").ok(), false);
}

TEST(Fit, V3InFp8NeedsEightH200OrSixteenH800) {
  const ModelConfig v3 = fixture("deepseek-v3");
  InferenceInput in;
  in.format = "fp8";
  EXPECT_GT(*planned(v3, node(8, 141e9), in).max_sequences, 100);
  const InferencePlan small = planned(v3, node(8, 80e9), in);
  EXPECT_EQ(*small.max_sequences, 0);
  EXPECT_LT(*small.cache_room, 0);
  EXPECT_EQ(small.least_devices, 10);  // 673 GB over 72 GB
}

TEST(Fit, TheCacheIsTheConfigs) {
  const ModelConfig v3 = fixture("deepseek-v3");
  InferenceInput in;
  in.cache_format = "fp8";
  in.context_length = 1000;
  const InferencePlan p = planned(v3, node(16, 141e9), in);
  EXPECT_EQ(p.kv_bytes_per_token, 656 * 61);  // FlashMLA's layout
  EXPECT_EQ(p.bytes_per_sequence, 656.0 * 61 * 1000);
}

// MLA's entry is read by every head: tp ranks keep a copy each. Llama's 8 key-value heads go one to
// a rank.
TEST(Fit, RanksThatShareHeadsKeepCopiesOfMlasEntries) {
  InferenceInput in;
  in.format = "fp8";
  const auto room = [&](const ModelConfig& c, int64_t tp, double copies) {
    in.tp = tp;
    const InferencePlan p = planned(c, node(16, 141e9), in);
    EXPECT_NEAR(*p.cache_room, (0.9 * 141e9 - p.device_weight_bytes) * 16 / copies, 1);
  };
  room(fixture("deepseek-v3"), 1, 1);
  room(fixture("deepseek-v3"), 8, 8);
  room(fixture("llama-3.1-8b"), 8, 1);
  room(fixture("llama-3.1-8b"), 16, 2);
}

// 8 devices hold an eighth of the experts each, MTP's too, and all of the rest.
TEST(Fit, TheDraftingLayersExpertsAreSpreadAsTheOthers) {
  const ModelConfig v3 = fixture("deepseek-v3");
  InferenceInput in;
  const double without = planned(v3, node(8, 141e9), in).device_weight_bytes;
  in.mtp_acceptance = 0.85;
  const double with = planned(v3, node(8, 141e9), in).device_weight_bytes;
  const double experts = 256.0 * 3 * 7168 * 2048;
  const double mtp = static_cast<double>(count_parameters(v3).mtp);
  EXPECT_NEAR(with - without, 2 * (mtp - experts + experts / 8), 1e7);  // the router is f32
}

// A dense model decoded alone is bound by reading its weights once a token.
TEST(Roofline, DecodingAloneReadsTheWeightsOnce) {
  const ModelConfig c = fixture("llama-3.1-8b");
  InferenceInput in;
  in.context_length = 1;
  in.efficiency = Range::exactly(1);
  const InferencePlan p = planned(c, node(1, 80e9), in);
  const double matrices =
      static_cast<double>(count_parameters(c).total - c.vocab_size * c.hidden_size);
  EXPECT_NEAR(p.output_tokens_per_s.high, 3.35e12 / (2 * matrices),
              0.01 * p.output_tokens_per_s.high);
}

TEST(Roofline, ABatchReadsMoreExpertsButSharesThem) {
  const ModelConfig v3 = fixture("deepseek-v3");
  InferenceInput in;
  in.format = "fp8";
  const Machine m = node(8, 141e9);
  const InferencePlan one = planned(v3, m, in);
  in.batch = 64;
  const InferencePlan many = planned(v3, m, in);
  EXPECT_GT(many.decode_bytes, 2 * one.decode_bytes);
  EXPECT_LT(many.decode_bytes, 64 * one.decode_bytes);
  EXPECT_GT(many.output_tokens_per_s.mid, 4 * one.output_tokens_per_s.mid);
  EXPECT_LT(many.usd_per_mtok_out->mid, one.usd_per_mtok_out->mid / 4);
}

// Absorbed: every head reads 512 + 64 numbers of an entry and sums 512.
TEST(Roofline, DecodedFlopsGrowWithTheEntries) {
  const ModelConfig v3 = fixture("deepseek-v3");
  const double step = decode_flops(v3, 1001).total - decode_flops(v3, 1).total;
  EXPECT_NEAR(step, 1000.0 * 61 * 2 * 128 * (576 + 512), 1);
  const ModelConfig llama = fixture("llama-3.1-8b");
  EXPECT_NEAR(decode_flops(llama, 4096).total, forward_flops(llama, 8191).total, 1);
}

// The core is bf16 work whatever the weights are in.
TEST(Roofline, Fp8HasItsPeakInMatrixProductsAlone) {
  const ModelConfig v3 = fixture("deepseek-v3");
  InferenceInput in;
  in.format = "fp8", in.batch = 1000;
  const InferencePlan p = planned(v3, node(16, 141e9), in);
  const FlopsPerToken& f = p.decode_flops;
  const double fine = f.attention_core + f.router + f.head;
  EXPECT_GT(fine, 0.4 * f.total);
  EXPECT_NEAR(p.decode.compute, 1000.0 / 16 * (fine / 989e12 + (f.total - fine) / 1979e12),
              1e-9 * p.decode.compute);
}

TEST(Roofline, CacheHitsMakeInputCheaper) {
  const ModelConfig v3 = fixture("deepseek-v3");
  InferenceInput in;
  in.format = "fp8", in.batch = 8;
  const Machine m = node(8, 141e9);
  const InferencePlan cold = planned(v3, m, in);
  in.cache_hit = 0.56;
  const InferencePlan warm = planned(v3, m, in);
  EXPECT_LT(warm.usd_per_mtok_in->mid, 0.6 * cold.usd_per_mtok_in->mid);
  EXPECT_GT(warm.usd_per_mtok_in->mid, 0.3 * cold.usd_per_mtok_in->mid);
  EXPECT_GT(warm.prefill_flops.attention_core, cold.prefill_flops.attention_core);
}

TEST(Inference, SaysWhatIsMissingOrOutOfRange) {
  const ModelConfig v3 = fixture("deepseek-v3");
  Machine m = node(8, 141e9);
  const auto message = [&](const InferenceInput& in) {
    return plan_inference(v3, m, in).message();
  };
  InferenceInput in;
  in.cache_hit = 1;
  EXPECT_EQ(message(in), "cache-hit: 0% to below 100% wanted, 100% found");
  in.cache_hit = 0, in.format = "fp8", m.peak_flops.erase("fp8");
  EXPECT_EQ(message(in), "node: a peak in fp8 wanted, only bf16 found");
  in.precision = "bf16";
  EXPECT_TRUE(plan_inference(v3, m, in).ok());
  in.cache_format = "int4";
  EXPECT_EQ(message(in), "cache-format: bf16 or fp8 wanted, \"int4\" found");
  in.cache_format = "fp8", in.memory_share = 0;
  EXPECT_EQ(message(in), "memory-share: more than 0% and at most 100% wanted, 0% found");
  in.memory_share = 0.9, in.tp = 3;
  EXPECT_EQ(message(in), "tp: a divisor of 8 devices wanted, 3 found");
  in.tp = 0, m.memory_bytes_per_s = 0;
  EXPECT_EQ(message(in), "node: memory.bandwidth wanted for the roofline, none found");
}

}  // namespace
}  // namespace fathom
