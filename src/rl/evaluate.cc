// See evaluate.h.
#include "rl/evaluate.h"

#include <chrono>
#include <cmath>
#include <set>

#include "base/elect.h"
#include "base/threads.h"
#include "rl/rollout.h"

namespace fathom {
namespace {

constexpr uint64_t kEvaluationStreams = uint64_t{0x6576616c} << 32;  // + split

// Wilson's bound, on the side of `sign`.
double wilson(const ShareOf& s, double sign) {
  if (s.n == 0) return sign < 0 ? 0 : 1;
  constexpr double z = 1.959963984540054;  // 97.5% of the normal distribution
  const double n = static_cast<double>(s.n), p = s.share(), z2 = z * z;
  const double centre = p + z2 / (2 * n);
  const double spread = z * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return std::min(1.0, std::max(0.0, (centre + sign * spread) / (1 + z2 / n)));
}

// Answers of one temperature to all problems, and what they scored.
struct Answers {
  std::vector<Rollout> rollouts;
  std::vector<Score> scores;
};

class Evaluation {
 public:
  Evaluation(Engine& engine, const ChatFormat& format, const EvaluateOptions& options)
      : engine_(engine), format_(format), options_(options) {}

  Result<EvaluateRow> row(const ProblemSet& problems, Split split, const AnswerListener& listener) {
    const auto begin = std::chrono::steady_clock::now();
    EvaluateRow row;
    row.environment = problems.environments().front()->name();
    row.split = split;
    FATHOM_RETURN_IF_ERROR(pose(problems, split));
    FATHOM_ASSIGN_OR_RETURN(const Answers first, answers(1, options_.temp_first));
    count_first(row, first, listener);
    if (options_.n_samples > 1) {
      FATHOM_ASSIGN_OR_RETURN(const Answers samples, answers(options_.n_samples, options_.temp));
      count_samples(row, samples);
      count_majority(row, first, samples);
    }
    row.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return row;
  }

 private:
  Status pose(const ProblemSet& problems, Split split) {
    ProblemDraw how;
    how.splits.assign(all_splits().size(), 0.0);
    how.splits[static_cast<size_t>(split)] = 1;
    how.difficulty_min = options_.difficulty_min;
    how.difficulty_max = options_.difficulty_max;
    how.seed = options_.seed;
    how.most_prompt_tokens = engine_.n_ctx() - options_.max_answer_tokens;
    posed_.clear();
    for (int64_t i = 0; i < options_.n_problems; ++i) {
      const auto stream = kEvaluationStreams + static_cast<uint64_t>(split);
      FATHOM_ASSIGN_OR_RETURN(PosedProblem p, problems.draw(how, stream, i, format_));
      posed_.push_back(std::move(p));
    }
    return {};
  }

  Result<Answers> answers(int64_t n_each, double temp) {
    RolloutOptions how;
    how.temp = temp;
    how.max_answer_tokens = options_.max_answer_tokens;
    how.n_slots = options_.n_slots;
    how.seed = options_.seed;
    std::vector<RolloutRequest> requests;
    for (const PosedProblem& p : posed_) {
      for (int64_t i = 0; i < n_each; ++i)
        requests.push_back({p.prompt, static_cast<uint64_t>(requests.size())});
    }
    Answers a;
    RolloutStats stats;
    FATHOM_ASSIGN_OR_RETURN(a.rollouts, sample_rollouts(engine_, requests, how, stats));
    a.scores.resize(a.rollouts.size());
    parallel_for(static_cast<int64_t>(a.rollouts.size()), [&](int64_t i) {
      const PosedProblem& p = posed_[i / n_each];
      a.scores[i] = p.environment->score(
          p.problem, completion_text(format_.tokenizer(), a.rollouts[i].answer), {});
    });
    return a;
  }

