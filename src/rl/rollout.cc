#include "rl/rollout.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "engine/generate.h"

namespace fathom {
namespace {

constexpr size_t kFree = static_cast<size_t>(-1);

class Slots {
 public:
  Slots(Engine& engine, std::span<const RolloutRequest> requests, const RolloutOptions& options, RolloutStats& stats)
      : engine_(engine), requests_(requests), options_(options), stats_(stats), rollouts_(requests.size()) {
    const size_t n = std::min(requests.size(), static_cast<size_t>(options.n_slots));
    for (size_t i = 0; i < n; ++i) sequences_.push_back(std::make_unique<Sequence>(engine));
    request_of_.assign(n, kFree);
  }

  Result<std::vector<Rollout>> run(const std::function<bool(size_t, const Rollout&)>& ended) {
    for (size_t i = 0; i < sequences_.size(); ++i) FATHOM_RETURN_IF_ERROR(take_next(i));
    while (collect_active()) {
      FATHOM_ASSIGN_OR_RETURN(const StepResult pass, step(engine_, active_));
      note(pass);
      for (const StepEvent& e : pass.events) rollouts_[request_of_[slot_of_[e.sequence_idx]]].logp.push_back(e.token.logprob);
      for (const size_t slot : slot_of_) {
        if (!sequences_[slot]->finished()) continue;
        const size_t request = request_of_[slot];
        finish(slot);
        if (ended && !ended(request, rollouts_[request])) return Status::error("rollouts: stopped");
        FATHOM_RETURN_IF_ERROR(take_next(slot));
      }
    }
    return std::move(rollouts_);
  }

 private:
  Status take_next(size_t slot) {
    request_of_[slot] = kFree;
    if (next_ == requests_.size()) return {};
    const size_t request = next_++;
    GenerationOptions g;
    g.sampling = {.temp = options_.temp, .top_p = options_.top_p, .seed = options_.seed};
    g.stream = requests_[request].stream;
    g.n_predict = options_.max_answer_tokens;
    FATHOM_RETURN_IF_ERROR(sequences_[slot]->start(requests_[request].prompt, g));
    request_of_[slot] = request;
    return {};
  }

  bool collect_active() {
    active_.clear();
    slot_of_.clear();
    for (size_t slot = 0; slot < sequences_.size(); ++slot) {
      if (request_of_[slot] == kFree) continue;
      active_.push_back(sequences_[slot].get());
      slot_of_.push_back(slot);
    }
    return !active_.empty();
  }

  void note(const StepResult& pass) {
    stats_.n_prefill_tokens += pass.n_prefill_tokens;
    stats_.n_decode_tokens += pass.n_decode_tokens;
    stats_.seconds += pass.seconds;
    ++stats_.n_passes;
  }

  void finish(size_t slot) {
    Rollout& r = rollouts_[request_of_[slot]];
    const Sequence& s = *sequences_[slot];
    r.prompt = requests_[request_of_[slot]].prompt;
    r.answer.assign(s.answer().begin(), s.answer().end());
    r.finish = s.finish_reason();
    r.seed = options_.seed;
    r.stream = requests_[request_of_[slot]].stream;
    r.weight_version = options_.weight_version;
  }

  Engine& engine_;
  std::span<const RolloutRequest> requests_;
  const RolloutOptions& options_;
  RolloutStats& stats_;
  std::vector<Rollout> rollouts_;
  std::vector<std::unique_ptr<Sequence>> sequences_;
  std::vector<size_t> request_of_;  // of each slot
  size_t next_ = 0;
  std::vector<Sequence*> active_;
  std::vector<size_t> slot_of_;  // of each active sequence
};

}  // namespace

Result<std::vector<Rollout>> sample_rollouts(Engine& engine, std::span<const RolloutRequest> requests, const RolloutOptions& options,
                                             RolloutStats& stats, const std::function<bool(size_t, const Rollout&)>& ended) {
  FATHOM_CHECK(options.n_slots >= 1 && options.max_answer_tokens >= 1);
  return Slots(engine, requests, options, stats).run(ended);
}

}  // namespace fathom
