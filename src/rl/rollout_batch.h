// Prompts with their answers as one batch of the trainer: each a sequence of its own length, from
// position 0, that sees nothing of the others and is computed without padding. Only the answers'
// tokens (the eos among them) carry loss. Rollouts, samples of supervised tuning and recorded data
// of any source go to the trainer through here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/trainer_model.h"
#include "rl/grpo.h"

namespace fathom {

/// One sequence: what was given, and what is learnt from.
struct PromptAnswer {
  std::span<const int32_t> prompt, answer;
  /// What the sequence was sampled with and is computed with again (TrainBatch): the experts of
  /// every token but the last, and for each token of the answer those that could be drawn. Empty:
  /// neither.
  std::span<const uint16_t> experts = {};
  std::span<const std::vector<int32_t>> sampling_sets = {};
  /// For each token of the answer 1, or 0 where it was given as well: a later question, a tool's
  /// result. Empty: none was.
  std::span<const uint8_t> learnt = {};
  int64_t n_tokens() const { return static_cast<int64_t>(prompt.size() + answer.size()); }
};

/// A batch's places are the predicted positions, sequence after sequence: those of LogpLoss. Rows
/// in succession with the same prompt share its positions but the last two: these are places of the
/// first of them alone (TrainBatch.shared).
class RolloutBatch {
 public:
  RolloutBatch() = default;
  /// Copies the tokens. Requires: every prompt and every answer has a token.
  explicit RolloutBatch(std::span<const PromptAnswer> rows);

  /// Views of this, with loss weight 1 at the places of what is learnt and 0 at what was given.
  /// own_experts:
  /// of another model than the one that sampled, whose experts mean nothing to it.
  TrainBatch batch(bool own_experts = false) const;
  /// Where each answer lies among the places, with advantage 0, in the order of the rows.
  std::vector<RolloutSpan>& spans() { return spans_; }
  const std::vector<RolloutSpan>& spans() const { return spans_; }
  int64_t n_places() const { return n_places_; }
  /// That are learnt.
  int64_t n_answer_tokens() const { return n_answer_tokens_; }

  /// Numbers of answer tokens laid at their places, 0 at the prompts'. values: one list a row, as
  /// long as its answer.
  std::vector<float> at_places(std::span<const std::span<const float>> values) const;

 private:
  void lay_experts(std::span<const PromptAnswer> rows);
  void lay_sampling_sets(std::span<const PromptAnswer> rows);

  std::vector<int32_t> tokens_, lengths_,
      shared_;                       // tokens_ [n_rows, stride_], shared_ [n_rows, 2]
  std::vector<float> loss_weights_;  // [n_rows, stride_ - 1]
  std::vector<RolloutSpan> spans_;
  std::vector<int32_t>
      experts_;  // [n_places, experts_of_place_], -1 where a row has none; or empty
  std::vector<std::vector<int32_t>> sampling_sets_;  // of each place; or empty
  int64_t experts_of_place_ = 0;
  int64_t stride_ = 0, n_places_ = 0, n_answer_tokens_ = 0;
};

/// Cuts rows into consecutive stretches of at most `most_tokens` places, each of at least one row.
/// Returns the end of each stretch.
std::vector<size_t> micro_batch_ends(std::span<const PromptAnswer> rows, int64_t most_tokens);

}  // namespace fathom
