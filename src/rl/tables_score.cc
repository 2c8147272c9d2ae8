// See tables_problem_impl.h: scoring. The SQL runs on two databases that nobody has seen, and must
// give the gold's result on both. They differ from the prompt's, and their gold results from each
// other, so that neither a constant nor a copied row is right.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "rl/tables_problem_impl.h"
#include "toolbox/asking_words.h"
#include "toolbox/result_compare.h"

namespace fathom {
namespace {

constexpr uint64_t kScoreStream = 2'000'000;
constexpr int kTries = 6;  // databases drawn until the gold result tells answers apart
constexpr size_t kMaxCompletionBytes = 64 << 10;
constexpr size_t kMaxMissingBytes = 120;

// Far above what any right answer to these small tables needs.
constexpr QueryLimits kLimits = {.max_steps = 300'000,
                                 .max_seconds = 1,
                                 .max_rows = 500,
                                 .max_result_bytes = 256 << 10,
                                 .max_value_bytes = 16 << 10,
                                 .max_memory_bytes = 8 << 20,
                                 .max_sql_bytes = 4000};

struct Trial {
  std::unique_ptr<Database> database;
  QueryResult gold;
};

bool all_null(const QueryResult& r) {
  for (const auto& row : r.rows)
    for (const SqlValue& v : row)
      if (v.index() != 0) return false;
  return true;
}

// Where the order is asked for, the column that it goes by.
CompareOptions comparison_of(const TableQuery& q) {
  CompareOptions options;
  options.ordered = q.ordered && q.limit != 1;
  const bool by_first = q.by_group || q.shape == QueryShape::kBucket;
  if (options.ordered) options.order_columns = {by_first ? 0u : 1u};
  return options;
}

class TrialMaker {
 public:
  TrialMaker(const TablesProblem& p, uint64_t seed)
      : p_(p), seed_(seed), filters_(row_filters(p.query)) {
    // One row more than wanted, to see whether the last place is shared.
    TablePlan plan = p.plan;
    if (p.query.limit > 0) plan.limit = std::to_string(p.query.limit + 1);
    sql_ = query_sql(p.schema, plan);
  }

  std::vector<Trial> make() {
    std::vector<Trial> trials;
    for (uint64_t i = 0; i < 2; ++i) {
      Trial trial;
      for (uint64_t k = 0; k < kTries; ++k) {
        trial = draw_trial(i * kTries + k);
        if (tells_apart_ && (trials.empty() || differ(trial.gold, trials[0].gold))) break;
      }
      trials.push_back(std::move(trial));
    }
    return trials;
  }

 private:
  // Also in the names alone, where these may be the answer.
  bool differ(const QueryResult& a, const QueryResult& b) const {
    const bool empty = a.rows.empty() || b.rows.empty();
    if (p_.query.limit == 1 && !empty && a.rows[0][0] == b.rows[0][0]) return false;
    return !same_result(a, b);
  }

  Trial draw_trial(uint64_t stream) {
    Draw draw(seed_, kScoreStream + stream);
    Trial trial;
    trial.database = make_database(draw, p_.schema, {draw.between(28, 60), &filters_});
    Result<QueryResult> gold = trial.database->query(sql_, kLimits);
    FATHOM_CHECK(gold.ok());
    trial.gold = std::move(gold).value();
    auto& rows = trial.gold.rows;
    tells_apart_ = !rows.empty() && !all_null(trial.gold);
    if (tells_apart_ && p_.query.limit == 1) tells_apart_ = rows[0][0].index() != 0;
    const size_t limit = static_cast<size_t>(p_.query.limit);
    if (limit > 0 && rows.size() > limit) {
      tells_apart_ = tells_apart_ && !same_value(rows[limit - 1].back(), rows[limit].back());
      rows.resize(limit);
    }
    return trial;
  }

