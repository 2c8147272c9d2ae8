#include "rl/rollout.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "engine/generate.h"

namespace fathom {
namespace {

constexpr size_t kFree = static_cast<size_t>(-1);

// The requests of one prompt, and, once the prompt went through the model, its entries for all of
// them.
struct PromptGroup {
  std::vector<size_t> requests;
  size_t next = 0;       // first request that no slot took yet
  bool started = false;  // some slot has or had the first request
  std::unique_ptr<Sequence> prefix;
  bool waits() const { return started && prefix == nullptr; }
  bool empty() const { return next == requests.size(); }
};

class Slots {
 public:
  Slots(Engine& engine, std::span<const RolloutRequest> requests, const RolloutOptions& options,
        RolloutStats& stats)
      : engine_(engine),
        requests_(requests),
        options_(options),
        stats_(stats),
        rollouts_(requests.size()) {
    std::map<std::vector<int32_t>, size_t> groups;
    for (size_t i = 0; i < requests.size(); ++i) {
      const auto [it, added] = groups.emplace(requests[i].prompt, groups_.size());
      if (added) groups_.emplace_back();
      groups_[it->second].requests.push_back(i);
      group_of_.push_back(it->second);
    }
    const size_t n = std::min(requests.size(), static_cast<size_t>(options.n_slots));
    for (size_t i = 0; i < n; ++i) sequences_.push_back(new_sequence());
    request_of_.assign(n, kFree);
  }

  Result<std::vector<Rollout>> run() {
    for (;;) {
      for (size_t i = 0; i < sequences_.size(); ++i) {
        if (request_of_[i] == kFree) FATHOM_RETURN_IF_ERROR(take_next(i));
      }
      if (!collect_active()) return std::move(rollouts_);
      FATHOM_ASSIGN_OR_RETURN(const StepResult pass, step(engine_, active_));
      note(pass);
      for (const StepEvent& e : pass.events) {
        const size_t slot = slot_of_[e.sequence_idx];
        Rollout& r = rollouts_[request_of_[slot]];
        r.logp.push_back(e.token.logprob);
        if (options_.keep_sampling_sets) r.sampling_sets.push_back(e.token.sampling_set);
        keep_prefix(slot);
      }
      for (const size_t slot : slot_of_) {
        if (sequences_[slot]->finished()) finish(slot);
      }
    }
  }

 private:
  std::unique_ptr<Sequence> new_sequence() const {
    auto sequence = std::make_unique<Sequence>(engine_);
    sequence->keep_experts(options_.keep_experts);
    return sequence;
  }

  // The first request whose prompt is new or has gone through the model; while a prompt is on its
  // way, its other requests wait for what it leaves in the cache.
  Status take_next(size_t slot) {
    for (PromptGroup& group : groups_) {
      if (group.empty() || group.waits()) continue;
      const size_t request = group.requests[group.next++];
      if (group.prefix) sequences_[slot]->share_prefix(*group.prefix, group.prefix->n_prompt());
      GenerationOptions g;
      g.sampling = {.temp = options_.temp,
                    .top_p = options_.top_p,
                    .seed = options_.seed,
                    .keep_sampling_set = options_.keep_sampling_sets};
      g.stream = requests_[request].stream;
      g.n_predict = options_.max_answer_tokens;
      FATHOM_RETURN_IF_ERROR(sequences_[slot]->start(requests_[request].prompt, g));
      group.started = true;
      if (group.empty()) group.prefix.reset();
      request_of_[slot] = request;
      return {};
    }
    return {};
  }

  // After a slot's first token its prompt is in the cache: all but the last token's entry, whose
  // logits each rollout needs.
  void keep_prefix(size_t slot) {
    PromptGroup& group = groups_[group_of_[request_of_[slot]]];
    if (group.prefix || group.empty()) return;
    group.prefix = new_sequence();
    group.prefix->share_prefix(*sequences_[slot], sequences_[slot]->n_prompt() - 1);
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
    const RolloutRequest& request = requests_[request_of_[slot]];
    Rollout& r = rollouts_[request_of_[slot]];
    const Sequence& s = *sequences_[slot];
    r.prompt = request.prompt;
    r.answer.assign(s.answer().begin(), s.answer().end());
    r.experts = s.experts();
    r.finish = s.finish_reason();
    r.seed = options_.seed;
    r.stream = request.stream;
    r.weight_version = options_.weight_version;
    request_of_[slot] = kFree;
  }

  Engine& engine_;
  std::span<const RolloutRequest> requests_;
  const RolloutOptions& options_;
  RolloutStats& stats_;
  std::vector<Rollout> rollouts_;
  std::vector<PromptGroup> groups_;
  std::vector<size_t> group_of_;  // of each request
  std::vector<std::unique_ptr<Sequence>> sequences_;
  std::vector<size_t> request_of_;  // of each slot
  std::vector<Sequence*> active_;
  std::vector<size_t> slot_of_;  // of each active sequence
};

}  // namespace

Result<std::vector<Rollout>> sample_rollouts(Engine& engine,
                                             std::span<const RolloutRequest> requests,
                                             const RolloutOptions& options, RolloutStats& stats) {
  FATHOM_CHECK(options.n_slots >= 1 && options.max_answer_tokens >= 1);
  return Slots(engine, requests, options, stats).run();
}

}  // namespace fathom
