// config.json to ModelConfig: the keys of each model_type with the defaults that its published
// configuration class gives to absent ones, then the checks that hold for all. What changes the
// mathematics and is not known here is refused by its name.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "config/fields_impl.h"
#include "config/model_config.h"

namespace fathom {
namespace {

using nlohmann::json;

// Above every published model by far, and small enough that no product of sizes leaves int64 and no
// list of names fills the memory.
constexpr int64_t kMaxWidth = int64_t{1} << 20;
constexpr int64_t kMaxHeads = int64_t{1} << 16;
constexpr int64_t kMaxVocab = int64_t{1} << 24;
constexpr int64_t kMaxLayers = 4096;
constexpr int64_t kMaxMtpLayers = 16;
constexpr int64_t kMaxExperts = int64_t{1} << 16;
constexpr int64_t kMaxExpertsOfAllLayers = int64_t{1} << 20;
constexpr int64_t kMaxHeadsTimesDim = int64_t{1} << 24;
constexpr int64_t kMaxPositions = int64_t{1} << 40;

struct ModelType {
  const char* name;
  Architecture architecture;
};
// Kimi-K2 is DeepSeek-V3's architecture under a name of its own; Moonlight says deepseek_v3.
constexpr ModelType kModelTypes[] = {
    {"deepseek_v2", Architecture::kDeepseekV2},
    {"deepseek_v3", Architecture::kDeepseekV3},
    {"kimi_k2", Architecture::kDeepseekV3},
    {"llama", Architecture::kLlama},
    {"qwen2", Architecture::kQwen2},
    {"qwen3", Architecture::kQwen3},
};

bool is_deepseek(const ModelConfig& c) {
  return c.architecture == Architecture::kDeepseekV2 || c.architecture == Architecture::kDeepseekV3;
}

void read_model_type(ModelConfig& c, Fields& f) {
  std::string known;
  for (const ModelType& t : kModelTypes) {
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", t.name);
    if (f.has("model_type") && f.at("model_type") == t.name) {
      c.model_type = t.name;
      c.architecture = t.architecture;
    }
  }
  if (!c.model_type.empty()) return;
  if (f.has("model_type")) {
    f.refuse("model_type", "one of " + known);
  } else {
    f.refuse("model_type", "one of " + known, "nothing");
  }
}

void read_common(ModelConfig& c, Fields& f) {
  c.vocab_size = f.required("vocab_size", 1, kMaxVocab);
  c.hidden_size = f.required("hidden_size", 1, kMaxWidth);
  c.num_hidden_layers = f.required("num_hidden_layers", 1, kMaxLayers);
  c.intermediate_size = f.required("intermediate_size", 1, kMaxWidth);
  c.num_attention_heads = f.required("num_attention_heads", 1, kMaxHeads);
  const bool qwen =
      c.architecture == Architecture::kQwen2 || c.architecture == Architecture::kQwen3;
  c.max_position_embeddings = f.integer("max_position_embeddings",
                                        c.architecture == Architecture::kDeepseekV3 ? 4096
                                        : qwen                                      ? 32768
                                                                                    : 2048,
                                        1, kMaxPositions);
  c.rms_norm_eps = f.number("rms_norm_eps", 1e-6, 0.0, 1.0);
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", false);
  c.initializer_range = f.number("initializer_range", 0.02, 0.0, 1e3);
  c.torch_dtype = f.text("torch_dtype", f.text("dtype", "bfloat16").c_str());
  f.choice("hidden_act", 0, {"silu", "swish"});
  f.only("partial_rotary_factor", 1.0);
  c.eos_token_ids = f.ids("eos_token_id");
  const std::vector<int64_t> bos = f.ids("bos_token_id");
  if (bos.size() > 1) f.refuse("bos_token_id", "one token id");
  if (!bos.empty()) c.bos_token_id = bos[0];
}

void read_mla(ModelConfig& c, Fields& f) {
  // null means one q_proj without compression; an absent key means the published default.
  const bool null = f.is_null("q_lora_rank");
  c.q_lora_rank = null ? 0 : f.integer("q_lora_rank", 1536, 0, kMaxWidth);
  c.kv_lora_rank = f.integer("kv_lora_rank", 512, 1, kMaxWidth);
  c.qk_nope_head_dim = f.integer("qk_nope_head_dim", 128, 1, kMaxWidth);
  c.qk_rope_head_dim = f.integer("qk_rope_head_dim", 64, 2, kMaxWidth);
  c.v_head_dim = f.integer("v_head_dim", 128, 1, kMaxWidth);
  c.num_key_value_heads = c.num_attention_heads;  // every head has keys and values of its own
  c.attention_bias = f.boolean("attention_bias", false);
  c.rope.layout =
      f.boolean("rope_interleave", true) ? RopeLayout::kInterleaved : RopeLayout::kHalves;
  if (c.qk_rope_head_dim % 2 != 0) f.refuse("qk_rope_head_dim", "an even number");
  if (f.has("index_topk")) f.refuse("index_topk", "no sparse attention (deepseek_v32)");
}

void read_groups(ModelConfig& c, Fields& f) {
  const bool v3 = c.architecture == Architecture::kDeepseekV3;
  // A plain top-k knows no groups, whatever the file says of them.
  if (c.topk_method == TopkMethod::kGreedy) return;
  c.n_group = f.integer("n_group", v3 ? 8 : 1, 1, c.n_routed_experts);
  c.topk_group = f.integer("topk_group", v3 ? 4 : 1, 1, c.n_group);
  if (c.n_routed_experts % c.n_group != 0) {
    f.refuse("n_group", fmt::format("a divisor of n_routed_experts {}", c.n_routed_experts),
             std::to_string(c.n_group));
    return;
  }
  const int64_t group = c.n_routed_experts / c.n_group;
  if (c.num_experts_per_tok > c.topk_group * group) {
    f.refuse("num_experts_per_tok", fmt::format("at most {} (topk_group {} of groups of {})",
                                                c.topk_group * group, c.topk_group, group));
  }
  if (c.topk_method == TopkMethod::kNoauxTc && c.n_group > 1 && group < 2) {
    f.refuse("n_group", "groups of two experts or more with noaux_tc", std::to_string(c.n_group));
  }
}

void read_moe(ModelConfig& c, Fields& f) {
  const bool v3 = c.architecture == Architecture::kDeepseekV3;
  c.num_nextn_predict_layers = f.integer("num_nextn_predict_layers", v3 ? 1 : 0, 0, kMaxMtpLayers);
  if (f.is_null("num_nextn_predict_layers")) c.num_nextn_predict_layers = 0;
  c.n_routed_experts = f.integer("n_routed_experts", v3 ? 256 : 0, 0, kMaxExperts);
  if (f.is_null("n_routed_experts")) c.n_routed_experts = 0;
  if (c.n_routed_experts == 0) return;
  const int64_t n_layers = c.num_hidden_layers + c.num_nextn_predict_layers;
  if (c.n_routed_experts * n_layers > kMaxExpertsOfAllLayers) {
    f.refuse("n_routed_experts",
             fmt::format("at most {} for {} layers", kMaxExpertsOfAllLayers / n_layers, n_layers));
  }
  c.n_shared_experts = f.integer("n_shared_experts", v3 ? 1 : 0, 0, kMaxExperts);
  if (f.is_null("n_shared_experts")) c.n_shared_experts = 0;
  c.num_experts_per_tok =
      v3 ? f.integer("num_experts_per_tok", std::min<int64_t>(8, c.n_routed_experts), 1,
                     c.n_routed_experts)
         : f.required("num_experts_per_tok", 1, c.n_routed_experts);
  c.moe_intermediate_size = f.integer("moe_intermediate_size", v3 ? 2048 : 1407, 1, kMaxWidth);
  if (c.n_shared_experts * c.moe_intermediate_size > kMaxWidth) {
    f.refuse("n_shared_experts", fmt::format("at most {} channels of shared experts", kMaxWidth));
  }
  c.first_k_dense_replace = f.integer("first_k_dense_replace", v3 ? 3 : 0, 0, kMaxLayers);
  c.moe_layer_freq = f.integer("moe_layer_freq", 1, 1, kMaxLayers);
  c.routed_scaling_factor = f.number("routed_scaling_factor", v3 ? 2.5 : 1.0, -1e6, 1e6);
  c.norm_topk_prob = f.boolean("norm_topk_prob", v3);
  c.scoring_func = f.choice("scoring_func", v3 ? 0 : 1, {"sigmoid", "softmax"}) == 0
                       ? ScoringFunc::kSigmoid
                       : ScoringFunc::kSoftmax;
  // "gready" is how the published V2 configuration class spells its default.
  constexpr TopkMethod kMethods[] = {TopkMethod::kNoauxTc, TopkMethod::kGroupLimitedGreedy,
                                     TopkMethod::kGreedy, TopkMethod::kGreedy};
  c.topk_method = kMethods[f.choice("topk_method", v3 ? 0 : 2,
                                    {"noaux_tc", "group_limited_greedy", "greedy", "gready"})];
  read_groups(c, f);
  // V2's published code drops the factor once weights are normalised, V3's keeps it; no published
  // V2 checkpoint asks for both.
  if (!v3 && c.norm_topk_prob && c.routed_scaling_factor != 1.0) {
    f.refuse("norm_topk_prob", fmt::format("false in deepseek_v2 with routed_scaling_factor {}",
                                           c.routed_scaling_factor));
  }
}

void read_gqa(ModelConfig& c, Fields& f) {
  const Architecture a = c.architecture;
  c.rope.layout = RopeLayout::kHalves;
  c.num_key_value_heads = f.integer("num_key_value_heads", c.num_attention_heads, 1, kMaxHeads);
  if (c.num_attention_heads % c.num_key_value_heads != 0) {
    f.refuse("num_key_value_heads",
             fmt::format("a divisor of num_attention_heads {}", c.num_attention_heads));
  }
  const int64_t own = c.hidden_size / c.num_attention_heads;
  c.head_dim = f.integer("head_dim", a == Architecture::kQwen3 ? 128 : own, 2, kMaxWidth);
  if (!f.has("head_dim") && a != Architecture::kQwen3 &&
      (own < 2 || c.hidden_size % c.num_attention_heads != 0)) {
    f.refuse("hidden_size",
             fmt::format("a multiple of num_attention_heads {}", c.num_attention_heads));
  }
  if (c.head_dim % 2 != 0) f.refuse("head_dim", "an even number", std::to_string(c.head_dim));
  c.qkv_bias = a == Architecture::kQwen2;
  c.qk_norm = a == Architecture::kQwen3;
  if (a != Architecture::kQwen2) c.attention_bias = f.boolean("attention_bias", false);
  if (a == Architecture::kLlama) {
    c.mlp_bias = f.boolean("mlp_bias", false);
    return;
  }
  f.only("use_sliding_window", false);
  f.only("use_mrope", false);
  if (!f.has("layer_types")) return;
  const json& types = f.at("layer_types");
  const bool full = types.is_array() && std::all_of(types.begin(), types.end(), [](const json& t) {
                      return t == "full_attention";
                    });
  if (!full) f.refuse("layer_types", "\"full_attention\" for every layer");
}

void read_yarn(ModelConfig& c, Fields& f) {
  RopeConfig& r = c.rope;
  r.scaling = RopeScaling::kYarn;
  r.factor = f.required_number("factor", 1.0, 1e6);
  r.beta_fast = f.number("beta_fast", 32.0, 1e-6, 1e6);
  r.beta_slow = f.number("beta_slow", 1.0, 1e-6, 1e6);
  r.original_max_position_embeddings =
      f.integer("original_max_position_embeddings",
                is_deepseek(c) ? 4096 : c.max_position_embeddings, 1, kMaxPositions);
  f.only("truncate", true);
  r.mscale = f.number("mscale", 1.0, 0.0, 1e3);
  r.mscale_all_dim = f.number("mscale_all_dim", 0.0, 0.0, 1e3);
  // DeepSeek: the softmax scale takes mscale_all_dim squared (softmax_scale()), so the tables carry
  // what mscale leaves over. The dense models have no such keys and put the whole factor on the
  // tables, which squares it in the score.
  const double own =
      yarn_get_mscale(r.factor, r.mscale) / yarn_get_mscale(r.factor, r.mscale_all_dim);
  r.attention_factor = f.number("attention_factor", own, 1e-6, 1e6);
}

void read_llama3(ModelConfig& c, Fields& f) {
  RopeConfig& r = c.rope;
  r.scaling = RopeScaling::kLlama3;
  r.factor = f.required_number("factor", 1.0, 1e6);
  r.low_freq_factor = f.required_number("low_freq_factor", 1e-6, 1e6);
  r.high_freq_factor = f.required_number("high_freq_factor", 1e-6, 1e6);
  r.original_max_position_embeddings =
      f.required("original_max_position_embeddings", 1, kMaxPositions);
  if (r.high_freq_factor <= r.low_freq_factor) {
    f.refuse("high_freq_factor", fmt::format("more than low_freq_factor {}", r.low_freq_factor));
  }
}

void read_scaling(ModelConfig& c, Fields& f) {
  const char* key = f.has("rope_type") ? "rope_type" : "type";
  if (!f.has(key)) {  // newer files leave the type out where nothing is scaled
    if (f.has("factor")) {
      f.refuse("rope_type", "\"yarn\", \"linear\", \"llama3\" or \"default\"", "nothing");
    }
    return;
  }
  switch (f.choice(key, 0, {"default", "yarn", "linear", "llama3"})) {
    case 1:
      return read_yarn(c, f);
    case 2:
      c.rope.scaling = RopeScaling::kLinear;
      c.rope.factor = f.required_number("factor", 1.0, 1e6);
      f.only("mscale_all_dim", 0.0);
      return;
    case 3:
      return read_llama3(c, f);
    default:
      return;
  }
}

// Older files have rope_theta and rope_scaling, newer ones rope_parameters with both in it.
void read_rope(ModelConfig& c, Fields& f) {
  c.rope.rope_theta = f.number("rope_theta", 10000.0, 1.0, 1e12);
  const char* key = f.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!f.has(key)) return;
  if (!f.at(key).is_object()) return f.refuse(key, "an object or null");
  Fields inner = f.inner(key);
  c.rope.rope_theta = inner.number("rope_theta", c.rope.rope_theta, 1.0, 1e12);
  inner.only("partial_rotary_factor", 1.0);
  read_scaling(c, inner);
  f.adopt(inner);
}

void read_quantization(ModelConfig& c, Fields& f) {
  if (f.has("compression_config")) f.refuse("compression_config", "no compressed tensors");
  if (!f.has("quantization_config")) return;
  if (!f.at("quantization_config").is_object()) {
    return f.refuse("quantization_config", "an object or null");
  }
  Fields q = f.inner("quantization_config");
  c.fp8 = true;
  if (!q.has("quant_method")) q.refuse("quant_method", "\"fp8\"", "nothing");
  q.choice("quant_method", 0, {"fp8"});
  q.choice("fmt", 0, {"e4m3"});
  q.choice("activation_scheme", 0, {"dynamic"});
  c.fp8_ue8m0 = q.has("scale_fmt") && q.choice("scale_fmt", 1, {"ue8m0", "float"}) == 0;
  if (q.is_null("weight_block_size")) q.refuse("weight_block_size", "[128, 128]", "null");
  if (q.has("weight_block_size")) {
    const json& size = q.at("weight_block_size");
    const auto good = [](const json& n) {
      return n.is_number_integer() && n.get<int64_t>() >= 1 && n.get<int64_t>() <= kMaxWidth;
    };
    if (size.is_array() && size.size() == 2 && good(size[0]) && good(size[1])) {
      c.fp8_block_rows = size[0].get<int64_t>();
      c.fp8_block_cols = size[1].get<int64_t>();
    } else {
      q.refuse("weight_block_size", "two positive integers");
    }
  }
  f.adopt(q);
}

void check_whole(const ModelConfig& c, Fields& f) {
  if (!f.status().ok()) return;
  const int64_t head = std::max({c.qk_head_dim(), c.v_head_dim, c.qk_nope_head_dim + c.v_head_dim});
  if (head > kMaxHeadsTimesDim / c.num_attention_heads) {
    f.refuse("num_attention_heads",
             fmt::format("at most {} channels in all heads", kMaxHeadsTimesDim),
             fmt::format("{} heads of {}", c.num_attention_heads, head));
  }
}

}  // namespace

Result<ModelConfig> parse_model_config(std::string_view json_text, const std::string& where) {
  json object;
  try {
    object = json::parse(json_text);
  } catch (const json::exception& e) {
    return Status::error(fmt::format("{}: JSON wanted, {}", where, e.what()));
  }
  if (!object.is_object()) return Status::error(fmt::format("{}: a JSON object wanted", where));
  ModelConfig c;
  Fields f(object, where + ": ");
  read_model_type(c, f);
  read_common(c, f);
  if (is_deepseek(c)) {
    read_mla(c, f);
    read_moe(c, f);
  } else {
    read_gqa(c, f);
  }
  read_rope(c, f);
  read_quantization(c, f);
  check_whole(c, f);
  if (!f.status().ok()) return f.status();
  return c;
}

Result<ModelConfig> read_model_config(const std::filesystem::path& path) {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return parse_model_config(text, path.string());
}

}  // namespace fathom