  const TablesProblem& p_;
  uint64_t seed_;
  std::vector<TableFilter> filters_;
  std::string sql_;
  bool tells_apart_ = false;
};

// "Which region sold the most?" is also answered without the figure.
bool may_leave_figure_out(QueryShape shape) {
  switch (shape) {
    case QueryShape::kTopRow:
    case QueryShape::kTopKRow:
    case QueryShape::kSorted:
    case QueryShape::kTopGroup:
    case QueryShape::kTopKGroup:
    case QueryShape::kTopBucket:
    case QueryShape::kHaving:
    case QueryShape::kGrowthGroup:
      return true;
    default:
      return false;
  }
}

bool is_right(const TablesProblem& p, const QueryResult& gold, const QueryResult& found) {
  CompareOptions options = comparison_of(p.query);
  if (same_result(gold, found, options)) return true;
  if (!may_leave_figure_out(p.query.shape) || found.columns.size() != 1 || gold.columns.size() != 2)
    return false;
  QueryResult names = gold;
  names.columns.resize(1);
  for (auto& row : names.rows) row.resize(1);
  options.order_columns = {};
  return same_result(names, found, options);
}

// Of the columns that the gold or the answer uses, the share that both use.
double column_agreement(std::string_view gold_sql, std::string_view sql) {
  const auto gold = sql_column_names(gold_sql), found = sql_column_names(sql);
  size_t both = 0;
  for (const std::string& c : found) both += std::find(gold.begin(), gold.end(), c) != gold.end();
  const size_t all = gold.size() + found.size() - both;
  return all == 0 ? 1 : static_cast<double>(both) / static_cast<double>(all);
}

// A wrong answer with all small parts stays below a needless "cannot".
double wrong_reward(double parts, const RewardOptions& o) {
  return std::min(o.wrong + o.dense * parts * 0.5, 0.25 * o.wrong);
}

bool is_syntax_error(const std::string& message) {
  return message.find("syntax error") != message.npos ||
         message.find("incomplete input") != message.npos ||
         message.find("unrecognized token") != message.npos;
}

void score_sql(const TablesProblem& p, uint64_t seed, const TableAnswer& answer,
               std::string_view completion, const RewardOptions& o, Score& score) {
  bool right = true, executes = true, parses = true;
  for (const Trial& trial : TrialMaker(p, seed).make()) {
    const Result<QueryResult> found = trial.database->query(answer.sql, kLimits);
    if (!found.ok()) {
      executes = right = false;
      parses = !is_syntax_error(found.message());
      score.why = found.message();
      break;
    }
    if (is_right(p, trial.gold, found.value())) continue;
    right = false;
    score.why = fmt::format("another result than that of {}", p.sql);
    break;
  }
  score.correct = right;
  if (right) {
    score.reward = right_reward(completion, o);
    score.why = "right";
    return;
  }
  const double parts =
      0.2 * parses + 0.2 * executes + (executes ? 0.6 * column_agreement(p.sql, answer.sql) : 0);
  score.reward = wrong_reward(parts, o);
}

// The missing column's name or the question's words for it, or a word of these that is not one of
// asking: "rate" of "rate of interest".
bool names_missing(const TablesProblem& p, std::string_view missing) {
  if (missing.size() > kMaxMissingBytes) return false;
  if (missing.starts_with(kNoColumn)) missing.remove_prefix(kNoColumn.size());
  const std::string said = " " + word_stems(missing) + " ";
  const auto words = split_trimmed(said, ' ');
  return std::any_of(p.missing_names.begin(), p.missing_names.end(), [&](const std::string& n) {
    const std::string name = " " + word_stems(n) + " ";
    const auto shares = [&](const std::string& word) {
      return !is_asking_word(word) && name.find(" " + word + " ") != name.npos;
    };
    return said.find(name) != said.npos || std::any_of(words.begin(), words.end(), shares);
  });
}

}  // namespace

int64_t count_words(std::string_view text) {
  int64_t n = 0;
  bool in_word = false;
  for (const char c : text) {
    const bool letter =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
    if (!letter && c != ' ' && c != '\n') ++n;
    if (letter && !in_word) ++n;
    in_word = letter;
  }
  return n;
}

double right_reward(std::string_view completion, const RewardOptions& o) {
  const int64_t free = std::max<int64_t>(o.length_free_tokens, 1);
  const int64_t over = count_words(completion) - free;
  if (over <= 0 || !(o.length > 0)) return 1;
  return std::max(0.0, 1 - o.length * static_cast<double>(over) / static_cast<double>(free));
}

double needless_decline_reward(const RewardOptions& o) { return 0.2 * o.wrong; }

Score score_tables_answer(const TablesProblem& p, uint64_t seed, std::string_view completion,
                          const RewardOptions& o) {
  Score score;
  score.should_decline = p.sql.empty();
  score.reward = o.wrong;
  if (completion.size() > kMaxCompletionBytes) {
    score.why =
        fmt::format("at most {} bytes wanted, {} found", kMaxCompletionBytes, completion.size());
    return score;
  }
  TableAnswer answer = read_table_answer(completion);
  if (!answer.sql.empty() || answer.declined()) {
    const auto database = prompt_database({&p, 1}, seed);
    const TableLabels labels = prompt_labels(*database, p.question, TaskPrompt::kShort);
    answer.sql = labels.sql(answer.sql);
    answer.missing = labels.missing(answer.missing);
  }
  score.well_formed = answer.well_formed;
  score.declined = answer.declined();
  if (!answer.well_formed) {
    score.why = answer.why;
  } else if (answer.declined() && score.should_decline) {
    score.correct = names_missing(p, answer.missing);
    score.reward = score.correct ? right_reward(completion, o) : 0;
    score.why = score.correct ? "right" : fmt::format("what is missing is: {}", p.missing);
  } else if (answer.declined()) {
    score.reward = needless_decline_reward(o);
    score.why = fmt::format("the tables can answer: {}", p.sql);
  } else if (score.should_decline) {
    score.why = fmt::format("the tables cannot answer: no column for {}", p.missing);
  } else {
    score_sql(p, seed, answer, completion, o, score);
  }
  return score;
}

Outcome tables_outcome(const TablesProblem& p, uint64_t seed, std::string_view completion) {
  const TableAnswer answer = read_table_answer(completion.substr(0, kMaxCompletionBytes));
  if (!answer.declined() && answer.sql.empty()) return {};
  const auto database = prompt_database({&p, 1}, seed);
  const TableLabels labels = prompt_labels(*database, p.question, TaskPrompt::kShort);
  Outcome outcome{"declined: " + labels.missing(answer.missing), answer_weight(answer, labels)};
  if (answer.declined()) return outcome;
  const Result<QueryResult> found = database->query(labels.sql(answer.sql), kLimits);
  if (!found.ok() || all_null(found.value())) return {};
  std::vector<std::string> rows;
  for (const auto& row : found.value().rows) {
    std::string& line = rows.emplace_back();
    for (const SqlValue& v : row) line += value_text(v) + "\x1f";
  }
  std::sort(rows.begin(), rows.end());
  outcome.text = fmt::format("{}", fmt::join(rows, "\n"));
  return outcome;
}

}  // namespace fathom
