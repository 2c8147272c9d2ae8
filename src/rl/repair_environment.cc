// The environment `repair`: a question of `tables`, a first attempt that the engine refused or that
// found nothing, and what the engine said. The right act is a better query.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/check.h"
#include "rl/environments_impl.h"
#include "rl/tables_problem_impl.h"

namespace fathom {
namespace {

struct Attempt {
  std::string sql, feedback, kind;
};

bool replace_first(std::string& text, std::string_view what, std::string_view by) {
  const size_t at = text.find(what);
  if (what.empty() || at == text.npos) return false;
  text.replace(at, what.size(), by);
  return true;
}

bool replace_all(std::string& text, std::string_view what, std::string_view by) {
  bool found = false;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
    found = true;
  }
  return found;
}

// The same where `name` is a word of its own.
bool replace_name(std::string& text, std::string_view name, std::string_view by) {
  const auto in_word = [&](size_t i) {
    return i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_');
  };
  bool found = false;
  for (size_t at = text.find(name); at != text.npos;) {
    const bool whole = !(at > 0 && in_word(at - 1)) && !in_word(at + name.size());
    if (whole) text.replace(at, name.size(), by);
    found |= whole;
    at = text.find(name, at + (whole ? by.size() : 1));
  }
  return found;
}

// Ways in which a first attempt goes wrong, in the labels of the prompt. Each gives the text, or
// nothing where it has no hold.
class Mistakes {
 public:
  Mistakes(Draw& draw, const TablesProblem& p) : draw_(draw), p_(p) {}

  std::optional<Attempt> one() {
    switch (draw_.below(6)) {
      case 0:
        return other_label();
      case 1:
        return other_name();
      case 2:
        return other_table();
      case 3:
        return foreign_function();
      case 4:
        return having_as_where();
      default:
        return other_column();
    }
  }

 private:
  std::string column() {
    if (p_.plan.columns.empty()) return "";
    return draw_.pick(p_.plan.columns).name;
  }

  std::optional<Attempt> with_column(const std::string& old_name, const std::string& new_name,
                                     const char* kind) {
    std::string sql = p_.sql;
    if (old_name.empty() || !replace_name(sql, old_name, new_name)) return std::nullopt;
    return Attempt{sql, "", kind};
  }

  // A label that no column has.
  std::optional<Attempt> other_label() {
    const std::string letter(1, kColumnLabels[draw_.below(kColumnLabels.size())]);
    for (const SchemaTable& t : p_.schema.tables)
      for (const SchemaColumn& c : t.columns)
        if (c.name == letter) return std::nullopt;
    return with_column(column(), letter, "label of no column");
  }

  // The question's word instead of the column's name.
  std::optional<Attempt> other_name() {
    if (p_.plan.columns.empty()) return std::nullopt;
    const PlannedColumn& c = draw_.pick(p_.plan.columns);
    std::string word = c.why;
    for (char& x : word)
      if (x == ' ') x = '_';
    if (word.empty() || sql_identifier(word) != word) return std::nullopt;
    return with_column(c.name, word, "word for column");
  }

  std::optional<Attempt> other_table() {
    const std::string table = sql_identifier(p_.schema.tables[p_.query.base].name);
    std::string sql = p_.sql;
    const std::string wrong =
        table.ends_with('s') ? table.substr(0, table.size() - 1) : table + "s";
    if (!replace_all(sql, "FROM " + table, "FROM " + wrong)) return std::nullopt;
    return Attempt{sql, "", "other table"};
  }

  std::optional<Attempt> foreign_function() {
    std::string sql = p_.sql;
    if (!replace_all(sql, "strftime('%Y', ", "YEAR(") &&
        !replace_all(sql, "strftime('%Y-%m', ", "MONTH("))
      return std::nullopt;
    return Attempt{sql, "", "foreign function"};
  }

