#include "config/model_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

namespace fathom {
namespace {

using nlohmann::json;

const std::filesystem::path kFixtures =
    std::filesystem::path(FATHOM_SOURCE_DIR) / "tests/fixtures/configs";

ModelConfig fixture(const std::string& name) {
  auto config = read_model_config(kFixtures / (name + ".json"));
  if (!config.ok()) throw std::runtime_error(config.message());
  return config.value();
}

json fixture_json(const std::string& name) {
  return json::parse(std::ifstream(kFixtures / (name + ".json")));
}

int64_t count(const ModelConfig& c, bool mtp = false) {
  int64_t n = 0;
  for (const ParameterSpec& p : parameters(c)) {
    if ((p.layer >= c.num_hidden_layers) == mtp && !p.mtp_copy) n += p.size();
  }
  return n;
}

std::string error_of(const json& object) {
  const auto config = parse_model_config(object.dump(), "config.json");
  return config.ok() ? "no error" : config.message();
}

/// The sentence after one key of a fixture was changed.
std::string error_after(const std::string& name, const std::string& pointer, const json& value) {
  json j = fixture_json(name);
  j[json::json_pointer(pointer)] = value;
  return error_of(j);
}

ModelConfig parsed(const json& object) {
  auto config = parse_model_config(object.dump(), "config.json");
  if (!config.ok()) throw std::runtime_error(config.message());
  return config.value();
}

TEST(ModelConfig, V3ReadsAsPublished) {
  const ModelConfig c = fixture("deepseek-v3");
  EXPECT_EQ(c.architecture, Architecture::kDeepseekV3);
  EXPECT_EQ(c.cache_entry_dim(), 576);
  EXPECT_EQ(c.cache_entry_dim() * c.num_hidden_layers * 2, 70272);
  EXPECT_EQ(c.topk_method, TopkMethod::kNoauxTc);
  EXPECT_EQ(c.scoring_func, ScoringFunc::kSigmoid);
  EXPECT_TRUE(c.norm_topk_prob);
  EXPECT_EQ(c.rope.scaling, RopeScaling::kYarn);
  EXPECT_EQ(c.rope.layout, RopeLayout::kInterleaved);
  EXPECT_EQ(c.rope.attention_factor, 1.0);
  const double m = 0.1 * std::log(40.0) + 1.0;
  EXPECT_DOUBLE_EQ(c.softmax_scale(), m * m / std::sqrt(192.0));
  EXPECT_TRUE(c.fp8);
  EXPECT_FALSE(c.fp8_ue8m0);
  EXPECT_TRUE(fixture("deepseek-v3.1").fp8_ue8m0);
  const auto layers = c.layers();
  ASSERT_EQ(layers.size(), 62u);
  EXPECT_EQ(layers[2].ffn, FfnKind::kDense);
  EXPECT_EQ(layers[3].ffn, FfnKind::kMoe);
  EXPECT_FALSE(layers[60].mtp);
  EXPECT_TRUE(layers[61].mtp);
  EXPECT_EQ(layers[61].ffn, FfnKind::kMoe);
}

TEST(ModelConfig, ParameterCountsAreThePublishedOnes) {
  const struct {
    const char* name;
    double billions;
  } published[] = {
      {"deepseek-v3", 671.03},         {"deepseek-v2", 235.74}, {"deepseek-v2-lite", 15.71},
      {"moonlight-16b-a3b", 15.96},    {"kimi-k2", 1026.4},     {"llama-3.1-8b", 8.030},
      {"r1-distill-qwen-1.5b", 1.777}, {"qwen3-0.6b", 0.596}};
  for (const auto& p : published) {
    EXPECT_NEAR(count(fixture(p.name)) / 1e9, p.billions, p.billions * 1e-3) << p.name;
  }
  EXPECT_NEAR(count(fixture("deepseek-v3"), true) / 1e9, 11.5, 0.15);  // its copies not counted
}

TEST(ModelConfig, WhatIsWrittenReadsBackEqual) {
  int n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFixtures)) {
    if (entry.path().extension() != ".json") continue;
    const auto config = read_model_config(entry.path());
    ASSERT_TRUE(config.ok()) << config.message();
    const auto again = parse_model_config(write_model_config(config.value()), "again");
    ASSERT_TRUE(again.ok()) << again.message();
    EXPECT_TRUE(again.value() == config.value()) << entry.path();
    ++n;
  }
  EXPECT_GE(n, 9);
}

