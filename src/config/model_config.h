// ModelConfig: the hyperparameters of a checkpoint, by their own keys, and the schedule of layers that they mean.
// Everything that reads a model's shape reads it from here; nothing is inferred from an absent tensor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace fathom {

enum class Architecture { kDeepseekV2, kDeepseekV3, kLlama, kQwen2, kQwen3 };
enum class AttentionKind { kMla, kGqa };
enum class FfnKind { kDense, kMoe };
enum class ScoringFunc { kSigmoid, kSoftmax };
enum class TopkMethod { kNoauxTc, kGreedy, kGroupLimitedGreedy };
enum class RopeLayout { kInterleaved, kHalves };  // pairs (2i, 2i+1), or (i, i + d/2)
enum class RopeScaling { kNone, kYarn, kLinear, kLlama3 };

/// One layer of the schedule. The MTP layers follow the num_hidden_layers main ones.
struct LayerSpec {
  AttentionKind attention = AttentionKind::kMla;
  FfnKind ffn = FfnKind::kDense;
  bool mtp = false;
  bool operator==(const LayerSpec&) const = default;
};

struct RopeConfig {
  RopeLayout layout = RopeLayout::kInterleaved;
  RopeScaling scaling = RopeScaling::kNone;
  double rope_theta = 10000.0;
  double factor = 1.0;
  double beta_fast = 32.0, beta_slow = 1.0, mscale = 1.0, mscale_all_dim = 0.0;  // yarn
  int64_t original_max_position_embeddings = 0;                                  // yarn, llama3
  double low_freq_factor = 1.0, high_freq_factor = 4.0;                          // llama3
  double attention_factor = 1.0;  // yarn: cos and sin are multiplied by it; resolved by the parser, always positive
  bool operator==(const RopeConfig&) const = default;
};

struct ModelConfig {
  Architecture architecture = Architecture::kDeepseekV3;
  std::string model_type;  // as the file says
  int64_t vocab_size = 0, hidden_size = 0, num_hidden_layers = 0, intermediate_size = 0;
  int64_t num_attention_heads = 0, num_key_value_heads = 0, head_dim = 0;  // head_dim: GQA only
  int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  bool attention_bias = false;    // MLA: q_a_proj, kv_a_proj_with_mqa, o_proj; llama: q, k, v, o
  bool qkv_bias = false;          // qwen2: q, k, v only
  bool mlp_bias = false;
  bool qk_norm = false;           // qwen3: RMSNorm of every head of q and k
  // MLA; q_lora_rank 0: one q_proj
  int64_t q_lora_rank = 0, kv_lora_rank = 0, qk_nope_head_dim = 0, qk_rope_head_dim = 0, v_head_dim = 0;
  // DeepSeekMoE; n_routed_experts 0: every FFN is dense
  int64_t n_routed_experts = 0, n_shared_experts = 0, num_experts_per_tok = 0, moe_intermediate_size = 0;
  int64_t first_k_dense_replace = 0, moe_layer_freq = 1, n_group = 1, topk_group = 1;
  double routed_scaling_factor = 1.0;
  bool norm_topk_prob = false;
  ScoringFunc scoring_func = ScoringFunc::kSoftmax;
  TopkMethod topk_method = TopkMethod::kGreedy;
  int64_t num_nextn_predict_layers = 0;
  RopeConfig rope;
  int64_t bos_token_id = -1;
  std::vector<int64_t> eos_token_ids;
  double initializer_range = 0.02;
  std::string torch_dtype = "bfloat16";
  // quantization_config: fp8 with blocks
  bool fp8 = false;
  int64_t fp8_block_rows = 128, fp8_block_cols = 128;
  bool fp8_ue8m0 = false;  // scale_fmt "ue8m0": every scale is a power of two

  /// num_hidden_layers main layers, then num_nextn_predict_layers MTP layers.
  std::vector<LayerSpec> layers() const;
  /// Numbers that the cache keeps of a token in one layer: kv_lora_rank + qk_rope_head_dim, or 2 * kv heads * head_dim.
  int64_t cache_entry_dim() const;
  /// Width of one query head as attention sees it.
  int64_t qk_head_dim() const;
  /// Softmax scale, with the YaRN factor squared. Source: golden/README.md item 4, DeepSeek-V2 appendix on YaRN.
  double softmax_scale() const;
  bool operator==(const ModelConfig&) const = default;
};

/// YaRN's correction of the attention temperature: 0.1 mscale ln(factor) + 1, and 1 where factor <= 1.
/// Source: Peng et al., "YaRN" (2023) §3.4, as the published code of DeepSeek-V2 has it.
double yarn_get_mscale(double factor, double mscale);

/// Reads and validates config.json's text. `where` names the file in messages. Every key that changes the mathematics is honoured or
/// refused by name: `config.json: scoring_func: "sigmoid" or "softmax" wanted, "tanh" found`.
Result<ModelConfig> parse_model_config(std::string_view json_text, const std::string& where);
Result<ModelConfig> read_model_config(const std::filesystem::path& path);
/// The same layout back, with the published keys; parse_model_config of it gives an equal config. Requires: a config that a parser made, or
/// one that would pass its checks.
std::string write_model_config(const ModelConfig& config);

/// One parameter of the model: its published name and shape (vectors have cols = 0).
struct ParameterSpec {
  std::string name;
  int64_t rows = 0, cols = 0;
  bool routed_expert = false;  // one of n_routed_experts, of which num_experts_per_tok are active
  int layer = -1;              // -1: embedding, final norm, head
  bool mtp_copy = false;       // the MTP layer's copy of embedding or head: the main model's tensor, not a parameter of its own
  bool router_bias = false;    // e_score_correction_bias: f32, moved by the load, not by a gradient
  /// Numbers in it.
  int64_t size() const { return cols == 0 ? rows : rows * cols; }
};
/// Every tensor that a published checkpoint of this config holds, in the order of the layers, FP8 scales not counted.
std::vector<ParameterSpec> parameters(const ModelConfig& config);

}  // namespace fathom
