// Sampling without sorting the vocabulary: weights of all tokens in one vector pass, then passes
// that keep the few that can be drawn. Tokens are drawn in the order of their ids, so two rows that
// differ by rounding give the same token for the same random number, but for numbers at a border.
#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/rng.h"
#include "ops/cross_entropy/cross_entropy.h"

namespace fathom {
namespace {

using Candidate = SamplerScratch::Candidate;

constexpr double kMinTemp = 1e-6;  // (logit - max) / temp stays a number
constexpr int64_t kLanes = 8;
constexpr int64_t kBlock = 256;  // tokens whose weights share one partial sum

constexpr float kLowest = -std::numeric_limits<float>::infinity();

/// exp(x) for x <= 0 within 2 units of the last place; 0 below -87. No branch, so that loops over
/// it become vector code.
inline float exp_nonpositive(float x) {
  constexpr float kLog2E = 1.44269504F, kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  constexpr float kRound =
      12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const float clamped = x > -87.0F ? x : -87.0F;
  const float shifted = clamped * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * kLn2High) - n * kLn2Low;
  float p = 1.0F / 720;  // Taylor to r^6; |r| <= ln 2 / 2
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const int32_t exponent = std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(kRound);
  const float scale = std::bit_cast<float>((exponent + 127) << 23);
  return x > -87.0F ? p * scale : 0.0F;
}

float max_of(std::span<const float> logits) {
  const int64_t n = static_cast<int64_t>(logits.size());
  std::array<float, kLanes> lanes;
  lanes.fill(kLowest);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) {
      lanes[j] = logits[i + j] > lanes[j] ? logits[i + j] : lanes[j];
    }
  }
  for (; i < n; ++i) lanes[0] = std::max(lanes[0], logits[i]);
  return *std::max_element(lanes.begin(), lanes.end());
}

int32_t first_of(std::span<const float> logits, float value) {
  return static_cast<int32_t>(std::find(logits.begin(), logits.end(), value) - logits.begin());
}

/// weights[i] = exp((logits[i] - max) / temp) of up to kBlock tokens; returns their sum.
double block_weights(float* weights, const float* logits, int64_t n, float max, float inv_temp) {
  std::array<float, kLanes> sums = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) {
      const float w = exp_nonpositive((logits[i + j] - max) * inv_temp);
      weights[i + j] = w;
      sums[j] += w;
    }
  }
  double sum = 0;
  for (; i < n; ++i) {
    weights[i] = exp_nonpositive((logits[i] - max) * inv_temp);
    sum += weights[i];
  }
  for (const float s : sums) sum += s;
  return sum;
}

/// Fills scratch.weights and scratch.block_sums; returns the sum of all weights.
double all_weights(SamplerScratch& scratch, std::span<const float> logits, double temp) {
  const int64_t n = static_cast<int64_t>(logits.size());
  const float max = max_of(logits);
  scratch.weights.resize(n);
  scratch.block_sums.clear();
  double total = 0;
  for (int64_t i = 0; i < n; i += kBlock) {
    const double sum = block_weights(scratch.weights.data() + i, logits.data() + i,
                                     std::min(kBlock, n - i), max, static_cast<float>(1 / temp));
    scratch.block_sums.push_back(sum);
    total += sum;
  }
  return total;
}

bool more_probable(const Candidate& a, const Candidate& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
}

bool lower_id(const Candidate& a, const Candidate& b) { return a.id < b.id; }

double sum_of(std::span<const Candidate> candidates) {
  double sum = 0;
  for (const Candidate& c : candidates) sum += c.weight;
  return sum;
}

/// The k largest logits, in no order. A buffer of twice k is cut back to k whenever it is full, and
/// what is not above its k-th logit never enters it.
void keep_top_k(std::vector<Candidate>& kept, std::span<const float> logits, int64_t k) {
  const int64_t capacity = 2 * k + 64;
  float bar = kLowest;
  const auto cut = [&] {
    std::nth_element(kept.begin(), kept.begin() + (k - 1), kept.end(), more_probable);
    kept.resize(k);
    bar = kept[k - 1].weight;
  };
  kept.clear();
  for (int64_t i = 0; i < static_cast<int64_t>(logits.size()); ++i) {
    if (!(logits[i] > bar)) continue;  // ids rise, so a tie with the bar loses
    kept.push_back({logits[i], static_cast<int32_t>(i)});
    if (static_cast<int64_t>(kept.size()) == capacity) cut();
  }
  if (static_cast<int64_t>(kept.size()) > k) cut();
}

