#include "cost/weight_formats.h"

#include <fmt/format.h>

namespace fathom {

const std::vector<WeightFormat>& weight_formats() {
  // GGUF's blocks: bytes of a block over the numbers in it. FP8: one f32 scale for 128 x 128.
  static const std::vector<WeightFormat> formats = {
      {"bf16", 2, true, "bf16"},
      {"f16", 2, true, "bf16"},
      {"f32", 4, true, "f32"},
      {"fp8", 1 + 4.0 / (128 * 128), false, "fp8"},
      {"q8_0", 34.0 / 32, true, "bf16"},
      {"q6_k", 210.0 / 256, true, "bf16"},
      {"q5_k", 176.0 / 256, true, "bf16"},
      {"q4_k", 144.0 / 256, true, "bf16"},
      {"q4_0", 18.0 / 32, true, "bf16"},
      {"q3_k", 110.0 / 256, true, "bf16"},
      {"q2_k", 84.0 / 256, true, "bf16"},
  };
  return formats;
}

Result<WeightFormat> weight_format(std::string_view name, const std::string& where) {
  std::string known;
  for (const WeightFormat& f : weight_formats()) {
    if (f.name == name) return f;
    known += (known.empty() ? "" : ", ") + std::string(f.name);
  }
  return Status::error(fmt::format("{}: one of {} wanted, \"{}\" found", where, known, name));
}

namespace {

double bytes_of(const ParameterSpec& p, const WeightFormat& format) {
  const bool router = p.router_bias || p.name.ends_with("mlp.gate.weight");
  if (p.cols == 0 || router) return 4;
  const bool ends = p.name.find("embed_tokens") != std::string::npos ||
                    p.name.find("lm_head") != std::string::npos;
  return ends && !format.embedding_and_head ? 2 : format.bytes;
}

}  // namespace

WeightBytes weight_bytes(const ModelConfig& config, const WeightFormat& format, bool with_mtp) {
  WeightBytes w;
  for (const ParameterSpec& p : parameters(config)) {
    if (p.mtp_copy || (p.layer >= config.num_hidden_layers && !with_mtp)) continue;
    const double bytes = static_cast<double>(p.size()) * bytes_of(p, format);
    (p.routed_expert ? w.routed : w.other) += bytes;
    if (p.name.find("embed_tokens") != std::string::npos && !config.tie_word_embeddings) {
      w.embedding += bytes;
    }
  }
  return w;
}

}  // namespace fathom
