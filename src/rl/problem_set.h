// The problems of a run: which environment, split, difficulty and seed each has, as a function of
// the run's settings and of where it stands alone; and their prompts as tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "rl/chat_format.h"
#include "rl/environment.h"
#include "train/run_fields.h"

namespace fathom {

/// How problems are drawn.
struct ProblemDraw {
  std::vector<double> splits;  // weight of each Split, in its order
  int difficulty_min = 1, difficulty_max = 1;
  uint64_t seed = 0;
  int64_t most_prompt_tokens = 0;  // a problem with a longer prompt is drawn again
};

/// A problem with the environment that judges it.
struct PosedProblem {
  const Environment* environment = nullptr;
  Problem problem;
  std::vector<int32_t> prompt;
  /// "tables, problem 123 (schema, difficulty 2, sum)": for messages.
  std::string name() const;
};

/// Environments by their weights. Thread-safe: reads only.
class ProblemSet {
 public:
  /// Error: an environment that is not known.
  static Result<ProblemSet> open(const std::vector<MixPart>& environments);
  /// For tests: these environments, of weight 1.
  explicit ProblemSet(std::vector<std::shared_ptr<const Environment>> environments);

  /// Problem `idx` of stream `stream`. Error: a hundred prompts in a row that are too long, or the
  /// template's.
  Result<PosedProblem> draw(const ProblemDraw& how, uint64_t stream, uint64_t idx,
                            const ChatFormat& format) const;
  const std::vector<std::shared_ptr<const Environment>>& environments() const {
    return environments_;
  }
  /// Problems of one environment only.
  ProblemSet only(size_t environment_idx) const;

 private:
  PosedProblem pick_at(const ProblemDraw& how, uint64_t stream, uint64_t idx,
                       uint64_t attempt) const;
  std::vector<std::shared_ptr<const Environment>> environments_;
  std::vector<double> weights_;
};

/// The weight of each Split. Requires: names that read_split knows.
std::vector<double> split_weights(const std::vector<MixPart>& splits);

}  // namespace fathom