/// The fewest most probable candidates whose weights reach `target`, in no order: halving by
/// nth_element, so the work is linear.
void keep_mass(std::vector<Candidate>& candidates, double target) {
  if (sum_of(candidates) <= target) return;
  size_t low = 0, high = candidates.size();  // the count wanted lies above low and not above high
  double below_low = 0;
  while (high - low > 1) {
    const size_t mid = low + (high - low) / 2;
    const auto begin = candidates.begin();
    std::nth_element(begin + low, begin + mid, begin + high, more_probable);
    const double mass = sum_of(std::span(candidates).subspan(low, mid - low));
    if (below_low + mass >= target) {
      high = mid;
    } else {
      below_low += mass;
      low = mid;
    }
  }
  candidates.resize(high);
}

void keep_at_least(std::vector<Candidate>& candidates, double weight) {
  std::erase_if(candidates, [&](const Candidate& c) { return c.weight < weight; });
}

/// Candidates of weight `bar` and more; returns their sum.
double collect(std::vector<Candidate>& candidates, std::span<const float> weights, float bar) {
  candidates.clear();
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] < bar || weights[i] == 0) continue;
    candidates.push_back({weights[i], static_cast<int32_t>(i)});
    sum += weights[i];
  }
  return sum;
}

/// All candidates that top_p and min_p may keep: the bar falls until the mass above it suffices.
void collect_mass(std::vector<Candidate>& candidates, std::span<const float> weights, double mass,
                  double min_weight) {
  for (double bar = 0x1p-8; bar > min_weight && bar >= 0x1p-64; bar *= 0x1p-8) {
    if (collect(candidates, weights, static_cast<float>(bar)) >= mass) return;
  }
  collect(candidates, weights, static_cast<float>(min_weight));
}

/// Requires: at least one candidate. u is uniform in [0, 1).
int32_t draw_candidate(std::vector<Candidate>& candidates, double u) {
  std::sort(candidates.begin(), candidates.end(), lower_id);
  double left = u * sum_of(candidates);
  for (const Candidate& c : candidates) {
    left -= c.weight;
    if (left < 0) return c.id;
  }
  return candidates.back().id;
}

/// From all tokens: whole blocks first, then within one. What rounding leaves over falls to the
/// next token of any weight, at the end to the last one. Requires: a weight above zero.
int32_t draw_any(const SamplerScratch& scratch, double total, double u) {
  const std::span<const float> weights = scratch.weights;
  double left = u * total;
  for (size_t block = 0; block < scratch.block_sums.size(); ++block) {
    if (left >= scratch.block_sums[block]) {
      left -= scratch.block_sums[block];
      continue;
    }
    const size_t begin = block * kBlock, end = std::min(begin + kBlock, weights.size());
    for (size_t i = begin; i < end; ++i) {
      left -= weights[i];
      if (left < 0) return static_cast<int32_t>(i);
    }
    left = std::max(left, 0.0);
  }
  size_t last = weights.size() - 1;
  while (weights[last] == 0) --last;
  return static_cast<int32_t>(last);
}

Status wrong_option(const char* name, const char* wanted, double found) {
  return Status::error(std::string(name) + ": " + wanted + " wanted, " + std::to_string(found) +
                       " found");
}

}  // namespace

