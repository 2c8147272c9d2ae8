// Environments: problems drawn by a seed, and the reward of a completion, both in process and a
// function of the seed alone. The right answer is never part of a problem: score() makes it again,
// so nothing that a policy sees or keeps can hold it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tokenizer/chat_template.h"

namespace fathom {

/// What of a problem was never trained on.
enum class Split { kTrain, kSchema, kPhrasing, kSchemaAndPhrasing, kComposition };
/// "train", "schema", "phrasing", "schema-phrasing", "composition".
std::string_view split_name(Split split);
Result<Split> read_split(std::string_view name);
const std::vector<Split>& all_splits();

inline constexpr int kMaxDifficulty = 5;

struct Problem {
  std::vector<ChatMessage> messages = {};  // the last one is the user's
  uint64_t seed = 0;
  int difficulty = 0;  // 0..kMaxDifficulty; others count as the nearest
  Split split = Split::kTrain;
  std::string kind = {};  // what is asked for, to report by: "top_group", "missing"
};

/// A problem with a right completion of good form.
struct WorkedProblem {
  std::vector<ChatMessage> messages;
  std::string completion;
};

struct RewardOptions {
  double dense = 0.3;   // weight of the small parts of a wrong answer; annealed away by the caller
  double wrong = -0.2;  // of a wrong answer, or one without form; below that of "cannot"
  double length = 0;    // taken from a right answer for each length_free_tokens beyond these
  int64_t length_free_tokens = 256;  // counted as words and marks, about a tokenizer's tokens
};

struct Score {
  double reward = 0;  // finite; 1 for a right answer of good form, above 0 for nothing else
  bool correct = false, well_formed = false, declined = false, should_decline = false;
  std::string why = {};  // one sentence
};

/// `text` is the same for completions that agree, and empty where one comes to nothing.
struct Outcome {
  std::string text = {};
  double weight = 1;
};

class Environment {
 public:
  virtual ~Environment() = default;
  virtual std::string_view name() const = 0;
  /// An environment without a split's meaning draws other seeds for it.
  virtual Problem sample(uint64_t seed, int difficulty, Split split) const = 0;
  /// completion: what followed the prompt's open "<think>\n", without eos. Only seed, difficulty
  /// and split of the problem count.
  virtual Score score(const Problem& problem, std::string_view completion,
                      const RewardOptions& options) const = 0;
  /// What a completion comes to without any gold answer: of tables the result on the tables that
  /// the prompt shows, with the weight that fathom analyze gives it, of others the answer's line.
  virtual Outcome outcome(const Problem& problem, std::string_view completion) const;
  /// A right completion of good form.
  virtual std::string demonstrate(const Problem& problem) const = 0;
  /// Problems to be read one after the other, with their answers. `tables` and `lookup` show their
  /// tables once and ask up to n_questions about them; the others draw n_questions problems, those
  /// of the seeds from seed * n_questions on.
  virtual std::vector<WorkedProblem> worked(uint64_t seed, int difficulty, Split split,
                                            int n_questions) const;
  /// worked() as a text to pretrain on, without a chat's control tokens.
  std::string document(uint64_t seed, int difficulty, Split split, int n_questions) const;
};

/// tables, repair, arithmetic, countdown, lookup.
const std::vector<std::string>& environment_names();
Result<std::unique_ptr<Environment>> make_environment(std::string_view name);

}  // namespace fathom
