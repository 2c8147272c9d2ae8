// Passes over the model: what each sequence gets of a pass, and the times it took.
#include "engine/generate.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "engine/finite.h"

namespace fathom {
namespace {

thread_local SamplerScratch t_scratch;

// One sequence's share of a pass.
struct Share {
  int64_t sequence_idx;
  std::span<const int32_t> tokens;
  bool ends_prompt;  // its logits choose a token
};

std::vector<Share> share_out(std::span<Sequence* const> sequences, int64_t n_chunk) {
  std::vector<Share> shares;
  int64_t n_left = n_chunk;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const Sequence& s = *sequences[i];
    const auto pending = s.pending();
    const auto n_pending = static_cast<int64_t>(pending.size());
    const int64_t n = s.in_prompt() ? std::min(n_left, n_pending) : 1;
    if (s.finished() || n == 0) continue;
    if (s.in_prompt()) n_left -= n;
    shares.push_back(
        {static_cast<int64_t>(i), pending.first(static_cast<size_t>(n)), n == n_pending});
  }
  return shares;
}

// What the pass chose, to the sequences that want to know. ids: of each MoE layer, [tokens of the
// pass, num_experts_per_tok].
void tell_experts(std::span<Sequence* const> sequences, const std::vector<Share>& shares,
                  const std::vector<std::vector<int32_t>>& ids, size_t n_chosen) {
  size_t row = 0;
  std::vector<uint16_t> own;
  for (const Share& share : shares) {
    own.clear();
    for (size_t t = 0; t < share.tokens.size(); ++t, ++row) {
      for (const auto& layer : ids) {
        for (size_t j = 0; j < n_chosen; ++j)
          own.push_back(static_cast<uint16_t>(layer[row * n_chosen + j]));
      }
    }
    Sequence& s = *sequences[static_cast<size_t>(share.sequence_idx)];
    if (s.keeps_experts()) s.note_experts(own);
  }
}

}  // namespace

Result<StepResult> step(const Engine& engine, std::span<Sequence* const> sequences) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<Share> shares = share_out(sequences, engine.n_chunk());
  FATHOM_CHECK(!shares.empty());
  const int64_t vocab_size = engine.model().config().vocab_size;
  const auto n_rows = static_cast<int64_t>(shares.size());
  Tensor<float> logits({n_rows, vocab_size});
  std::vector<SequenceChunk> chunks;
  StepResult result;
  for (const Share& share : shares) {
    Sequence& s = *sequences[static_cast<size_t>(share.sequence_idx)];
    const auto n = static_cast<int64_t>(share.tokens.size());
    (s.in_prompt() ? result.n_prefill_tokens : result.n_decode_tokens) += n;
    chunks.push_back({.cache = &s.mutable_cache(), .tokens = share.tokens});
  }
  const bool keep = std::any_of(shares.begin(), shares.end(), [&](const Share& s) {
    return sequences[static_cast<size_t>(s.sequence_idx)]->keeps_experts();
  });
  std::vector<std::vector<int32_t>> expert_ids;
  ForwardProbe probe;
  probe.expert_ids = &expert_ids;
  engine.model().forward(logits.view(), chunks, keep ? &probe : nullptr);
  if (keep) {
    tell_experts(sequences, shares, expert_ids,
                 static_cast<size_t>(engine.model().config().num_experts_per_tok));
  }
  for (int64_t row = 0; row < n_rows; ++row) {
    const Share& share = shares[static_cast<size_t>(row)];
    if (!share.ends_prompt) continue;
    const auto row_logits = std::span(logits.view().row(row), static_cast<size_t>(vocab_size));
    if (!all_finite(row_logits)) return explain_not_finite(engine.checkpoint());
    Sequence& s = *sequences[static_cast<size_t>(share.sequence_idx)];
    FATHOM_ASSIGN_OR_RETURN(TokenEvent token, s.accept(t_scratch, row_logits));
    result.events.push_back({share.sequence_idx, std::move(token)});
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

Result<GenerationStats> generate(const Engine& engine, std::span<Sequence* const> sequences,
                                 const std::function<bool(const StepResult&)>& on_step) {
  GenerationStats stats;
  for (const Sequence* s : sequences) {
    stats.n_prompt += s->n_prompt();
    stats.n_reused += s->n_reused();
  }
  const auto under_way = [](const Sequence* s) { return !s->finished(); };
  while (std::any_of(sequences.begin(), sequences.end(), under_way)) {
    FATHOM_ASSIGN_OR_RETURN(const StepResult result, step(engine, sequences));
    const bool prefill = result.n_prefill_tokens > 0;
    (prefill ? stats.n_prefill : stats.n_decode) +=
        result.n_prefill_tokens + result.n_decode_tokens;
    (prefill ? stats.prefill_s : stats.decode_s) += result.seconds;
    stats.n_generated += static_cast<int64_t>(result.events.size());
    if (!on_step(result)) break;
  }
  for (const Sequence* s : sequences) stats.cache_bytes += s->cache().bytes_used();
  return stats;
}

}  // namespace fathom
