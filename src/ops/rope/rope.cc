// Frequencies and tables in double; checks and sharing among threads.
#include "ops/rope/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/threads.h"
#include "ops/rope/rope_kernels.h"
#include "ops/row_grain.h"

namespace fathom {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

/// YaRN: the fast channels keep their frequency, the slow ones are divided by `factor`, with a ramp
/// between.
double yarn(const RopeSpec& spec, int64_t i, double f) {
  const double d = static_cast<double>(spec.dim),
               length = static_cast<double>(spec.original_max_position_embeddings);
  const auto dim_of = [&](double turns) {
    return d * std::log(length / (kTwoPi * turns)) / (2 * std::log(spec.rope_theta));
  };
  const double lo = std::max(std::floor(dim_of(spec.beta_fast)), 0.0);
  const double hi = std::min(std::ceil(dim_of(spec.beta_slow)), d - 1);
  const double span = hi == lo ? 0.001 : hi - lo;
  const double ramp = std::clamp((static_cast<double>(i) - lo) / span, 0.0, 1.0);
  return f * (1 - ramp) + f / spec.factor * ramp;
}

/// Llama 3: by wavelength; long ones are divided by `factor`, short ones kept, those between mixed.
double llama3(const RopeSpec& spec, double f) {
  const double turns = static_cast<double>(spec.original_max_position_embeddings) * f / kTwoPi;
  if (turns < spec.low_freq_factor) return f / spec.factor;
  if (turns > spec.high_freq_factor) return f;
  const double smooth =
      (turns - spec.low_freq_factor) / (spec.high_freq_factor - spec.low_freq_factor);
  return (1 - smooth) * f / spec.factor + smooth * f;
}

}  // namespace

std::vector<double> rope_inv_freq(const RopeSpec& spec) {
  FATHOM_CHECK(spec.dim > 0 && spec.dim % 2 == 0);
  std::vector<double> inv_freq(static_cast<size_t>(spec.dim / 2));
  for (int64_t i = 0; i < spec.dim / 2; ++i) {
    const double f =
        std::pow(spec.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(spec.dim));
    switch (spec.scaling) {
      case RopeScalingKind::kNone:
        inv_freq[i] = f;
        break;
      case RopeScalingKind::kLinear:
        inv_freq[i] = f / spec.factor;
        break;
      case RopeScalingKind::kYarn:
        inv_freq[i] = yarn(spec, i, f);
        break;
      case RopeScalingKind::kLlama3:
        inv_freq[i] = llama3(spec, f);
        break;
    }
  }
  return inv_freq;
}

RopeTable::RopeTable(const RopeSpec& spec) : spec_(spec), inv_freq_(rope_inv_freq(spec)) {}

void RopeTable::reserve(int64_t n) {
  const int64_t pairs = spec_.dim / 2, have = reserved();
  if (n <= have) return;
  cos_.resize(static_cast<size_t>(n * pairs));
  sin_.resize(static_cast<size_t>(n * pairs));
  parallel_ranges(n - have, row_grain(64 * pairs), [&](int64_t begin, int64_t end) {
    for (int64_t p = have + begin; p < have + end; ++p) {
      for (int64_t i = 0; i < pairs; ++i) {
        const double angle = static_cast<double>(p) * inv_freq_[i];
        cos_[p * pairs + i] = static_cast<float>(std::cos(angle) * spec_.table_scale);
        sin_[p * pairs + i] = static_cast<float>(std::sin(angle) * spec_.table_scale);
      }
    }
  });
}

namespace {

constexpr int64_t kMaxPairs = 256;

/// One position's cos and sin as the kernels read them (rope_kernels.h).
struct Angles {
  alignas(64) float cos[2 * kMaxPairs], sin[2 * kMaxPairs];

  Angles(const RopeTable& table, int64_t position, bool inverse) {
    const int64_t pairs = table.spec().dim / 2;
    const float* c = table.cos(position);
    const float* s = table.sin(position);
    const float sign = inverse ? -1.0f : 1.0f;
    for (int64_t i = 0; i < pairs; ++i) {
      if (table.spec().pairs == RopePairs::kInterleaved) {
        cos[2 * i] = cos[2 * i + 1] = c[i];
        sin[2 * i] = -sign * s[i];
        sin[2 * i + 1] = sign * s[i];
      } else {
        cos[i] = c[i];
        sin[i] = sign * s[i];
      }
    }
  }
};

}  // namespace

template <typename T>
void rope_apply(View<T> x, int64_t offset, View<const int32_t> positions, const RopeTable& table,
                bool inverse) {
  const RopeSpec& spec = table.spec();
  FATHOM_CHECK(x.rank() == 3 && positions.size() == x.dim(0) && spec.dim <= 2 * kMaxPairs);
  FATHOM_CHECK(offset >= 0 && offset + spec.dim <= x.dim(2));
  const int64_t n_heads = x.dim(1), pairs = spec.dim / 2;
  const auto& kernels = rope_kernels();
  const auto rotate = std::get<RopeRow<T>>(
      spec.pairs == RopePairs::kInterleaved ? kernels.interleaved : kernels.halves);
  parallel_ranges(x.dim(0), row_grain(spec.dim * (n_heads + 1)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      FATHOM_CHECK(positions[i] >= 0 && positions[i] < table.reserved());
      const Angles angles(table, positions[i], inverse);
      rotate(x.row(i) + offset, n_heads, x.stride(1), angles.cos, angles.sin, pairs);
    }
  });
}

template void rope_apply(View<float>, int64_t, View<const int32_t>, const RopeTable&, bool);
template void rope_apply(View<BF16>, int64_t, View<const int32_t>, const RopeTable&, bool);

}  // namespace fathom
