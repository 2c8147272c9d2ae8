// The sampler against its definition in double with a full sort, and the facts that callers build
// on.
#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/rng.h"
#include "ops/cross_entropy/cross_entropy.h"

namespace fathom {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<float> random_logits(int64_t vocab, double spread, uint64_t seed) {
  const Rng rng(seed, 99);
  std::vector<float> logits(vocab);
  for (int64_t i = 0; i < vocab; ++i) logits[i] = static_cast<float>(spread * rng.normal(i));
  return logits;
}

SampledToken sample(const SamplingOptions& options, const std::vector<float>& logits,
                    int64_t position = 0) {
  SamplerScratch scratch;
  return Sampler(options, 0).sample(scratch, logits, position).value();
}

struct Kept {
  std::vector<int32_t> ids;  // in rising order
  std::vector<double> probs;
};

/// The definition: sort by probability, cut to top_k, renormalise, cut to top_p, then to min_p.
Kept kept_by_definition(const SamplingOptions& o, const std::vector<float>& logits) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  if (o.top_k > 0 && o.top_k < static_cast<int64_t>(order.size())) order.resize(o.top_k);
  std::vector<double> weight(logits.size());
  double total = 0, mass = 0, rest = 0;
  for (const int32_t id : order) {
    weight[id] = std::exp((static_cast<double>(logits[id]) - logits[order[0]]) / o.temp);
    total += weight[id];
  }
  Kept kept;
  for (const int32_t id : order) {
    const bool enough = o.top_p < 1 && mass >= o.top_p * total && !kept.ids.empty();
    if (enough || weight[id] < o.min_p || weight[id] == 0) break;
    mass += weight[id];
    kept.ids.push_back(id);
  }
  std::sort(kept.ids.begin(), kept.ids.end());
  for (const int32_t id : kept.ids) rest += weight[id];
  for (const int32_t id : kept.ids) kept.probs.push_back(weight[id] / rest);
  return kept;
}

/// Whether `id` is what u draws from `kept`, up to `slack` of probability.
bool is_drawn(const Kept& kept, int32_t id, double u, double slack) {
  double below = 0;
  for (size_t i = 0; i < kept.ids.size(); ++i) {
    if (kept.ids[i] == id) return u >= below - slack && u < below + kept.probs[i] + slack;
    below += kept.probs[i];
  }
  return false;
}

TEST(Sampler, DrawsWhatItsDefinitionDraws) {
  int64_t n_cut = 0;
  for (uint64_t trial = 0; trial < 400; ++trial) {
    const Rng rng(11, trial);
    auto pick = [&, draw = uint64_t{0}](std::vector<double> values) mutable {
      return values[rng.below(draw++, values.size())];
    };
    SamplingOptions o;
    o.temp = pick({0.3, 0.6, 1, 2});
    o.top_p = pick({0, 0.5, 0.9, 0.95, 0.999, 1, 1});
    o.min_p = pick({0, 0, 0.02, 0.3, 1});
    o.top_k = static_cast<int64_t>(pick({0, 0, 1, 2, 40, 700, 5000}));
    o.seed = trial;
    const std::vector<float> logits =
        random_logits(1 + static_cast<int64_t>(rng.below(90, 3000)), pick({0.01, 1, 4}), trial);
    const Kept kept = kept_by_definition(o, logits);
    n_cut += kept.ids.size() < logits.size();
    const int64_t position = static_cast<int64_t>(trial) * 3;
    const int32_t id = sample(o, logits, position).id;
    EXPECT_TRUE(is_drawn(kept, id, Rng(o.seed, 0).uniform(position), 2e-5))
        << "trial " << trial << " id " << id << " of " << logits.size() << ", kept "
        << kept.ids.size();
  }
  EXPECT_GT(n_cut, 250);
}

