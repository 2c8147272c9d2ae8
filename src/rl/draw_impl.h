// Draws in a row from one counter-based stream: what an environment makes of a seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/rng.h"

namespace fathom {

class Draw {
 public:
  Draw(uint64_t seed, uint64_t stream) : rng_(seed, stream) {}

  uint64_t below(uint64_t n) { return rng_.below(next_++, n); }
  double uniform() { return rng_.uniform(next_++); }
  bool chance(double p) { return uniform() < p; }
  /// Both ends included.
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low + 1)));
  }
  template <typename T>
  const T& pick(const std::vector<T>& list) {
    FATHOM_CHECK(!list.empty());
    return list[below(list.size())];
  }
  template <typename T>
  void shuffle(std::vector<T>& list) {
    for (size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[below(i)]);
  }

 private:
  Rng rng_;
  uint64_t next_ = 0;
};

}  // namespace fathom
