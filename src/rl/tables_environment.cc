// The environment `tables`: a question about a table that nobody has seen, or about two with a key,
// to be answered by one SELECT or declined.
#include "rl/environments_impl.h"
#include "rl/tables_problem_impl.h"

#include <algorithm>

#include "base/check.h"

namespace fathom {
namespace {

class TablesEnvironment final : public Environment {
 public:
  std::string_view name() const override { return "tables"; }

  Problem sample(uint64_t seed, int difficulty, Split split) const override {
    const TablesProblem p = build_tables_problem(seed, difficulty, split, false);
    const auto database = prompt_database({&p, 1}, seed);
    Result<std::string> text = table_question(*database, p.question, TaskPrompt::kShort);
    FATHOM_CHECK(text.ok());
    return {{{"user", std::move(text).value()}}, seed, difficulty, split, p.kind};
  }

  Score score(const Problem& problem, std::string_view completion,
              const RewardOptions& options) const override {
    return score_tables_answer(
        build_tables_problem(problem.seed, problem.difficulty, problem.split, false), problem.seed,
        completion, options);
  }

  Outcome outcome(const Problem& problem, std::string_view completion) const override {
    return tables_outcome(
        build_tables_problem(problem.seed, problem.difficulty, problem.split, false), problem.seed,
        completion);
  }

  std::string demonstrate(const Problem& problem) const override {
    const TablesProblem p =
        build_tables_problem(problem.seed, problem.difficulty, problem.split, false);
    return tables_demonstration(labelled(p, *prompt_database({&p, 1}, problem.seed)));
  }

  std::vector<WorkedProblem> worked(uint64_t seed, int difficulty, Split split,
                                    int n_questions) const override {
    return worked_tables(seed, difficulty, split, n_questions);
  }
};

}  // namespace

std::unique_ptr<Environment> make_tables_environment() {
  return std::make_unique<TablesEnvironment>();
}

}  // namespace fathom