TEST(Sampler, FrequenciesAreTheProbabilities) {
  const std::vector<float> logits = {0, -1, -kInf, 1, 0.5F};
  SamplingOptions o = {.temp = 1, .top_p = 1};
  const int64_t n_draws = 40000;
  std::vector<double> share(logits.size());
  SamplerScratch scratch;
  const Sampler sampler(o, 3);
  for (int64_t position = 0; position < n_draws; ++position) {
    share[sampler.sample(scratch, logits, position).value().id] += 1.0 / n_draws;
  }
  for (size_t i = 0; i < logits.size(); ++i) {
    const double p = std::exp(log_softmax_at(logits.data(), 5, static_cast<int32_t>(i)));
    EXPECT_NEAR(share[i], p, 0.01) << i;  // four standard deviations of a share are 0.01
  }
  EXPECT_EQ(share[2], 0);
}

TEST(Sampler, TempZeroTakesTheLargestAndOfEqualsTheLowestId) {
  EXPECT_EQ(sample({.temp = 0}, {1, 3, 2, 3, 0, 0, 0, 0, 0, 3}).id, 1);
  EXPECT_EQ(sample({.temp = 0}, {-kInf, -5}).id, 1);
}

TEST(Sampler, OfEqualLogitsTheLowerIdsAreKept) {
  const std::vector<float> flat(1000, 0.25F);
  for (int64_t position = 0; position < 50; ++position) {
    EXPECT_LT(sample({.temp = 1, .top_p = 1, .top_k = 3}, flat, position).id, 3);
    EXPECT_LT(sample({.temp = 1, .top_p = 0.0101}, flat, position).id, 11);
  }
}

TEST(Sampler, ADrawDependsOnSeedStreamAndPositionAlone) {
  const std::vector<float> logits = random_logits(5000, 1, 1);
  const SamplingOptions o = {.temp = 1, .top_p = 1, .seed = 5};
  SamplingOptions other = o;
  other.seed = 6;
  SamplerScratch scratch;
  const Sampler a(o, 0), b(o, 0), c(o, 1), d(other, 0);
  int64_t same_stream = 0, same_seed = 0, same_position = 0;
  for (int64_t p = 19; p >= 0; --p) {
    const int32_t id = a.sample(scratch, logits, p).value().id;
    EXPECT_EQ(b.sample(scratch, logits, p).value().id, id);
    same_stream += c.sample(scratch, logits, p).value().id == id;
    same_seed += d.sample(scratch, logits, p).value().id == id;
    same_position += a.sample(scratch, logits, p + 1000).value().id == id;
  }
  EXPECT_LT(same_stream, 3);
  EXPECT_LT(same_seed, 3);
  EXPECT_LT(same_position, 3);
}

TEST(Sampler, LogpIsTheModelsOwnToTheBit) {
  const std::vector<float> logits = random_logits(3000, 3, 2);
  SamplerScratch scratch;
  Sampler sampler({.temp = 0.3, .top_k = 7, .repetition_penalty = 1.3, .presence_penalty = 1}, 0);
  sampler.accept(5);
  for (int64_t p = 0; p < 20; ++p) {
    const SampledToken token = sampler.sample(scratch, logits, p).value();
    EXPECT_EQ(token.logp, log_softmax_at(logits.data(), 3000, token.id));
  }
}

/// The token at temperature zero after a prompt and an answer.
int32_t greedy(SamplingOptions o, const std::vector<float>& logits,
               const std::vector<int32_t>& prompt, const std::vector<int32_t>& answer) {
  o.temp = 0;
  Sampler sampler(o, 0);
  sampler.accept_prompt(prompt);
  for (const int32_t id : answer) sampler.accept(id);
  SamplerScratch scratch;
  return sampler.sample(scratch, logits, 0).value().id;
}