Status check_sampling_options(const SamplingOptions& o) {
  if (!(o.temp == 0 || (o.temp >= kMinTemp && o.temp <= 1e3))) {
    return wrong_option("temp", "0, or 0.000001 to 1000", o.temp);
  }
  if (!(o.top_p >= 0 && o.top_p <= 1)) return wrong_option("top_p", "0 to 1", o.top_p);
  if (!(o.min_p >= 0 && o.min_p <= 1)) return wrong_option("min_p", "0 to 1", o.min_p);
  if (o.top_k < 0) return wrong_option("top_k", "0 or more", static_cast<double>(o.top_k));
  if (!(o.repetition_penalty > 0 && o.repetition_penalty <= 1e3)) {
    return wrong_option("repetition_penalty", "above 0 and up to 1000", o.repetition_penalty);
  }
  for (const auto& [name, value] : {std::pair("presence_penalty", o.presence_penalty),
                                    std::pair("frequency_penalty", o.frequency_penalty)}) {
    if (!(std::abs(value) <= 1e3)) return wrong_option(name, "-1000 to 1000", value);
  }
  return {};
}

Sampler::Sampler(const SamplingOptions& options, uint64_t stream)
    : options_(options),
      stream_(stream),
      has_penalties_(options.repetition_penalty != 1 || options.presence_penalty != 0 ||
                     options.frequency_penalty != 0) {
  FATHOM_CHECK(check_sampling_options(options).ok());
}

void Sampler::accept_prompt(std::span<const int32_t> ids) {
  if (!has_penalties_) return;
  for (const int32_t id : ids) n_in_answer_.try_emplace(id, 0);
}

void Sampler::accept(int32_t id) {
  if (has_penalties_) ++n_in_answer_[id];
}

std::span<const float> Sampler::penalised(SamplerScratch& scratch,
                                          std::span<const float> logits) const {
  if (n_in_answer_.empty()) return logits;
  scratch.logits.assign(logits.begin(), logits.end());
  for (const auto& [id, n] : n_in_answer_) {
    if (id < 0 || id >= static_cast<int32_t>(logits.size())) continue;
    float& logit = scratch.logits[id];
    const float penalty = static_cast<float>(options_.repetition_penalty);
    logit = logit > 0 ? logit / penalty : logit * penalty;
    logit -= static_cast<float>(static_cast<double>(n) * options_.frequency_penalty +
                                (n > 0 ? options_.presence_penalty : 0));
  }
  return scratch.logits;
}

int32_t Sampler::draw(SamplerScratch& scratch, std::span<const float> logits,
                      int64_t position) const {
  const double u = Rng(options_.seed, stream_).uniform(static_cast<uint64_t>(position));
  std::vector<Candidate>& candidates = scratch.candidates;
  double total = 0;
  if (options_.top_k > 0 && options_.top_k < static_cast<int64_t>(logits.size())) {
    keep_top_k(candidates, logits, options_.top_k);
    const float max = std::max_element(candidates.begin(), candidates.end(), [](auto& a, auto& b) {
                        return a.weight < b.weight;
                      })->weight;
    const float inv_temp = static_cast<float>(1 / options_.temp);
    for (Candidate& c : candidates) c.weight = exp_nonpositive((c.weight - max) * inv_temp);
    total = sum_of(candidates);
    keep_at_least(candidates, options_.min_p);
  } else {
    total = all_weights(scratch, logits, options_.temp);
    if (options_.top_p >= 1 && options_.min_p <= 0) return draw_any(scratch, total, u);
    collect_mass(candidates, scratch.weights, options_.top_p < 1 ? options_.top_p * total : total,
                 options_.min_p);
    keep_at_least(candidates, options_.min_p);
  }
  if (options_.top_p < 1) keep_mass(candidates, options_.top_p * total);
  return draw_candidate(candidates, u);
}

Result<SampledToken> Sampler::sample(SamplerScratch& scratch, std::span<const float> logits,
                                     int64_t position) const {
  FATHOM_CHECK(!logits.empty());
  const std::span<const float> row = penalised(scratch, logits);
  const float max = max_of(row);
  const auto broken = [&] {
    return Status::error("logits of position " + std::to_string(position) +
                         ": numbers wanted, NaN or infinity found");
  };
  if (!std::isfinite(max)) return broken();
  const int32_t id = options_.temp == 0 ? first_of(row, max) : draw(scratch, row, position);
  const float logp = log_softmax_at(logits.data(), static_cast<int64_t>(logits.size()), id);
  if (!std::isfinite(logp)) return broken();
  return SampledToken{id, logp};
}

}  // namespace fathom
