// Rotary position embedding: YaRN, linear and Llama-3 frequency scaling; tables in double, rotation
// in f32.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/view.h"

namespace fathom {

enum class RopePairs { kInterleaved, kHalves };  // channels (2i, 2i+1), or (i, i + dim/2)
enum class RopeScalingKind { kNone, kYarn, kLinear, kLlama3 };

struct RopeSpec {
  int64_t dim = 0;  // qk_rope_head_dim
  double rope_theta = 10000.0;
  RopePairs pairs = RopePairs::kInterleaved;
  RopeScalingKind scaling = RopeScalingKind::kNone;
  double factor = 1.0, beta_fast = 32.0, beta_slow = 1.0;
  int64_t original_max_position_embeddings = 0;
  double low_freq_factor = 1.0, high_freq_factor = 4.0;
  double table_scale = 1.0;  // multiplies cos and sin
};

/// inv_freq [dim/2] in double. Source: golden/README.md item 3 (YaRN); Llama 3.1's published
/// frequencies (llama3).
std::vector<double> rope_inv_freq(const RopeSpec& spec);

/// cos and sin of every position in [0, n), grown on demand. A row depends on its position alone.
/// Not thread-safe while it grows.
class RopeTable {
 public:
  explicit RopeTable(const RopeSpec& spec);
  const RopeSpec& spec() const { return spec_; }
  /// Makes positions [0, n) available. Angles are computed in double and rounded to f32 once.
  void reserve(int64_t n);
  int64_t reserved() const { return static_cast<int64_t>(cos_.size()) / (spec_.dim / 2); }
  /// dim/2 values each. Requires: position < reserved.
  const float* cos(int64_t position) const { return cos_.data() + position * spec_.dim / 2; }
  const float* sin(int64_t position) const { return sin_.data() + position * spec_.dim / 2; }

 private:
  RopeSpec spec_;
  std::vector<double> inv_freq_;
  std::vector<float> cos_, sin_;
};

/// Rotates, in place, the `dim` channels that begin at channel `offset` of each head.
/// x [n, n_heads, head_dim] T (float or BF16); dimensions 0 and 1 may be strided · positions [n]
/// i32, reserved in the table. f32 arithmetic, rounded to T once. Requires: dim <= 512. inverse =
/// true rotates back: the backward pass.
template <typename T>
void rope_apply(View<T> x, int64_t offset, View<const int32_t> positions, const RopeTable& table,
                bool inverse = false);

}  // namespace fathom
