// A sequence's life: start on a prompt with what the cache still holds of it, tokens accepted one
// by one, an end.
#include "engine/sequence.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace fathom {
namespace {

int64_t common_prefix(std::span<const int32_t> a, std::span<const int32_t> b) {
  const auto n = static_cast<int64_t>(std::min(a.size(), b.size()));
  return std::mismatch(a.begin(), a.begin() + n, b.begin()).first - a.begin();
}

}  // namespace

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kNone:
      return "";
    case FinishReason::kEos:
      return "eos";
    case FinishReason::kStopString:
      return "stop_string";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContext:
      return "context";
    case FinishReason::kCancelled:
      return "cancelled";
  }
  return "";
}

Status Sequence::check_prompt(std::span<const int32_t> prompt) const {
  if (prompt.empty()) return Status::error("prompt: at least one token wanted, none found");
  const auto n = static_cast<int64_t>(prompt.size());
  if (n >= engine_->n_ctx()) {
    return Status::error(
        fmt::format("prompt: fewer than {} tokens wanted (the context of {}), {} found",
                    engine_->n_ctx(), engine_->where(), n));
  }
  const int64_t vocab_size = engine_->model().config().vocab_size;
  for (int32_t id : prompt) {
    if (id >= 0 && id < vocab_size) continue;
    return Status::error(
        fmt::format("prompt: token ids from 0 to {} wanted, {} found", vocab_size - 1, id));
  }
  return {};
}

Status Sequence::start(std::vector<int32_t> prompt, const GenerationOptions& options) {
  FATHOM_RETURN_IF_ERROR(check_prompt(prompt));
  FATHOM_RETURN_IF_ERROR(check_sampling_options(options.sampling));
  n_prompt_ = static_cast<int64_t>(prompt.size());
  n_reused_ = std::min({common_prefix(tokens_, prompt), cache_.length(), n_prompt_ - 1});
  truncate(n_reused_);
  tokens_ = std::move(prompt);
  options_ = options;
  reason_ = options.n_predict == 0 ? FinishReason::kLength : FinishReason::kNone;
  if (engine_->tokenizer() != nullptr) decoder_.emplace(*engine_->tokenizer());
  stop_.emplace(options.stop);
  sampler_.emplace(options.sampling, options.stream);
  sampler_->accept_prompt(tokens_);
  return {};
}

void Sequence::truncate(int64_t n) {
  const auto length = static_cast<size_t>(cache_.length());
  if (length > 0) experts_.resize(experts_.size() / length * static_cast<size_t>(n));
  cache_.truncate(n);
}

void Sequence::reset() {
  truncate(0);
  tokens_.clear();
  n_prompt_ = n_reused_ = 0;
  reason_ = FinishReason::kCancelled;
}

void Sequence::share_prefix(const Sequence& other, int64_t n) {
  FATHOM_CHECK(!keeps_experts_ || other.keeps_experts_);
  experts_.clear();
  if (keeps_experts_ && n > 0) {
    const size_t of_token = other.experts_.size() / static_cast<size_t>(other.cache_.length());
    experts_.assign(other.experts_.begin(),
                    other.experts_.begin() + static_cast<int64_t>(of_token) * n);
  }
  cache_.share_prefix(other.cache_, n);
  tokens_.assign(other.tokens_.begin(), other.tokens_.begin() + n);
  n_prompt_ = n_reused_ = n;
  reason_ = FinishReason::kCancelled;
}

std::span<const int32_t> Sequence::pending() const {
  return std::span(tokens_).subspan(static_cast<size_t>(cache_.length()));
}

FinishReason Sequence::reason_after(int32_t id) const {
  if (!options_.ignore_eos && engine_->is_eos(id)) return FinishReason::kEos;
  const int64_t n_answer = static_cast<int64_t>(tokens_.size()) - n_prompt_;
  if (options_.n_predict >= 0 && n_answer >= options_.n_predict) return FinishReason::kLength;
  if (static_cast<int64_t>(tokens_.size()) >= engine_->n_ctx()) return FinishReason::kContext;
  return FinishReason::kNone;
}

Result<TokenEvent> Sequence::accept(SamplerScratch& scratch, std::span<const float> logits) {
  const auto position = static_cast<int64_t>(tokens_.size());
  FATHOM_CHECK(!finished() && cache_.length() == position);
  FATHOM_ASSIGN_OR_RETURN(const SampledToken chosen, sampler_->sample(scratch, logits, position));
  sampler_->accept(chosen.id);
  TokenEvent event{
      .id = chosen.id, .logprob = chosen.logp, .text = "", .sampling_set = chosen.sampling_set};
  tokens_.push_back(event.id);
  reason_ = reason_after(event.id);
  if (!decoder_) return event;
  if (reason_ != FinishReason::kEos) event.text = stop_->push(decoder_->push(event.id));
  if (reason_ != FinishReason::kNone) event.text += flush();
  if (stop_->stopped()) reason_ = FinishReason::kStopString;
  return event;
}

std::string Sequence::flush() {
  std::string text = stop_->push(decoder_->finish());
  return text + stop_->finish();
}

std::string Sequence::cancel() {
  if (finished()) return "";
  reason_ = FinishReason::kCancelled;
  return decoder_ ? flush() : "";
}

}  // namespace fathom