TEST(ModelConfig, OddChoicesReadBackEqual) {
  json j = fixture_json("deepseek-v3");
  j["rope_interleave"] = false;
  j["attention_bias"] = true;
  j["tie_word_embeddings"] = true;
  j["rope_scaling"]["mscale"] = 0.5;
  j["eos_token_id"] = {3, 4};
  j["moe_layer_freq"] = 2;
  j["n_shared_experts"] = nullptr;
  j["quantization_config"]["weight_block_size"] = {64, 32};
  const ModelConfig c = parsed(j);
  EXPECT_EQ(c.rope.layout, RopeLayout::kHalves);
  EXPECT_EQ(c.n_shared_experts, 0);
  EXPECT_NEAR(c.rope.attention_factor, (0.05 * std::log(40.0) + 1) / (0.1 * std::log(40.0) + 1),
              1e-15);
  EXPECT_EQ(c.layers()[3].ffn, FfnKind::kDense);
  EXPECT_EQ(c.layers()[4].ffn, FfnKind::kMoe);
  const auto again = parse_model_config(write_model_config(c), "again");
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_TRUE(again.value() == c);

  json q = fixture_json("qwen3-0.6b");
  q["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 4.0}, {"attention_factor", 1.25}};
  q["attention_bias"] = true;
  const ModelConfig d = parsed(q);
  EXPECT_EQ(d.rope.attention_factor, 1.25);
  EXPECT_EQ(d.rope.original_max_position_embeddings, 40960);
  EXPECT_TRUE(parsed(json::parse(write_model_config(d))) == d);
}

TEST(ModelConfig, YarnOfDenseModelsScalesTheTables) {
  json j = fixture_json("r1-distill-qwen-1.5b");
  j["rope_scaling"] = {
      {"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32768}};
  const ModelConfig c = parsed(j);
  EXPECT_DOUBLE_EQ(c.rope.attention_factor, 0.1 * std::log(4.0) + 1.0);
  EXPECT_DOUBLE_EQ(c.softmax_scale(), 1 / std::sqrt(128.0));
}

TEST(ModelConfig, AbsentKeysHaveThePublishedDefaultsOfTheirType) {
  const json sizes = {{"vocab_size", 320},
                      {"hidden_size", 64},
                      {"intermediate_size", 128},
                      {"num_hidden_layers", 4},
                      {"num_attention_heads", 4}};
  json j = sizes;
  j["model_type"] = "llama";
  ModelConfig c = parsed(j);
  EXPECT_EQ(c.rms_norm_eps, 1e-6);
  EXPECT_EQ(c.num_key_value_heads, 4);
  EXPECT_EQ(c.head_dim, 16);
  EXPECT_FALSE(c.qkv_bias || c.attention_bias || c.mlp_bias || c.qk_norm || c.tie_word_embeddings);
  EXPECT_EQ(c.rope.layout, RopeLayout::kHalves);
  EXPECT_EQ(c.rope.rope_theta, 10000.0);
  j["model_type"] = "qwen2";
  EXPECT_TRUE(parsed(j).qkv_bias);
  j["model_type"] = "qwen3";
  EXPECT_TRUE(parsed(j).qk_norm);
  EXPECT_EQ(parsed(j).head_dim, 128);
  j["model_type"] = "deepseek_v2";
  c = parsed(j);
  EXPECT_EQ(c.n_routed_experts, 0);
  EXPECT_EQ(c.q_lora_rank, 1536);
  EXPECT_EQ(c.scoring_func, ScoringFunc::kSoftmax);
  EXPECT_EQ(c.num_nextn_predict_layers, 0);
  j["model_type"] = "deepseek_v3";
  c = parsed(j);
  EXPECT_EQ(c.n_routed_experts, 256);
  EXPECT_EQ(c.num_nextn_predict_layers, 1);
  EXPECT_EQ(c.routed_scaling_factor, 2.5);
  EXPECT_EQ(c.first_k_dense_replace, 3);
}

TEST(ModelConfig, RopeParametersOfNewerFilesAreRead) {
  json j = fixture_json("llama-3.1-8b");
  json r = j["rope_scaling"];
  r["rope_theta"] = j["rope_theta"];
  j.erase("rope_scaling");
  j.erase("rope_theta");
  j["rope_parameters"] = r;
  j["dtype"] = j["torch_dtype"];
  j.erase("torch_dtype");
  EXPECT_TRUE(parsed(j) == fixture("llama-3.1-8b"));
  j["rope_parameters"] = {{"rope_theta", 7000.0}};
  EXPECT_EQ(parsed(j).rope.rope_theta, 7000.0);
  EXPECT_EQ(parsed(j).rope.scaling, RopeScaling::kNone);
}

TEST(ModelConfig, ParametersOfEachKindAreNamedAsPublished) {
  json j = fixture_json("deepseek-v3");
  j["attention_bias"] = true;
  std::set<std::string> names;
  for (const auto& p : parameters(parsed(j))) names.insert(p.name);
  for (const char* name :
       {"model.layers.0.self_attn.q_a_proj.bias",
        "model.layers.0.self_attn.kv_a_proj_with_mqa.bias", "model.layers.0.self_attn.o_proj.bias",
        "model.layers.0.mlp.down_proj.weight", "model.layers.3.mlp.experts.255.up_proj.weight",
        "model.layers.60.mlp.gate.e_score_correction_bias",
        "model.layers.60.mlp.shared_experts.gate_proj.weight", "model.layers.61.eh_proj.weight",
        "model.layers.61.embed_tokens.weight", "model.layers.61.shared_head.head.weight",
        "model.layers.61.shared_head.norm.weight", "model.layers.61.enorm.weight",
        "lm_head.weight"}) {
    EXPECT_TRUE(names.count(name)) << name;
  }
  EXPECT_FALSE(names.count("model.layers.0.self_attn.q_b_proj.bias"));
  EXPECT_FALSE(names.count("model.layers.0.mlp.experts.0.up_proj.weight"));

  names.clear();
  for (const auto& p : parameters(fixture("deepseek-v2-lite"))) names.insert(p.name);
  EXPECT_TRUE(names.count("model.layers.0.self_attn.q_proj.weight"));
  EXPECT_FALSE(names.count("model.layers.1.mlp.gate.e_score_correction_bias"));
  EXPECT_EQ(names.size(), 3 + 27 * 7 + 3 + 26 * (1 + 3 * 65u));

  names.clear();
  for (const auto& p : parameters(fixture("r1-distill-qwen-1.5b"))) names.insert(p.name);
  EXPECT_TRUE(names.count("model.layers.0.self_attn.q_proj.bias"));
  EXPECT_FALSE(names.count("model.layers.0.self_attn.o_proj.bias"));
  names.clear();
  for (const auto& p : parameters(fixture("qwen3-0.6b"))) names.insert(p.name);
  EXPECT_TRUE(names.count("model.layers.27.self_attn.k_norm.weight"));
  EXPECT_FALSE(names.count("lm_head.weight"));
}

TEST(ModelConfig, WhatChangesTheMathematicsIsRefusedByName) {
  const struct {
    const char *fixture, *pointer;
    json value;
    const char* sentence;
  } cases[] = {
      {"deepseek-v3", "/scoring_func", "tanh",
       "config.json: scoring_func: \"sigmoid\" or \"softmax\" wanted, \"tanh\" found"},
      {"deepseek-v3", "/topk_method", "random",
       "config.json: topk_method: \"noaux_tc\", \"group_limited_greedy\", \"greedy\" or \"gready\" "
       "wanted, \"random\" found"},
      {"deepseek-v3", "/hidden_act", "gelu",
       "config.json: hidden_act: \"silu\" or \"swish\" wanted, \"gelu\" found"},
      {"deepseek-v3", "/model_type", "deepseek_v32",
       "config.json: model_type: one of \"deepseek_v2\", \"deepseek_v3\", \"kimi_k2\", \"llama\", "
       "\"qwen2\", \"qwen3\" wanted, \"deepseek_v32\" found"},
      {"deepseek-v3", "/model_type", nullptr,
       "config.json: model_type: one of \"deepseek_v2\", \"deepseek_v3\", \"kimi_k2\", \"llama\", "
       "\"qwen2\", \"qwen3\" wanted, nothing found"},
      {"deepseek-v3", "/rope_scaling/type", "dynamic",
       "config.json: rope_scaling.type: \"default\", \"yarn\", \"linear\" or \"llama3\" wanted, "
       "\"dynamic\" found"},
      {"deepseek-v3", "/rope_scaling/factor", nullptr,
       "config.json: rope_scaling.factor: a number from 1 to 1000000 wanted, nothing found"},
      {"deepseek-v3", "/quantization_config/quant_method", "awq",
       "config.json: quantization_config.quant_method: \"fp8\" wanted, \"awq\" found"},
      {"deepseek-v3", "/quantization_config/fmt", "e5m2",
       "config.json: quantization_config.fmt: \"e4m3\" wanted, \"e5m2\" found"},
      {"deepseek-v3",
       "/quantization_config/weight_block_size",
       {128},
       "config.json: quantization_config.weight_block_size: two positive integers wanted, [128] "
       "found"},
      {"deepseek-v3", "/index_topk", 2048,
       "config.json: index_topk: no sparse attention (deepseek_v32) wanted, 2048 found"},
      {"deepseek-v3", "/hidden_size", 7168.0,
       "config.json: hidden_size: an integer from 1 to 1048576 wanted, 7168.0 found"},
      {"deepseek-v3", "/hidden_size", 0,
       "config.json: hidden_size: an integer from 1 to 1048576 wanted, 0 found"},
      {"deepseek-v3", "/vocab_size", 18446744073709551615u,
       "config.json: vocab_size: an integer from 1 to 16777216 wanted, 18446744073709551615 found"},
      {"deepseek-v3", "/hidden_size", nullptr,
       "config.json: hidden_size: an integer from 1 to 1048576 wanted, nothing found"},
      {"deepseek-v3", "/num_experts_per_tok", 257,
       "config.json: num_experts_per_tok: an integer from 1 to 256 wanted, 257 found"},
      {"deepseek-v3", "/n_group", 7,
       "config.json: n_group: a divisor of n_routed_experts 256 wanted, 7 found"},
      {"deepseek-v3", "/n_group", 256,
       "config.json: num_experts_per_tok: at most 4 (topk_group 4 of groups of 1) wanted, 8 found"},
      {"deepseek-v3", "/topk_group", 9,
       "config.json: topk_group: an integer from 1 to 8 wanted, 9 found"},
      {"deepseek-v3", "/qk_rope_head_dim", 63,
       "config.json: qk_rope_head_dim: an even number wanted, 63 found"},
      {"deepseek-v3", "/norm_topk_prob", 1,
       "config.json: norm_topk_prob: true or false wanted, 1 found"},
      {"deepseek-v3", "/num_hidden_layers", 4097,
       "config.json: num_hidden_layers: an integer from 1 to 4096 wanted, 4097 found"},
      {"deepseek-v3", "/n_routed_experts", 65536,
       "config.json: n_routed_experts: at most 16912 for 62 layers wanted, 65536 found"},
      {"deepseek-v2", "/norm_topk_prob", true,
       "config.json: norm_topk_prob: false in deepseek_v2 with routed_scaling_factor 16 wanted, "
       "true "
       "found"},
      {"llama-3.1-8b", "/num_key_value_heads", 5,
       "config.json: num_key_value_heads: a divisor of num_attention_heads 32 wanted, 5 found"},
      {"llama-3.1-8b", "/hidden_size", 4097,
       "config.json: hidden_size: a multiple of num_attention_heads 32 wanted, 4097 found"},
      {"llama-3.1-8b", "/rope_scaling/high_freq_factor", 0.5,
       "config.json: rope_scaling.high_freq_factor: more than low_freq_factor 1 wanted, 0.5 found"},
      {"llama-3.1-8b", "/rope_scaling", 3,
       "config.json: rope_scaling: an object or null wanted, 3 found"},
      {"llama-3.1-8b", "/partial_rotary_factor", 0.5,
       "config.json: partial_rotary_factor: 1.0 wanted, 0.5 found"},
      {"r1-distill-qwen-1.5b", "/use_sliding_window", true,
       "config.json: use_sliding_window: false wanted, true found"},
      {"qwen3-0.6b",
       "/layer_types",
       {"full_attention", "sliding_attention"},
       "config.json: layer_types: \"full_attention\" for every layer wanted, "
       "[\"full_attention\",\"sliding_attention\"] found"},
      {"r1-distill-qwen-1.5b", "/use_mrope", true,
       "config.json: use_mrope: false wanted, true found"},
      {"deepseek-v3", "/rope_scaling/type", nullptr,
       "config.json: rope_scaling.rope_type: \"yarn\", \"linear\", \"llama3\" or \"default\" "
       "wanted, nothing found"},
      {"qwen3-0.6b", "/head_dim", 127, "config.json: head_dim: an even number wanted, 127 found"},
      {"qwen3-0.6b", "/eos_token_id", "end",
       "config.json: eos_token_id: a token id or a list of token ids wanted, \"end\" found"},
  };
  for (const auto& c : cases) EXPECT_EQ(error_after(c.fixture, c.pointer, c.value), c.sentence);
}

TEST(ModelConfig, ADefaultThatContradictsAnotherKeyIsRefused) {
  // Found by fuzzing: the message asked for the value of a key that is not there.
  json j = fixture_json("llama-3.1-8b");
  j["rope_scaling"].erase("high_freq_factor");
  EXPECT_EQ(error_of(j),
            "config.json: rope_scaling.high_freq_factor: a number from 1e-06 to 1000000 wanted, "
            "nothing found");
  j = fixture_json("deepseek-v3");
  j.erase("num_experts_per_tok");
  j["n_group"] = 256;
  j["topk_group"] = 7;
  EXPECT_EQ(error_of(j),
            "config.json: num_experts_per_tok: at most 7 (topk_group 7 of groups of 1) wanted, "
            "nothing found");
}

TEST(ModelConfig, TextThatIsNoConfigIsOneSentence) {
  const auto broken = parse_model_config("{\"model_type\": ", "config.json");
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(broken.message().find("config.json: JSON wanted, "), 0u) << broken.message();
  EXPECT_EQ(broken.message().find('\n'), std::string::npos);
  EXPECT_EQ(error_of(json::array()), "config.json: a JSON object wanted");
  EXPECT_FALSE(read_model_config("/nonexistent/config.json").ok());
}

}  // namespace
}  // namespace fathom