  void count_first(EvaluateRow& row, const Answers& a, const AnswerListener& listener) const {
    const auto n = static_cast<int64_t>(a.scores.size());
    row.pass_1.n = row.well_formed.n = row.finished.n = n;
    for (int64_t i = 0; i < n; ++i) {
      const Score& s = a.scores[i];
      row.pass_1.n_hits += s.correct;
      row.well_formed.n_hits += s.well_formed;
      row.finished.n_hits += !a.rollouts[i].overlong();
      row.decline_precision.n += s.declined;
      row.decline_precision.n_hits += s.declined && s.should_decline;
      row.decline_recall.n += s.should_decline;
      row.decline_recall.n_hits += s.declined && s.should_decline;
      row.n_answer_tokens += static_cast<int64_t>(a.rollouts[i].answer.size());
      if (listener)
        listener(posed_[i], completion_text(format_.tokenizer(), a.rollouts[i].answer), s);
    }
    row.mean_answer_tokens = static_cast<double>(row.n_answer_tokens) / static_cast<double>(n);
  }

  void count_samples(EvaluateRow& row, const Answers& a) const {
    const int64_t k = options_.n_samples;
    int64_t n_correct = 0;
    for (size_t p = 0; p < posed_.size(); ++p) {
      bool any = false;
      for (int64_t i = 0; i < k; ++i) {
        const size_t at = p * k + i;
        any = any || a.scores[at].correct;
        n_correct += a.scores[at].correct;
        row.n_answer_tokens += static_cast<int64_t>(a.rollouts[at].answer.size());
      }
      row.pass_k.n_hits += any;
      ++row.pass_k.n;
    }
    row.sampled_pass_1 = static_cast<double>(n_correct) / static_cast<double>(a.scores.size());
  }

  // As fathom analyze chooses: the first answer and k - 1 samples, of as many the first.
  void count_majority(EvaluateRow& row, const Answers& first, const Answers& samples) const {
    const auto k = static_cast<size_t>(options_.n_samples);
    std::vector<int> right(posed_.size());
    parallel_for(static_cast<int64_t>(posed_.size()), [&](int64_t p) {
      const auto at = static_cast<size_t>(p);
      std::vector<Outcome> outcomes;
      std::vector<bool> correct;
      const auto add = [&](const Answers& a, size_t i) {
        outcomes.push_back(posed_[at].environment->outcome(
            posed_[at].problem, completion_text(format_.tokenizer(), a.rollouts[i].answer)));
        correct.push_back(a.scores[i].correct);
      };
      add(first, at);
      for (size_t i = 0; i + 1 < k; ++i) add(samples, at * k + i);
      const Elected elected = elect(
          outcomes.size(), [&](size_t i) { return outcomes[i].weight; },
          [&](size_t i, size_t j) {
            return !outcomes[i].text.empty() && outcomes[i].text == outcomes[j].text;
          });
      right[at] = correct[elected.place];
    });
    row.majority.n = static_cast<int64_t>(posed_.size());
    for (const int r : right) row.majority.n_hits += r;
  }

  Engine& engine_;
  const ChatFormat& format_;
  const EvaluateOptions& options_;
  std::vector<PosedProblem> posed_;
};

}  // namespace

double ShareOf::low() const { return wilson(*this, -1); }
double ShareOf::high() const { return wilson(*this, +1); }

std::string completion_text(const Tokenizer& tokenizer, std::span<const int32_t> answer) {
  if (!answer.empty() && answer.back() == tokenizer.eos_id())
    answer = answer.first(answer.size() - 1);
  return tokenizer.decode(answer);
}

Result<std::vector<EvaluateRow>> evaluate_problems(
    Engine& engine, const ChatFormat& format, const ProblemSet& problems,
    const EvaluateOptions& options, const AnswerListener& listener,
    const std::function<bool(int64_t, int64_t)>& progress) {
  std::vector<EvaluateRow> rows;
  Evaluation evaluation(engine, format, options);
  const auto n = static_cast<int64_t>(problems.environments().size() * options.splits.size());
  for (size_t e = 0; e < problems.environments().size(); ++e) {
    for (const Split split : options.splits) {
      if (progress && !progress(static_cast<int64_t>(rows.size()), n))
        return Status::error("evaluation: stopped");
      FATHOM_ASSIGN_OR_RETURN(EvaluateRow row, evaluation.row(problems.only(e), split, listener));
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace fathom
