// A whole problem of the `tables` environment: schema, question, plan, SQL; and the databases that
// an answer is tried on. `repair` builds on it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rl/environment.h"
#include "rl/tables_phrases_impl.h"

namespace fathom {

struct TablesProblem {
  TableSchema schema = {};
  TableQuery query = {};
  std::string question = {}, family = {}, kind = {};
  std::map<ColumnRef, std::string> why = {};  // the question's words for each column
  TablePlan plan = {};
  std::string sql = {};                    // empty: the tables cannot answer
  std::string missing = {};                // then: what they miss, in the question's words
  std::vector<std::string> missing_names;  // any of these names it as well
};

/// A function of its arguments alone. `answerable`: never a question that must be declined.
TablesProblem build_tables_problem(uint64_t seed, int difficulty, Split split, bool answerable);
/// Up to n problems about the same tables.
std::vector<TablesProblem> build_tables_problems(uint64_t seed, int difficulty, Split split, int n);
/// Up to n of them, worked: the first prompt shows the tables, the others only what a prompt has
/// after them.
std::vector<WorkedProblem> worked_tables(uint64_t seed, int difficulty, Split split, int n);
/// The database whose tables the prompt shows. Requires: at least one problem, all about one
/// schema.
std::unique_ptr<Database> prompt_database(std::span<const TablesProblem> problems, uint64_t seed);
/// The problem with names, plan and SQL in labels, and in the plan the words by which the
/// question's marks name a column. database: prompt_database's.
TablesProblem labelled(const TablesProblem& problem, const Database& database);
/// The right completion, of a labelled problem.
std::string tables_demonstration(const TablesProblem& labelled);

/// How a completion did on databases that the prompt does not show.
Score score_tables_answer(const TablesProblem& problem, uint64_t seed, std::string_view completion,
                          const RewardOptions& options);

/// Environment::outcome.
Outcome tables_outcome(const TablesProblem& problem, uint64_t seed, std::string_view completion);

/// Words and marks of `text`: about a tokenizer's tokens.
int64_t count_words(std::string_view text);
/// Of a right answer, by its length; at least 0.
double right_reward(std::string_view completion, const RewardOptions& options);
/// Of an answer that declines where it should not: above any wrong one's.
double needless_decline_reward(const RewardOptions& options);

}  // namespace fathom
