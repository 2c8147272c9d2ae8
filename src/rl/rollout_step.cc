// See rollout_step.h.
#include "rl/rollout_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/rng.h"
#include "base/threads.h"

namespace fathom {
namespace {

constexpr uint64_t kProblemStreams = uint64_t{0x70726f62} << 32;  // + step
constexpr uint64_t kRolloutSeedStream = uint64_t{0x726f6c6c} << 32;

class StepSampler {
 public:
  StepSampler(Engine& engine, const ChatFormat& format, const ProblemSet& problems,
              const RlConfig& config, const RolloutPlan& plan, const PartListener& listener)
      : engine_(engine),
        format_(format),
        problems_(problems),
        config_(config),
        plan_(plan),
        listener_(listener) {}

  Result<RolloutStep> run() {
    int64_t wanted = config_.rl.prompts;
    for (int64_t round = 0;; ++round) {
      const size_t begin = step_.groups.size();
      FATHOM_RETURN_IF_ERROR(enter("rollout"));
      FATHOM_RETURN_IF_ERROR(pose(wanted));
      FATHOM_RETURN_IF_ERROR(sample(begin));
      FATHOM_RETURN_IF_ERROR(enter("reward"));
      FATHOM_RETURN_IF_ERROR(score(begin));
      FATHOM_RETURN_IF_ERROR(judge(begin));
      wanted = 0;
      for (size_t g = begin; g < step_.groups.size(); ++g) wanted += step_.groups[g].dropped;
      if (wanted == 0 || round == config_.rl.refill_rounds) return std::move(step_);
      ++step_.refills;
    }
  }

 private:
  Status enter(const char* part) { return listener_ ? listener_(part, step_.stats) : Status(); }

  Status pose(int64_t n) {
    ProblemDraw how;
    how.splits = split_weights(config_.problems.splits);
    how.difficulty_min = plan_.difficulty_min;
    how.difficulty_max = std::max(plan_.difficulty_min, plan_.difficulty_max);
    how.seed = static_cast<uint64_t>(config_.problems.seed);
    how.most_prompt_tokens = engine_.n_ctx() - config_.rollout.max_answer_tokens;
    const uint64_t stream = kProblemStreams + static_cast<uint64_t>(plan_.step);
    for (int64_t i = 0; i < n; ++i) {
      RolloutGroup group;
      FATHOM_ASSIGN_OR_RETURN(group.posed,
                              problems_.draw(how, stream, step_.groups.size(), format_));
      step_.groups.push_back(std::move(group));
    }
    return {};
  }

  Status sample(size_t begin) {
    RolloutOptions how;
    how.temp = config_.rollout.temp;
    how.top_p = config_.rollout.top_p;
    how.max_answer_tokens = config_.rollout.max_answer_tokens;
    how.n_slots = config_.rollout.slots;
    how.seed = Rng(static_cast<uint64_t>(config_.train.seed), kRolloutSeedStream)
                   .bits(static_cast<uint64_t>(plan_.step));
    how.weight_version = plan_.weight_version;
    how.keep_experts = plan_.recorded || config_.rl.keep_routing;
    how.keep_sampling_sets = config_.rl.keep_sampling_mask;
    const int64_t size = config_.rl.group_size;
    std::vector<RolloutRequest> requests;
    for (size_t g = begin; g < step_.groups.size(); ++g) {
      for (int64_t i = 0; i < size; ++i)
        requests.push_back({step_.groups[g].posed.prompt, static_cast<uint64_t>(g * size + i)});
    }
    FATHOM_ASSIGN_OR_RETURN(auto rollouts, sample_rollouts(engine_, requests, how, step_.stats));
    for (size_t i = 0; i < rollouts.size(); ++i) {
      RolloutGroup& group = step_.groups[begin + i / size];
      group.rollouts.emplace_back().rollout = std::move(rollouts[i]);
    }
    return {};
  }

  Status score(size_t begin) {
    const auto start = std::chrono::steady_clock::now();
    const int64_t size = config_.rl.group_size;
    RewardOptions how;
    how.dense = plan_.dense;
    how.wrong = config_.reward.wrong;
    how.length = config_.reward.length;
    how.length_free_tokens = config_.reward.length_free_tokens;
    const auto n = static_cast<int64_t>(step_.groups.size() - begin) * size;
    parallel_for(n, [&](int64_t i) {
      RolloutGroup& group = step_.groups[begin + i / size];
      ScoredRollout& r = group.rollouts[i % size];
      r.score = group.posed.environment->score(
          group.posed.problem, completion_text(format_.tokenizer(), r.rollout.answer), how);
      r.reward = r.score.reward;
      if (config_.lab.noise == RolloutNoise::kRetokenise) retokenise(r);
    });
    step_.seconds_reward +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (size_t g = begin; g < step_.groups.size(); ++g) {
      for (const ScoredRollout& r : step_.groups[g].rollouts) {
        if (std::isfinite(r.reward)) continue;
        return Status::error(fmt::format("{}: a finite reward wanted, {} found",
                                         step_.groups[g].posed.name(), r.reward));
      }
    }
    return {};
  }

  Status judge(size_t begin) {
    for (size_t g = begin; g < step_.groups.size(); ++g) {
      RolloutGroup& group = step_.groups[g];
      std::vector<double> rewards;
      for (ScoredRollout& r : group.rollouts) {
        mind_length(r);
        rewards.push_back(r.reward);
      }
      FATHOM_ASSIGN_OR_RETURN(const auto advantages,
                              group_advantages(rewards, config_.rl.loss.advantage));
      const bool spread =
          std::any_of(rewards.begin(), rewards.end(), [&](double r) { return r != rewards[0]; });
      group.dropped = config_.rl.drop_groups && !spread && config_.model.teacher.empty();
      for (size_t i = 0; i < advantages.size(); ++i) {
        group.rollouts[i].advantage = config_.rl.reward_weight * advantages[i];
        if (group.dropped) group.rollouts[i].counts = false;
      }
    }
    return {};
  }