  std::optional<Attempt> having_as_where() {
    std::string sql = p_.sql;
    const size_t group = sql.find(" GROUP BY "), having = sql.find(" HAVING ");
    if (having == sql.npos || sql.find(" WHERE ") != sql.npos) return std::nullopt;
    const std::string grouping = sql.substr(group, having - group);
    sql = sql.substr(0, group) + " WHERE " + sql.substr(having + 8) + grouping;
    return Attempt{sql, "", "HAVING as WHERE"};
  }

  // A value looked for in another column: nothing is found.
  std::optional<Attempt> other_column() {
    for (const TableFilter& f : p_.query.filters) {
      if (f.op != FilterOp::kEqual) continue;
      const auto& columns = p_.schema.tables[f.table].columns;
      const SchemaColumn& wrong = draw_.pick(columns);
      if (wrong.type != ColumnType::kText) return std::nullopt;
      std::string sql = p_.sql;
      if (!replace_first(sql, columns[f.column].name + " = ", wrong.name + " = "))
        return std::nullopt;
      return Attempt{sql, "", "value of another column"};
    }
    return std::nullopt;
  }

  Draw& draw_;
  const TablesProblem& p_;
};

struct RepairProblem {
  TablesProblem tables, in_labels;
  uint64_t seed = 0;  // of the tables' problem
  std::string question;
  Attempt attempt;
};

// Tries problems and mistakes until the engine really refuses the attempt or finds nothing.
RepairProblem build_repair(uint64_t seed, int difficulty, Split split) {
  const int level = std::clamp(difficulty, 0, kMaxDifficulty);
  Draw draw(seed, 30'000 + static_cast<uint64_t>(level) * 8 + static_cast<uint64_t>(split));
  while (true) {
    RepairProblem r;
    r.seed = draw.below(uint64_t{1} << 62);
    r.tables = build_tables_problem(r.seed, level, split, true);
    const auto database = prompt_database({&r.tables, 1}, r.seed);
    r.in_labels = labelled(r.tables, *database);
    const TableLabels labels = prompt_labels(*database, r.tables.question, TaskPrompt::kShort);
    for (int i = 0; i < 8; ++i) {
      std::optional<Attempt> a = Mistakes(draw, r.in_labels).one();
      if (!a.has_value()) continue;
      const Result<QueryResult> found = database->query(labels.sql(a->sql));
      if (found.ok() && !found.value().rows.empty()) continue;
      a->feedback = found.ok() ? table_feedback_empty() : table_feedback_error(found.message());
      r.attempt = *a;
      Result<std::string> text =
          table_question(*database, r.tables.question, TaskPrompt::kShort, labels, {});
      FATHOM_CHECK(text.ok());
      r.question = std::move(text).value();
      return r;
    }
  }
}

class RepairEnvironment final : public Environment {
 public:
  std::string_view name() const override { return "repair"; }

  Problem sample(uint64_t seed, int difficulty, Split split) const override {
    const RepairProblem r = build_repair(seed, difficulty, split);
    return {{{"user", r.question},
             {"assistant",
              fmt::format("<think>\n{}</think>\n{}", plan_text(r.in_labels.plan), r.attempt.sql)},
             {"user", r.attempt.feedback}},
            seed,
            difficulty,
            split,
            r.attempt.kind};
  }

  Score score(const Problem& problem, std::string_view completion,
              const RewardOptions& options) const override {
    const RepairProblem r = build_repair(problem.seed, problem.difficulty, problem.split);
    return score_tables_answer(r.tables, r.seed, completion, options);
  }

  Outcome outcome(const Problem& problem, std::string_view completion) const override {
    const RepairProblem r = build_repair(problem.seed, problem.difficulty, problem.split);
    return tables_outcome(r.tables, r.seed, completion);
  }

  std::string demonstrate(const Problem& problem) const override {
    return tables_demonstration(
        build_repair(problem.seed, problem.difficulty, problem.split).in_labels);
  }
};

}  // namespace

std::unique_ptr<Environment> make_repair_environment() {
  return std::make_unique<RepairEnvironment>();
}

}  // namespace fathom
