// What the tests of this folder share: a tokenizer of single bytes that knows fathom's chat
// template, and a model small enough to learn within a test.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/model_config.h"
#include "model/trainer_model.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace fathom {

/// A token is a byte; the template's control tokens follow.
class ByteChatTokenizer : public Tokenizer {
 public:
  static constexpr int32_t kBos = 256, kEos = 257, kUser = 258, kAssistant = 259, kThink = 260,
                           kEndThink = 261;
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const override {
    std::vector<int32_t> ids;
    while (!text.empty()) {
      const int32_t special = options.parse_added_tokens ? special_at(text) : -1;
      ids.push_back(special >= 0 ? special : static_cast<unsigned char>(text[0]));
      text.remove_prefix(special >= 0 ? token_bytes(special).size() : 1);
    }
    return ids;
  }
  std::string token_bytes(int32_t id) const override {
    static const char* const kSpecial[] = {"<｜begin▁of▁sentence｜>",
                                           "<｜end▁of▁sentence｜>",
                                           "<｜User｜>",
                                           "<｜Assistant｜>",
                                           "<think>",
                                           "</think>"};
    if (id < 0 || id >= vocab_size()) return {};
    return id < 256 ? std::string(1, static_cast<char>(id)) : kSpecial[id - 256];
  }
  std::string decode(std::span<const int32_t> ids, bool skip_special) const override {
    std::string text;
    for (int32_t id : ids) {
      if (!skip_special || !is_special(id)) text += token_bytes(id);
    }
    return text;
  }
  int32_t token_id(std::string_view token) const override {
    for (int32_t id = 256; id < vocab_size(); ++id) {
      if (token_bytes(id) == token) return id;
    }
    return -1;
  }
  bool is_special(int32_t id) const override { return id >= 256 && id < kThink; }
  int32_t vocab_size() const override { return 262; }
  int32_t bos_id() const override { return kBos; }
  int32_t eos_id() const override { return kEos; }
  bool add_bos_token() const override { return true; }
  const std::string& chat_template() const override { return template_; }

 private:
  int32_t special_at(std::string_view text) const {
    for (int32_t id = 256; id < vocab_size(); ++id) {
      if (text.starts_with(token_bytes(id))) return id;
    }
    return -1;
  }
  std::string template_ = kFathomChatTemplate;
};

/// Of all parameters, in their order.
inline std::vector<double> gradients_of(TrainerModel& model) {
  std::vector<double> all;
  for (const Parameter& p : model.parameters())
    all.insert(all.end(), p.gradient.data(), p.gradient.data() + p.gradient.size());
  return all;
}

/// |a - b| / |a|.
inline double relative_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double d = 0, n = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    d += (a[i] - b[i]) * (a[i] - b[i]);
    n += a[i] * a[i];
  }
  return std::sqrt(d / n);
}

/// Two layers, one of them with experts, and an MTP layer; 264 tokens, 256 positions.
inline ModelConfig tiny_model_config() {
  auto config = parse_model_config(R"({"model_type": "deepseek_v3", "vocab_size": 264,
    "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48, "num_attention_heads": 2,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "q_lora_rank": null,
    "kv_lora_rank": 16, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16,
    "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2,
    "moe_intermediate_size": 16, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
    "scoring_func": "sigmoid", "topk_method": "noaux_tc", "norm_topk_prob": true,
    "routed_scaling_factor": 1.0, "num_nextn_predict_layers": 1, "initializer_range": 0.1,
    "hidden_act": "silu", "rope_theta": 10000, "rms_norm_eps": 1e-6})",
                                   "config.json");
  FATHOM_CHECK(config.ok());
  return config.value();
}

}  // namespace fathom
