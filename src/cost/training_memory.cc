#include "cost/training_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cost/key_values.h"

namespace fathom {
namespace {

/// Parameters of one stage, by how they are spread.
struct Stage {
  double routed = 0, other = 0;
  double activations_per_token = 0;
  bool head = false;
};

std::vector<Stage> stages_of(const ModelConfig& c, const MemoryInput& in) {
  const std::vector<LayerSpec> layers = c.layers();
  const auto n_layers = static_cast<int64_t>(layers.size());
  const int64_t pp = in.parallelism.pp;
  const auto stage_of = [&](int64_t layer) { return layer * pp / n_layers; };
  std::vector<Stage> stages(pp);
  for (const ParameterSpec& p : parameters(c)) {
    if (p.mtp_copy) continue;
    const bool first = p.name.find("embed_tokens") != std::string::npos;
    Stage& s = stages[p.layer >= 0 ? stage_of(p.layer) : first ? 0 : pp - 1];
    (p.routed_expert ? s.routed : s.other) += static_cast<double>(p.size());
  }
  for (int64_t i = 0; i < n_layers; ++i) {
    stages[stage_of(i)].activations_per_token +=
        activation_bytes(c, layers[i], in.recompute, in.fp8_activations);
  }
  stages.back().head = true;
  return stages;
}

/// Of one stage on one device, its activations for `in_flight` micro-batches.
DeviceMemory memory_of(const ModelConfig& c, const MemoryInput& in, const Stage& s,
                       double in_flight) {
  const Parallelism& p = in.parallelism;
  const double dp = static_cast<double>(p.dp), ep = static_cast<double>(p.ep);
  const double other = s.other / static_cast<double>(p.tp);
  const double routed = s.routed / ep / static_cast<double>(p.tp);
  const auto bytes = [&](double per_parameter, bool shared_out) {
    return per_parameter * (shared_out ? other / dp + routed * ep / dp : other + routed);
  };
  const double tokens = static_cast<double>(in.micro_batch_tokens) / static_cast<double>(p.tp);
  DeviceMemory m;
  m.routed = routed, m.other = other;
  m.weights = bytes(in.state.weights, p.zero >= 3);
  m.gradients = bytes(in.state.gradients, p.zero >= 2);
  m.masters = bytes(in.state.masters, p.zero >= 1);
  m.moments = bytes(in.state.moments, p.zero >= 1);
  m.activations =
      s.activations_per_token * tokens * std::min(in_flight, static_cast<double>(in.micro_batches));
  if (s.head) m.logits = 4 * static_cast<double>(c.vocab_size) * tokens;
  return m;
}

DeviceMemory operator+(const DeviceMemory& a, const DeviceMemory& b) {
  return {a.weights + b.weights,         a.gradients + b.gradients,
          a.masters + b.masters,         a.moments + b.moments,
          a.activations + b.activations, a.logits + b.logits,
          a.routed + b.routed,           a.other + b.other};
}

/// Bytes a token of the attention of one layer.
double attention_bytes(const ModelConfig& c, const LayerSpec& layer, bool all, double in_bytes) {
  const double heads = static_cast<double>(c.num_attention_heads);
  const double qk = static_cast<double>(c.qk_head_dim());
  const bool mla = layer.attention == AttentionKind::kMla;
  const double v = static_cast<double>(mla ? c.v_head_dim : c.head_dim);
  // The core keeps its output and the logarithm of each head's sum.
  double bytes = 2 * heads * v + 4 * heads;
  if (all) bytes += in_bytes * static_cast<double>(c.hidden_size);  // normed input
  if (!mla) {
    return bytes + 2 * (heads * qk + 2 * static_cast<double>(c.num_key_value_heads) * qk);
  }
  const double compressed = static_cast<double>(c.q_lora_rank + c.kv_lora_rank);
  bytes += 2 * (compressed + static_cast<double>(c.qk_rope_head_dim));
  if (all) bytes += in_bytes * compressed;                    // normed
  if (all) return bytes + 2 * heads * (qk + qk + v);          // q, k, v of every head
  return c.q_lora_rank > 0 ? bytes : bytes + 2 * heads * qk;  // q is no up-projection here
}

/// Bytes a token of the feed-forward of one layer: gate and up, and unless they are computed again
/// their product and the normed input.
double ffn_bytes(const ModelConfig& c, const LayerSpec& layer, bool all, double in_bytes) {
  const double d = static_cast<double>(c.hidden_size);
  double bytes = all ? in_bytes * d : 0;
  const double per_channel = in_bytes * (all ? 3 : 2);
  if (layer.ffn == FfnKind::kDense) {
    return bytes + per_channel * static_cast<double>(c.intermediate_size);
  }
  const double k = static_cast<double>(c.num_experts_per_tok);
  const double channels =
      (k + static_cast<double>(c.n_shared_experts)) * static_cast<double>(c.moe_intermediate_size);
  bytes += 4 * static_cast<double>(c.n_routed_experts);  // affinities
  // What was dispatched. What comes back is not kept: the router's weight is multiplied in before
  // the down-projection.
  bytes += k * in_bytes * d;
  return bytes + per_channel * channels;
}

Result<double> bytes_of(std::string_view format, const std::string& where) {
  const struct {
    std::string_view name;
    double bytes;
  } formats[] = {{"f32", 4}, {"bf16", 2}, {"fp8", 1}, {"none", 0}};
  for (const auto& f : formats) {
    if (f.name == format) return f.bytes;
  }
  return Status::error(
      fmt::format("{}: f32, bf16, fp8 or none wanted, \"{}\" found", where, format));
}

}  // namespace

Result<StateBytes> parse_state_bytes(std::string_view text, const std::string& where) {
  StateBytes s;
  FATHOM_ASSIGN_OR_RETURN(const auto pairs, parse_key_values(text, where));
  for (const auto& [key, format] : pairs) {
    FATHOM_ASSIGN_OR_RETURN(const double bytes,
                            bytes_of(format, fmt::format("{}: {}", where, key)));
    if (key == "weights") {
      s.weights = bytes;
    } else if (key == "gradients") {
      s.gradients = bytes;
    } else if (key == "masters") {
      s.masters = bytes;
    } else if (key == "moments") {
      s.moments = 2 * bytes;
    } else {
      return Status::error(fmt::format(
          "{}: weights, gradients, masters or moments wanted, \"{}\" found", where, key));
    }
  }
  return s;
}

double activation_bytes(const ModelConfig& c, const LayerSpec& layer, Recompute recompute,
                        bool fp8_activations) {
  const double residual = 2 * static_cast<double>(c.hidden_size);
  if (recompute == Recompute::kFull) return residual;
  const bool all = recompute == Recompute::kNone;
  const double in_bytes = fp8_activations ? 1 : 2;
  return 2 * residual + attention_bytes(c, layer, all, in_bytes) +
         ffn_bytes(c, layer, all, in_bytes);
}

DeviceMemory training_memory(const ModelConfig& config, const MemoryInput& input) {
  const std::vector<Stage> stages = stages_of(config, input);
  const auto pp = static_cast<int64_t>(stages.size());
  DeviceMemory most;
  for (int64_t i = 0; i < pp; ++i) {
    DeviceMemory m = memory_of(config, input, stages[i], static_cast<double>(pp - i));
    if (input.schedule == PipelineSchedule::kDualPipe) {
      m = m + memory_of(config, input, stages[pp - 1 - i], static_cast<double>(i + 1));
    }
    if (m.total() > most.total()) most = m;
  }
  return most;
}

}  // namespace fathom
