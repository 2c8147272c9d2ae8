// See problem_set.h.
#include "rl/problem_set.h"

#include <fmt/format.h>

#include <utility>

#include "base/rng.h"
#include "rl/rl_config.h"

namespace fathom {
namespace {

constexpr uint64_t kMostDraws = 100;
constexpr uint64_t kNumbersOfADraw = 4;  // environment, split, difficulty, seed

// The part that a uniform number falls into.
size_t part_at(const std::vector<double>& weights, double uniform) {
  double all = 0, below = 0;
  for (const double w : weights) all += w;
  for (size_t i = 0; i < weights.size(); ++i) {
    below += weights[i];
    if (weights[i] > 0 && uniform * all < below) return i;
  }
  size_t last = weights.size() - 1;
  while (last > 0 && weights[last] == 0) --last;
  return last;
}

}  // namespace

std::string PosedProblem::name() const {
  return fmt::format("{}, problem {} ({}, difficulty {}, {})", environment->name(), problem.seed,
                     split_name(problem.split), problem.difficulty, problem.kind);
}

Result<ProblemSet> ProblemSet::open(const std::vector<MixPart>& environments) {
  ProblemSet set({});
  for (const MixPart& part : environments) {
    FATHOM_ASSIGN_OR_RETURN(auto environment, make_environment(part.name));
    set.environments_.push_back(std::move(environment));
    set.weights_.push_back(part.weight);
  }
  return set;
}

ProblemSet::ProblemSet(std::vector<std::shared_ptr<const Environment>> environments)
    : environments_(std::move(environments)), weights_(environments_.size(), 1.0) {}

ProblemSet ProblemSet::only(size_t environment_idx) const {
  return ProblemSet({environments_.at(environment_idx)});
}

PosedProblem ProblemSet::pick_at(const ProblemDraw& how, uint64_t stream, uint64_t idx,
                                 uint64_t attempt) const {
  const Rng rng(how.seed, stream);
  const uint64_t at = (idx * kMostDraws + attempt) * kNumbersOfADraw;
  PosedProblem posed;
  posed.environment = environments_[part_at(weights_, rng.uniform(at))].get();
  const auto split = static_cast<Split>(part_at(how.splits, rng.uniform(at + 1)));
  const auto range = static_cast<uint64_t>(how.difficulty_max - how.difficulty_min + 1);
  const int difficulty = how.difficulty_min + static_cast<int>(rng.below(at + 2, range));
  posed.problem = posed.environment->sample(rng.bits(at + 3), difficulty, split);
  return posed;
}

Result<PosedProblem> ProblemSet::draw(const ProblemDraw& how, uint64_t stream, uint64_t idx,
                                      const ChatFormat& format) const {
  PosedProblem posed;
  for (uint64_t attempt = 0; attempt < kMostDraws; ++attempt) {
    posed = pick_at(how, stream, idx, attempt);
    FATHOM_ASSIGN_OR_RETURN(auto prompt, format.prompt(posed.problem.messages));
    posed.prompt = std::move(prompt.tokens);
    if (static_cast<int64_t>(posed.prompt.size()) <= how.most_prompt_tokens) return posed;
  }
  return Status::error(fmt::format(
      "{}: a prompt of at most {} tokens (the context less the answer's) wanted, {} and as long "
      "ones before it found",
      posed.name(), how.most_prompt_tokens, posed.prompt.size()));
}

std::vector<double> split_weights(const std::vector<MixPart>& splits) {
  std::vector<double> weights(all_splits().size(), 0.0);
  for (const MixPart& s : splits)
    weights[static_cast<size_t>(read_split(s.name).value())] += s.weight;
  return weights;
}

}  // namespace fathom
