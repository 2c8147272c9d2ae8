// See rollout_batch.h.
#include "rl/rollout_batch.h"

#include <algorithm>

#include "base/check.h"

namespace fathom {

namespace {

// Positions that a row behind `first` shares with it: all of the prompt but the last two, whose
// next tokens, or the ones after these that the MTP layer predicts, are the row's own.
int64_t n_shared(const PromptAnswer& first, const PromptAnswer& row) {
  const bool same =
      std::equal(first.prompt.begin(), first.prompt.end(), row.prompt.begin(), row.prompt.end());
  return same ? std::max<int64_t>(0, static_cast<int64_t>(row.prompt.size()) - 2) : 0;
}

}  // namespace

RolloutBatch::RolloutBatch(std::span<const PromptAnswer> rows) {
  for (const PromptAnswer& r : rows) {
    FATHOM_CHECK(!r.prompt.empty() && !r.answer.empty());
    stride_ = std::max(stride_, r.n_tokens());
  }
  const auto n = static_cast<int64_t>(rows.size());
  tokens_.assign(n * stride_, 0);  // what lies behind a row's length is never read
  loss_weights_.assign(n * (stride_ - 1), 0.0f);
  int64_t first = 0;  // of the rows with this prompt
  for (int64_t i = 0; i < n; ++i) {
    const PromptAnswer& r = rows[i];
    const auto begin = tokens_.begin() + i * stride_;
    std::copy(r.answer.begin(), r.answer.end(), std::copy(r.prompt.begin(), r.prompt.end(), begin));
    // Position t predicts token t + 1: the answer's first token is predicted by the prompt's last.
    const auto before = static_cast<int64_t>(r.prompt.size()) - 1;
    const auto answer = static_cast<int64_t>(r.answer.size());
    const auto weights = loss_weights_.begin() + i * (stride_ - 1) + before;
    FATHOM_CHECK(r.learnt.empty() || r.learnt.size() == r.answer.size());
    if (r.learnt.empty()) {
      std::fill_n(weights, answer, 1.0f);
    } else {
      std::copy(r.learnt.begin(), r.learnt.end(), weights);
    }
    const int64_t shared = i > 0 ? n_shared(rows[first], r) : 0;
    if (shared == 0) first = i;
    shared_.insert(shared_.end(), {static_cast<int32_t>(first), static_cast<int32_t>(shared)});
    lengths_.push_back(static_cast<int32_t>(r.n_tokens() - 1));
    const int64_t own = lengths_.back() - shared;
    spans_.push_back({n_places_ + before - shared, n_places_ + own, 0});
    n_places_ += own;
    n_answer_tokens_ +=
        r.learnt.empty() ? answer : std::count(r.learnt.begin(), r.learnt.end(), uint8_t{1});
  }
  lay_experts(rows);
  lay_sampling_sets(rows);
}

void RolloutBatch::lay_experts(std::span<const PromptAnswer> rows) {
  for (const PromptAnswer& r : rows) {
    if (r.experts.empty()) continue;
    const auto n = static_cast<int64_t>(r.experts.size());
    FATHOM_CHECK(n % (r.n_tokens() - 1) == 0);
    experts_of_place_ = n / (r.n_tokens() - 1);
  }
  if (experts_of_place_ == 0) return;
  for (size_t i = 0; i < rows.size(); ++i) {
    const PromptAnswer& r = rows[i];
    const int64_t n = (r.n_tokens() - 1) * experts_of_place_,
                  before = shared_[2 * i + 1] * experts_of_place_;
    if (r.experts.empty()) {
      experts_.insert(experts_.end(), n - before, -1);
    } else {
      FATHOM_CHECK(static_cast<int64_t>(r.experts.size()) == n);
      experts_.insert(experts_.end(), r.experts.begin() + before, r.experts.end());
    }
  }
}

void RolloutBatch::lay_sampling_sets(std::span<const PromptAnswer> rows) {
  const auto any = [](const PromptAnswer& r) { return !r.sampling_sets.empty(); };
  if (std::none_of(rows.begin(), rows.end(), any)) return;
  sampling_sets_.resize(n_places_);
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto& sets = rows[i].sampling_sets;
    if (sets.empty()) continue;
    FATHOM_CHECK(static_cast<int64_t>(sets.size()) == spans_[i].length());
    std::copy(sets.begin(), sets.end(), sampling_sets_.begin() + spans_[i].begin);
  }
}

TrainBatch RolloutBatch::batch(bool own_experts) const {
  const auto n = static_cast<int64_t>(lengths_.size());
  TrainBatch b;
  b.tokens = View<const int32_t>(tokens_.data(), {n, stride_});
  b.loss_weights = View<const float>(loss_weights_.data(), {n, stride_ - 1});
  b.lengths = View<const int32_t>(lengths_.data(), {n});
  b.shared = View<const int32_t>(shared_.data(), {n, 2});
  if (!experts_.empty() && !own_experts)
    b.experts = View<const int32_t>(experts_.data(), {n_places_, experts_of_place_});
  b.sampling_sets = sampling_sets_;
  return b;
}

std::vector<float> RolloutBatch::at_places(std::span<const std::span<const float>> values) const {
  FATHOM_CHECK(values.size() == spans_.size());
  std::vector<float> out(n_places_, 0.0f);
  for (size_t i = 0; i < values.size(); ++i) {
    FATHOM_CHECK(static_cast<int64_t>(values[i].size()) == spans_[i].length());
    std::copy(values[i].begin(), values[i].end(), out.begin() + spans_[i].begin);
  }
  return out;
}

std::vector<size_t> micro_batch_ends(std::span<const PromptAnswer> rows, int64_t most_tokens) {
  std::vector<size_t> ends;
  int64_t tokens = 0;
  for (size_t i = 0, first = 0; i < rows.size(); ++i) {
    const int64_t alone = rows[i].n_tokens() - 1;
    int64_t shared = i > first ? n_shared(rows[first], rows[i]) : 0;
    if (tokens > 0 && tokens + alone - shared > most_tokens) {
      ends.push_back(i);
      tokens = shared = 0;
    }
    if (shared == 0) first = i;
    tokens += alone - shared;
  }
  if (!rows.empty()) ends.push_back(rows.size());
  return ends;
}

}  // namespace fathom
