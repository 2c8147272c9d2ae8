#include "cost/flops.h"

namespace fathom {
namespace {

/// The parts of one layer are added to `f`; the caller knows whether the layer is a main one or an
/// MTP one. attended: positions that a token attends to, in the mean.
void add_layer(FlopsPerToken& f, const ModelConfig& c, const LayerSpec& spec, double attended) {
  const double d = static_cast<double>(c.hidden_size),
               heads = static_cast<double>(c.num_attention_heads);
  const double qk = static_cast<double>(c.qk_head_dim());
  const bool mla = spec.attention == AttentionKind::kMla;
  const double v = static_cast<double>(mla ? c.v_head_dim : c.head_dim);
  if (mla) {
    const double q_lora = static_cast<double>(c.q_lora_rank),
                 kv_lora = static_cast<double>(c.kv_lora_rank);
    const double q = q_lora > 0 ? d * q_lora + q_lora * heads * qk : d * heads * qk;
    const double kv_a = d * (kv_lora + static_cast<double>(c.qk_rope_head_dim));
    const double kv_b = kv_lora * heads * (static_cast<double>(c.qk_nope_head_dim) + v);
    f.attention_projections += 2 * (q + kv_a + kv_b + heads * v * d);
  } else {
    const double kv_heads = static_cast<double>(c.num_key_value_heads);
    f.attention_projections += 2 * d * (2 * heads * qk + 2 * kv_heads * qk);
  }
  f.attention_core += 2 * heads * (qk + v) * attended;
  if (spec.ffn == FfnKind::kDense) {
    f.dense_ffn += 6 * d * static_cast<double>(c.intermediate_size);
    return;
  }
  const double expert = 6 * d * static_cast<double>(c.moe_intermediate_size);
  f.routed_experts += expert * static_cast<double>(c.num_experts_per_tok);
  f.shared_experts += expert * static_cast<double>(c.n_shared_experts);
  f.router += 2 * d * static_cast<double>(c.n_routed_experts);
}

double sum(const FlopsPerToken& f) {
  return f.attention_core + f.attention_projections + f.routed_experts + f.shared_experts +
         f.dense_ffn + f.router + f.head;
}

}  // namespace

FlopsPerToken forward_flops(const ModelConfig& config, int64_t context_length,
                            FlopsDefinition definition) {
  FATHOM_CHECK(context_length >= 1 && definition != FlopsDefinition::kSixN);
  const double d = static_cast<double>(config.hidden_size);
  const double context = static_cast<double>(context_length);
  const double attended = definition == FlopsDefinition::kCausal ? (context + 1) / 2 : context;
  FlopsPerToken main, mtp;
  main.head = 2 * d * static_cast<double>(config.vocab_size);
  for (const LayerSpec& spec : config.layers()) {
    add_layer(spec.mtp ? mtp : main, config, spec, attended);
    if (spec.mtp) mtp.head += main.head + 2 * d * 2 * d;  // eh_proj and the shared head
  }
  main.total = sum(main);
  main.mtp = sum(mtp);
  return main;
}

double training_flops_per_token(const ModelConfig& config, int64_t context_length,
                                FlopsDefinition definition, double parameters_active) {
  if (definition == FlopsDefinition::kSixN) {
    if (parameters_active > 0) return 6 * parameters_active;
    return 6 * static_cast<double>(count_parameters(config).active);
  }
  return 3 * forward_flops(config, context_length, definition).total;
}

ParameterCount count_parameters(const ModelConfig& config) {
  ParameterCount n;
  int64_t routed = 0;
  for (const ParameterSpec& p : parameters(config)) {
    if (p.mtp_copy) continue;
    if (p.layer >= config.num_hidden_layers) {
      n.mtp += p.size();
      continue;
    }
    n.total += p.size();
    if (p.routed_expert) routed += p.size();
  }
  n.active = n.total - routed;
  // Experts are of one size, so the share is exact.
  if (routed > 0) n.active += routed / config.n_routed_experts * config.num_experts_per_tok;
  return n;
}

int64_t cache_bytes_per_token(const ModelConfig& config) {
  return config.cache_entry_dim() * config.num_hidden_layers * 2;
}

}  // namespace fathom