TEST(Sampler, LogpAmongTheTokensThatCouldBeDrawnWhereTheyAreKept) {
  const auto logits = random_logits(1000, 2.0, 5);
  SamplingOptions o{.temp = 1, .top_p = 0.8, .seed = 3, .keep_sampling_set = true};
  const Kept want = kept_by_definition(o, logits);
  const SampledToken token = sample(o, logits);
  EXPECT_EQ(token.sampling_set, want.ids);
  const auto at = std::find(want.ids.begin(), want.ids.end(), token.id) - want.ids.begin();
  EXPECT_NEAR(token.logp, std::log(want.probs.at(at)), 1e-5);
  o.keep_sampling_set = false;
  EXPECT_EQ(sample(o, logits).id, token.id);
  EXPECT_TRUE(sample(o, logits).sampling_set.empty());
  EXPECT_LT(sample(o, logits).logp, token.logp);
  o = {.temp = 1, .top_p = 1, .seed = 3, .keep_sampling_set = true};
  EXPECT_TRUE(sample(o, logits).sampling_set.empty());
  EXPECT_EQ(sample(o, logits).logp, log_softmax_at(logits.data(), 1000, sample(o, logits).id));
}

TEST(Sampler, RepetitionPenaltyDividesPositiveAndMultipliesNegativeLogits) {
  EXPECT_EQ(greedy({.repetition_penalty = 2}, {3, 2}, {0}, {}), 1);
  EXPECT_EQ(greedy({.repetition_penalty = 2}, {3, 1}, {0}, {0, 0}), 0);  // once, not for each time
  EXPECT_EQ(greedy({.repetition_penalty = 2}, {-1, -1.5F}, {}, {0}), 1);
  EXPECT_EQ(greedy({.repetition_penalty = 2}, {-1, -2.5F}, {}, {0}), 0);
  EXPECT_EQ(greedy({.repetition_penalty = 2}, {3, 2}, {7, -1}, {}), 0);  // ids outside the row
}

TEST(Sampler, PresenceAndFrequencyCountTheAnswerAlone) {
  EXPECT_EQ(greedy({.presence_penalty = 1.5}, {3, 2}, {0}, {}), 0);
  EXPECT_EQ(greedy({.presence_penalty = 1.5}, {3, 2}, {}, {0}), 1);
  EXPECT_EQ(greedy({.presence_penalty = 0.75}, {3, 2}, {}, {0, 0}), 0);
  EXPECT_EQ(greedy({.frequency_penalty = 0.75}, {3, 2}, {0, 0}, {0}), 0);
  EXPECT_EQ(greedy({.frequency_penalty = 0.75}, {3, 2}, {}, {0, 0}), 1);
}

TEST(Sampler, RowsThatAreNoNumbersAreRefused) {
  SamplerScratch scratch;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const double temp : {0.0, 1.0}) {
    for (const int64_t top_k : {0, 2}) {
      const Sampler sampler({.temp = temp, .top_p = 0.9, .top_k = top_k}, 0);
      for (const std::vector<float>& row :
           {std::vector<float>{1, nan, 2, 0}, {nan, nan, nan}, {1, kInf, 2}, {-kInf, -kInf}}) {
        const Result<SampledToken> token = sampler.sample(scratch, row, 12);
        ASSERT_FALSE(token.ok());
        EXPECT_EQ(token.message(), "logits of position 12: numbers wanted, NaN or infinity found");
      }
    }
  }
}

TEST(SamplingOptions, ValuesOutOfRangeAreRefusedByName) {
  EXPECT_TRUE(check_sampling_options({}).ok());
  EXPECT_TRUE(check_sampling_options({.temp = 0, .top_p = 0, .min_p = 1}).ok());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::pair<SamplingOptions, std::string> wrong[] = {
      {{.temp = -1}, "temp: "},
      {{.temp = nan}, "temp: "},
      {{.temp = 1e-9}, "temp: "},
      {{.top_p = 1.1}, "top_p: "},
      {{.min_p = -0.1}, "min_p: "},
      {{.top_k = -1}, "top_k: "},
      {{.repetition_penalty = 0}, "repetition_penalty: "},
      {{.presence_penalty = nan}, "presence_penalty: "},
      {{.frequency_penalty = 1e9}, "frequency_penalty: "}};
  for (const auto& [options, start] : wrong) {
    EXPECT_TRUE(check_sampling_options(options).message().starts_with(start)) << start;
  }
}

}  // namespace
}  // namespace fathom
