// Counter-based random numbers: the i-th draw of (seed, stream) is a function of those three alone, so that a run killed at any
// step continues with the numbers it would have drawn, and the same seed gives the same text whatever else runs.
// The generator is Philox4x32-10 (Salmon et al., SC'11: "Parallel random numbers: as easy as 1, 2, 3").
#pragma once

#include <array>
#include <cstdint>

namespace fathom {

class Rng {
 public:
  Rng(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream) {}

  /// 128 random bits at `index`. Thread-safe: reads only.
  std::array<uint32_t, 4> block(uint64_t index) const;
  uint64_t bits(uint64_t index) const;
  /// Uniform in [0, 1), 53 bits.
  double uniform(uint64_t index) const;
  /// Uniform in [0, n). Requires: n >= 1. Bias below n / 2^64.
  uint64_t below(uint64_t index, uint64_t n) const;
  /// Standard normal (Box-Muller on the block at `index`).
  double normal(uint64_t index) const;

 private:
  uint64_t seed_, stream_;
};

}  // namespace fathom
