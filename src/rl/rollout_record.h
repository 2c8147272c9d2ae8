// Rollout records: rollouts/step-00000050.jsonl, one line a rollout, enough to draw it again (its
// tokens, seed, stream and the version of the weights), to compute it again (log-probabilities;
// expert_ids, flat: of each token but the last, MoE layer after layer; sampling_sets of each token
// of the answer, an empty one for the whole vocabulary) and to see why it got its reward.
#pragma once

#include <filesystem>

#include "base/status.h"
#include "rl/rollout_step.h"

namespace fathom {

/// Writes one step's records and removes all but the `keep` newest files.
Status write_rollout_records(const std::filesystem::path& directory, int64_t step,
                             const RolloutStep& rollouts, const Tokenizer& tokenizer, int64_t keep);

}  // namespace fathom
