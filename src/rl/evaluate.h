// How well a model solves an environment's problems: pass@1, pass@k, lengths, and how right it is
// when it declines; each share with its interval.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "rl/chat_format.h"
#include "rl/problem_set.h"

namespace fathom {

/// A share of trials with Wilson's interval of 95% (Wilson 1927).
struct ShareOf {
  int64_t n_hits = 0, n = 0;
  double share() const { return n == 0 ? 0 : static_cast<double>(n_hits) / static_cast<double>(n); }
  double low() const;
  double high() const;
};

struct EvaluateOptions {
  std::vector<Split> splits;
  int64_t n_problems = 100;                                 // of each environment and split
  int64_t n_samples = 1;                                    // k of pass@k; 1: none
  double temp_first = 0;                                    // of pass@1's answer; 0: greedy
  double temp = 1;                                          // of the k samples
  int difficulty_min = 0, difficulty_max = kMaxDifficulty;  // drawn evenly between the two
  int64_t max_answer_tokens = 256, n_slots = 64;
  uint64_t seed = 0;
};

struct EvaluateRow {
  std::string environment;
  Split split = Split::kTrain;
  ShareOf pass_1, pass_k;         // problems solved by the first answer; by any of k samples
  ShareOf majority;               // by what most of the first answer and k - 1 samples come to
  double sampled_pass_1 = 0;      // mean over the k samples
  ShareOf decline_precision;      // of the declined (first answers), those that should be
  ShareOf decline_recall;         // of those that should be declined, the declined
  ShareOf well_formed, finished;  // of the first answers
  double mean_answer_tokens = 0;  // of the first answers
  int64_t n_answer_tokens = 0;    // of all that were sampled
  double seconds = 0;
};

/// What became of each first answer, for who wants to read them.
using AnswerListener =
    std::function<void(const PosedProblem&, const std::string& completion, const Score&)>;

/// One row for each environment and split. Problems are a function of the seed, the split and the
/// difficulties. progress (may be empty): rows done, rows; false stops with an error.
Result<std::vector<EvaluateRow>> evaluate_problems(
    Engine& engine, const ChatFormat& format, const ProblemSet& problems,
    const EvaluateOptions& options, const AnswerListener& listener = {},
    const std::function<bool(int64_t, int64_t)>& progress = {});

/// The text of an answer as an environment reads it: without the eos that ended it.
std::string completion_text(const Tokenizer& tokenizer, std::span<const int32_t> answer);

}  // namespace fathom
