// The automaton of stop strings; see stop.h.
#include "engine/stop.h"

#include <deque>
#include <utility>

namespace fathom {

StopMatcher::StopMatcher(const std::vector<std::string>& stops) : states_(1) {
  for (const std::string& stop : stops) {
    if (!stop.empty()) stops_.push_back(stop);
  }
  for (size_t i = 0; i < stops_.size(); ++i) add(static_cast<int32_t>(i));
  link();
}

void StopMatcher::add(int32_t stop_idx) {
  int32_t state = 0;
  for (const char byte : stops_[stop_idx]) {
    const auto [it, is_new] = states_[state].next.try_emplace(byte, states_.size());
    const int32_t child = it->second;
    if (is_new) {
      states_.emplace_back();
      states_.back().depth = states_[state].depth + 1;
    }
    state = child;
  }
  states_[state].stop_idx = stop_idx;
}

/// Breadth first, so that a state's fallback, which is nearer to the root, is complete before it.
void StopMatcher::link() {
  std::deque<int32_t> queue = {0};
  while (!queue.empty()) {
    const int32_t state = queue.front();
    queue.pop_front();
    for (const auto& [byte, child] : states_[state].next) {
      State& linked = states_[child];
      linked.fallback = state == 0 ? 0 : step(states_[state].fallback, byte);
      if (linked.stop_idx < 0) linked.stop_idx = states_[linked.fallback].stop_idx;
      queue.push_back(child);
    }
  }
}

int32_t StopMatcher::step(int32_t state, char byte) const {
  for (;; state = states_[state].fallback) {
    const auto it = states_[state].next.find(byte);
    if (it != states_[state].next.end()) return it->second;
    if (state == 0) return 0;
  }
}

std::string StopMatcher::push(std::string_view text) {
  std::string shown;
  for (const char byte : text) {
    if (stopped()) break;
    state_ = step(state_, byte);
    held_ += byte;
    stop_idx_ = states_[state_].stop_idx;
    const int64_t kept = stopped() ? static_cast<int64_t>(stop().size()) : states_[state_].depth;
    const int64_t n_shown = static_cast<int64_t>(held_.size()) - kept;
    shown.append(held_, 0, n_shown);
    held_.erase(0, n_shown);
  }
  if (stopped()) held_.clear();
  return shown;
}

std::string StopMatcher::finish() {
  state_ = 0;
  return std::exchange(held_, {});
}

}  // namespace fathom
