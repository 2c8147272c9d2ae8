// ModelConfig back to config.json, with the published keys in their usual order, for other tools
// and for our own parser.
#include <nlohmann/json.hpp>

#include "config/model_config.h"

namespace fathom {
namespace {

using Json = nlohmann::ordered_json;

const char* class_name(Architecture a) {
  switch (a) {
    case Architecture::kDeepseekV2:
      return "DeepseekV2ForCausalLM";
    case Architecture::kDeepseekV3:
      return "DeepseekV3ForCausalLM";
    case Architecture::kLlama:
      return "LlamaForCausalLM";
    case Architecture::kQwen2:
      return "Qwen2ForCausalLM";
    case Architecture::kQwen3:
      return "Qwen3ForCausalLM";
  }
  return "";
}

Json integer_or_null(int64_t n) { return n > 0 ? Json(n) : Json(nullptr); }

Json rope_scaling(const ModelConfig& c) {
  const RopeConfig& r = c.rope;
  Json j;
  switch (r.scaling) {
    case RopeScaling::kNone:
      return nullptr;
    case RopeScaling::kLinear:
      return {{"type", "linear"}, {"factor", r.factor}};
    case RopeScaling::kLlama3:
      return {{"rope_type", "llama3"},
              {"factor", r.factor},
              {"low_freq_factor", r.low_freq_factor},
              {"high_freq_factor", r.high_freq_factor},
              {"original_max_position_embeddings", r.original_max_position_embeddings}};
    case RopeScaling::kYarn:
      break;
  }
  j = {{"type", "yarn"},
       {"factor", r.factor},
       {"beta_fast", r.beta_fast},
       {"beta_slow", r.beta_slow},
       {"original_max_position_embeddings", r.original_max_position_embeddings}};
  if (c.kv_lora_rank > 0 || r.mscale != 1.0 || r.mscale_all_dim != 0.0) {
    j["mscale"] = r.mscale;
    j["mscale_all_dim"] = r.mscale_all_dim;
  }
  // Written only where the other keys would not give it.
  const double own =
      yarn_get_mscale(r.factor, r.mscale) / yarn_get_mscale(r.factor, r.mscale_all_dim);
  if (r.attention_factor != own) j["attention_factor"] = r.attention_factor;
  return j;
}

const char* name(TopkMethod m) {
  switch (m) {
    case TopkMethod::kNoauxTc:
      return "noaux_tc";
    case TopkMethod::kGreedy:
      return "greedy";
    case TopkMethod::kGroupLimitedGreedy:
      return "group_limited_greedy";
  }
  return "";
}

void write_deepseek(Json& j, const ModelConfig& c) {
  j["q_lora_rank"] = integer_or_null(c.q_lora_rank);
  j["kv_lora_rank"] = c.kv_lora_rank;
  j["qk_nope_head_dim"] = c.qk_nope_head_dim;
  j["qk_rope_head_dim"] = c.qk_rope_head_dim;
  j["v_head_dim"] = c.v_head_dim;
  if (c.rope.layout == RopeLayout::kHalves) j["rope_interleave"] = false;
  j["n_routed_experts"] = integer_or_null(c.n_routed_experts);
  j["num_nextn_predict_layers"] = c.num_nextn_predict_layers;
  if (c.n_routed_experts == 0) return;
  j["n_shared_experts"] = integer_or_null(c.n_shared_experts);
  j["num_experts_per_tok"] = c.num_experts_per_tok;
  j["moe_intermediate_size"] = c.moe_intermediate_size;
  j["first_k_dense_replace"] = c.first_k_dense_replace;
  j["moe_layer_freq"] = c.moe_layer_freq;
  j["n_group"] = c.n_group;
  j["topk_group"] = c.topk_group;
  j["topk_method"] = name(c.topk_method);
  j["scoring_func"] = c.scoring_func == ScoringFunc::kSigmoid ? "sigmoid" : "softmax";
  j["norm_topk_prob"] = c.norm_topk_prob;
  j["routed_scaling_factor"] = c.routed_scaling_factor;
}

void write_dense(Json& j, const ModelConfig& c) {
  j["head_dim"] = c.head_dim;
  if (c.architecture == Architecture::kLlama) {
    j["mlp_bias"] = c.mlp_bias;
  } else {
    j["use_sliding_window"] = false;
  }
}

void write_tokens(Json& j, const ModelConfig& c) {
  if (c.bos_token_id >= 0) j["bos_token_id"] = c.bos_token_id;
  if (c.eos_token_ids.size() == 1) j["eos_token_id"] = c.eos_token_ids[0];
  if (c.eos_token_ids.size() > 1) j["eos_token_id"] = c.eos_token_ids;
}

}  // namespace

std::string write_model_config(const ModelConfig& c) {
  Json j;
  j["architectures"] = Json::array({class_name(c.architecture)});
  j["model_type"] = c.model_type;
  j["vocab_size"] = c.vocab_size;
  j["hidden_size"] = c.hidden_size;
  j["intermediate_size"] = c.intermediate_size;
  j["num_hidden_layers"] = c.num_hidden_layers;
  j["num_attention_heads"] = c.num_attention_heads;
  j["num_key_value_heads"] = c.num_key_value_heads;
  if (c.kv_lora_rank > 0) {
    write_deepseek(j, c);
  } else {
    write_dense(j, c);
  }
  if (c.architecture != Architecture::kQwen2) j["attention_bias"] = c.attention_bias;
  j["hidden_act"] = "silu";
  j["rms_norm_eps"] = c.rms_norm_eps;
  j["rope_theta"] = c.rope.rope_theta;
  j["rope_scaling"] = rope_scaling(c);
  j["max_position_embeddings"] = c.max_position_embeddings;
  j["tie_word_embeddings"] = c.tie_word_embeddings;
  j["initializer_range"] = c.initializer_range;
  write_tokens(j, c);
  j["torch_dtype"] = c.torch_dtype;
  if (c.fp8) {
    Json& q = j["quantization_config"];
    q = {{"quant_method", "fp8"}, {"fmt", "e4m3"}, {"activation_scheme", "dynamic"}};
    q["weight_block_size"] = {c.fp8_block_rows, c.fp8_block_cols};
    if (c.fp8_ue8m0) q["scale_fmt"] = "ue8m0";
  }
  return j.dump(2) + "\n";
}

}  // namespace fathom
