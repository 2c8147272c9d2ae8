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
#include "engine/sampler_kernels.h"
#include "ops/cross_entropy/cross_entropy.h"

namespace fathom {
namespace {

using Candidate = SamplerScratch::Candidate;

constexpr double kMinTemp = 1e-6;  // (logit - max) / temp stays a number
constexpr int64_t kBlock = 256;    // tokens whose weights share one partial sum
constexpr float kLowest = -std::numeric_limits<float>::infinity();

float max_of(std::span<const float> logits) {
  return sampler_kernels().max(logits.data(), static_cast<int64_t>(logits.size()));
}

int32_t first_of(std::span<const float> logits, float value) {
  return static_cast<int32_t>(std::find(logits.begin(), logits.end(), value) - logits.begin());
}

/// Fills scratch.weights and scratch.block_sums; returns the sum of all weights.
double all_weights(SamplerScratch& scratch, std::span<const float> logits, double temp) {
  const int64_t n = static_cast<int64_t>(logits.size());
  const float max = max_of(logits), inv_temp = static_cast<float>(1 / temp);
  scratch.weights.resize(n);
  scratch.block_sums.clear();
  double total = 0;
  for (int64_t i = 0; i < n; i += kBlock) {
    const double sum = sampler_kernels().weigh(scratch.weights.data() + i, logits.data() + i,
                                               std::min(kBlock, n - i), max, inv_temp);
    scratch.block_sums.push_back(sum);
    total += sum;
  }
  return total;
}

/// The same for scratch.candidates that hold logits.
void weigh_candidates(SamplerScratch& scratch, double temp) {
  scratch.kept_logits.clear();
  for (const Candidate& c : scratch.candidates) scratch.kept_logits.push_back(c.weight);
  all_weights(scratch, scratch.kept_logits, temp);
  for (size_t i = 0; i < scratch.candidates.size(); ++i) {
    scratch.candidates[i].weight = scratch.weights[i];
  }
}

/// Calls take(i) for every i with x[i] > bar(), in order; bar() may rise meanwhile.
template <typename Bar, typename Take>
void for_each_above(std::span<const float> x, const Bar& bar, const Take& take) {
  const auto find = sampler_kernels().find_above;
  const int64_t n = static_cast<int64_t>(x.size());
  for (int64_t i = find(x.data(), 0, n, bar()); i < n; i = find(x.data(), i + 1, n, bar())) {
    take(static_cast<int32_t>(i));
  }
}

bool more_probable(const Candidate& a, const Candidate& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
}

double sum_of(std::span<const Candidate> candidates) {
  double sum = 0;
  for (const Candidate& c : candidates) sum += c.weight;
  return sum;
}

/// The k largest logits, in the order of ids. A buffer of twice k is cut back to k whenever it is
/// full, and what is not above its k-th logit never enters it.
void keep_top_k(std::vector<Candidate>& kept, std::span<const float> logits, int64_t k) {
  const int64_t capacity = 2 * k + 64;
  float bar = kLowest;
  const auto cut = [&] {
    std::nth_element(kept.begin(), kept.begin() + (k - 1), kept.end(), more_probable);
    kept.resize(k);
    bar = kept[k - 1].weight;
  };
  kept.clear();
  // Ids rise, so a tie with the bar loses.
  for_each_above(
      logits, [&] { return bar; },
      [&](int32_t id) {
        kept.push_back({logits[id], id});
        if (static_cast<int64_t>(kept.size()) == capacity) cut();
      });
  if (static_cast<int64_t>(kept.size()) > k) cut();
  std::sort(kept.begin(), kept.end(), [](auto& a, auto& b) { return a.id < b.id; });
}

/// Of positive floats the greater has the greater bits: the bits are found from the top, kDigit at
/// a time.
constexpr int kDigit = 11;
constexpr std::array<int, 3> kShifts = {21, 10, 0};

uint32_t digit_of(float weight, int shift) {
  return (std::bit_cast<uint32_t>(weight) >> shift) & ((1U << kDigit) - 1);
}

struct Bar {
  float weight;  // all above it are kept,
  double mass;   // whose sum this is
};

/// The weight of the least probable candidate that is needed to reach `target`. Three passes,
/// whatever the weights are. Requires: 0 <= target <= the sum of all.
Bar find_bar(const std::vector<Candidate>& candidates, double target) {
  Bar bar = {0, 0};
  uint32_t prefix = 0, prefix_mask = 0;
  for (const int shift : kShifts) {
    std::array<double, 1 << kDigit> mass = {};
    std::array<bool, 1 << kDigit> found = {};
    for (const Candidate& c : candidates) {
      if ((std::bit_cast<uint32_t>(c.weight) & prefix_mask) != prefix) continue;
      mass[digit_of(c.weight, shift)] += c.weight;
      found[digit_of(c.weight, shift)] = true;
    }
    uint32_t chosen = 0;
    for (int digit = (1 << kDigit) - 1; digit >= 0; --digit) {
      if (!found[digit]) continue;
      chosen = static_cast<uint32_t>(digit);
      if (bar.mass + mass[digit] >= target) break;
      bar.mass += mass[digit];
    }
    prefix |= chosen << shift;
    prefix_mask |= ((1U << kDigit) - 1) << shift;
  }
  bar.weight = std::bit_cast<float>(prefix);
  return bar;
}

/// The fewest most probable candidates whose weights reach `target`, at least one. Keeps the order.
void keep_mass(std::vector<Candidate>& candidates, double target) {
  if (sum_of(candidates) <= target) return;
  const Bar bar = find_bar(candidates, target);
  double mass = bar.mass;
  bool any_at_bar = false;
  std::erase_if(candidates, [&](const Candidate& c) {
    if (c.weight != bar.weight) return c.weight < bar.weight;
    if (any_at_bar && mass >= target) return true;
    any_at_bar = true;
    mass += c.weight;
    return false;
  });
}

void keep_at_least(std::vector<Candidate>& candidates, double weight) {
  std::erase_if(candidates, [&](const Candidate& c) { return c.weight < weight; });
}

/// Candidates of weight above `bar`, in the order of ids; returns their sum.
double collect(std::vector<Candidate>& candidates, std::span<const float> weights, float bar) {
  candidates.clear();
  double sum = 0;
  for_each_above(
      weights, [&] { return bar; },
      [&](int32_t id) {
        candidates.push_back({weights[id], id});
        sum += weights[id];
      });
  return sum;
}

/// All candidates that top_p and min_p may keep: the bar falls until the mass above it suffices.
void collect_mass(std::vector<Candidate>& candidates, std::span<const float> weights, double mass,
                  double min_weight) {
  for (double bar = 0x1p-8; bar > min_weight && bar >= 0x1p-64; bar *= 0x1p-8) {
    if (collect(candidates, weights, static_cast<float>(bar)) >= mass) return;
  }
  // Just below min_weight, so that it is kept itself, but not the tokens without weight.
  const float below = std::nextafter(static_cast<float>(min_weight), -1.0F);
  collect(candidates, weights, std::max(0.0F, below));
}

/// Requires: at least one candidate. u is uniform in [0, 1).
int32_t draw_candidate(const std::vector<Candidate>& candidates, double u) {
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
    weigh_candidates(scratch, options_.temp);
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
  scratch.candidates.clear();
  const int32_t id = options_.temp == 0 ? first_of(row, max) : draw(scratch, row, position);
  SampledToken token = {id, 0};
  const auto vocab = static_cast<int64_t>(logits.size());
  if (options_.keep_sampling_set && !scratch.candidates.empty()) {
    for (const Candidate& c : scratch.candidates) token.sampling_set.push_back(c.id);
    scratch.masked_logits.assign(logits.begin(), logits.end());
    keep_sampling_set(scratch.masked_logits.data(), vocab, token.sampling_set);
    token.logp = log_softmax_at(scratch.masked_logits.data(), vocab, id);
  } else {
    token.logp = log_softmax_at(logits.data(), vocab, id);
  }
  if (!std::isfinite(token.logp)) return broken();
  return token;
}

}  // namespace fathom
