#include "cost/training_flops.h"

namespace fathom {
namespace {

FlopsPerToken times(FlopsPerToken f, double k) {
  for (double* part : {&f.attention_core, &f.attention_projections, &f.routed_experts,
                       &f.shared_experts, &f.dense_ffn, &f.router, &f.head, &f.mtp, &f.total}) {
    *part *= k;
  }
  return f;
}

/// Forward FLOPs of MLA's q_b_proj (or q_proj) and kv_b_proj in one layer; a GQA layer has none.
double up_projections(const ModelConfig& c) {
  if (c.kv_lora_rank == 0) return 0;
  const double heads = static_cast<double>(c.num_attention_heads);
  const double q_in = static_cast<double>(c.q_lora_rank);  // 0: q_proj is kept, not recomputed
  const double kv = static_cast<double>(c.qk_nope_head_dim + c.v_head_dim);
  return 2 * heads *
         (q_in * static_cast<double>(c.qk_head_dim()) + static_cast<double>(c.kv_lora_rank) * kv);
}

double recomputed(const ModelConfig& c, const FlopsPerToken& forward, Recompute recompute) {
  const double mtp_layers = static_cast<double>(c.num_nextn_predict_layers);
  const double layers = static_cast<double>(c.num_hidden_layers) + mtp_layers;
  if (recompute == Recompute::kSelective) return layers * up_projections(c);
  if (recompute == Recompute::kFull) {
    return forward.total - forward.head + forward.mtp - mtp_layers * forward.head;
  }
  return 0;
}

}  // namespace

std::string_view name_of(FlopsDefinition definition) {
  constexpr std::string_view kNames[] = {"non-causal", "causal", "6N"};
  return kNames[static_cast<int>(definition)];
}

std::string_view name_of(Recompute recompute) {
  constexpr std::string_view kNames[] = {"none", "selective", "full"};
  return kNames[static_cast<int>(recompute)];
}

TrainingFlops training_flops(const ModelConfig& config, int64_t context_length,
                             FlopsDefinition definition, Recompute recompute) {
  const FlopsPerToken forward = forward_flops(config, context_length, definition);
  TrainingFlops t;
  t.definition = definition;
  t.context_length = context_length;
  t.parts = times(forward, 3);
  t.model = t.parts.total;
  t.mtp = t.parts.mtp;
  t.recompute = recomputed(config, forward, recompute);
  t.six_n = 6 * static_cast<double>(count_parameters(config).active);
  return t;
}

}  // namespace fathom