  void retokenise(ScoredRollout& r) const {
    const std::vector<int32_t>& sampled = r.rollout.answer;
    auto again = format_.completion(completion_text(format_.tokenizer(), sampled));
    if (r.rollout.finish != FinishReason::kEos) again.pop_back();
    const auto n = static_cast<int64_t>(r.rollout.prompt.size() + again.size());
    if (again != sampled && !again.empty() && n <= engine_.n_ctx())
      r.retokenised = std::move(again);
  }

  void mind_length(ScoredRollout& r) const {
    const auto n = static_cast<int64_t>(r.rollout.answer.size());
    if (config_.rl.overlong == Overlong::kPunish) {
      r.reward +=
          overlong_punishment(n, config_.rollout.max_answer_tokens, config_.rl.overlong_buffer);
    }
    if (config_.rl.overlong == Overlong::kFilter && r.rollout.overlong()) r.counts = false;
  }

  Engine& engine_;
  const ChatFormat& format_;
  const ProblemSet& problems_;
  const RlConfig& config_;
  const RolloutPlan& plan_;
  const PartListener& listener_;
  RolloutStep step_;
};

// Sums over the rollouts of a step.
struct RolloutSums {
  std::vector<double> rewards = {};
  double n = 0, reward = 0, correct = 0, well_formed = 0, declined = 0, rightly_declined = 0,
         overlong = 0, retokenised = 0, tokens = 0, logp = 0;
  void add(const ScoredRollout& r) {
    ++n;
    reward += r.reward;
    rewards.push_back(r.reward);
    correct += r.score.correct;
    well_formed += r.score.well_formed;
    declined += r.score.declined;
    rightly_declined += r.score.declined && r.score.should_decline;
    overlong += r.rollout.overlong();
    retokenised += !r.retokenised.empty();
    tokens += static_cast<double>(r.rollout.answer.size());
    for (const float x : r.rollout.logp) logp += x;
  }
};

}  // namespace

double overlong_punishment(int64_t n_tokens, int64_t most, int64_t buffer) {
  const auto over = static_cast<double>(n_tokens - (most - buffer));
  return -std::clamp(over / static_cast<double>(buffer), 0.0, 1.0);
}

std::vector<UpdateRow> RolloutStep::rows(const RlConfig::RlSection& how) const {
  std::vector<UpdateRow> rows;
  int64_t n_groups = 0;
  for (const RolloutGroup& group : groups) {
    bool any = false;
    for (const ScoredRollout& r : group.rollouts) {
      if (!r.counts) continue;
      if (r.retokenised.empty()) {
        rows.push_back(
            {{r.rollout.prompt, r.rollout.answer}, r.rollout.logp, r.advantage, n_groups});
        if (how.keep_routing) rows.back().tokens.experts = r.rollout.experts;
        rows.back().tokens.sampling_sets = r.rollout.sampling_sets;
      } else {
        rows.push_back({{r.rollout.prompt, r.retokenised}, {}, r.advantage, n_groups});
      }
      any = true;
    }
    n_groups += any;
  }
  return rows;
}

void RolloutStep::describe(RlStepRecord& record) const {
  RolloutSums all;
  std::map<std::string, RolloutSums> by;
  double n_solved = 0;
  for (const RolloutGroup& group : groups) {
    bool solved = false;
    for (const ScoredRollout& r : group.rollouts) {
      all.add(r);
      by[std::string(group.posed.environment->name())].add(r);
      solved = solved || r.score.correct;
      record.trained += r.counts && r.advantage != 0;
      record.length_max =
          std::max(record.length_max, static_cast<int64_t>(r.rollout.answer.size()));
    }
    n_solved += solved;
    record.groups_dropped += group.dropped;
  }
  record.prompts = static_cast<int64_t>(groups.size());
  record.rollouts = static_cast<int64_t>(all.n);
  record.refills = refills;
  record.reward_mean = all.reward / all.n;
  double variance = 0;
  for (const double reward : all.rewards) {
    const double d = reward - record.reward_mean;
    variance += d * d / all.n;
  }
  record.reward_std = std::sqrt(variance);
  record.correct = all.correct / all.n;
  record.well_formed = all.well_formed / all.n;
  record.declined = all.declined / all.n;
  record.overlong = all.overlong / all.n;
  record.retokenised = all.retokenised / all.n;
  if (all.declined > 0) record.decline_precision = all.rightly_declined / all.declined;
  for (const auto& [name, sums] : by) record.correct_by[name] = sums.correct / sums.n;
  record.k = static_cast<int64_t>(groups.front().rollouts.size());
  record.pass_k = n_solved / static_cast<double>(groups.size());
  record.length_mean = all.tokens / all.n;
  record.logp_mean = all.logp / all.tokens;
  record.seconds_rollout = stats.seconds;
  record.seconds_reward = seconds_reward;
  record.rollout_tokens_per_s = stats.seconds > 0 ? all.tokens / stats.seconds : 0;
}

Result<RolloutStep> sample_step(Engine& engine, const ChatFormat& format,
                                const ProblemSet& problems, const RlConfig& config,
                                const RolloutPlan& plan, const PartListener& listener) {
  return StepSampler(engine, format, problems, config, plan, listener).run();
}

}  // namespace fathom
