// See tables_problem_impl.h: building.
#include "rl/tables_problem_impl.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace fathom {
namespace {

constexpr double kUnanswerable = 0.15, kOfftopic = 0.2;  // the latter of the former
constexpr uint64_t kPromptStream = 1'000'000;

bool holds_out_phrasing(Split split) {
  return split == Split::kPhrasing || split == Split::kSchemaAndPhrasing;
}

class ProblemMaker {
 public:
  ProblemMaker(uint64_t seed, int difficulty, Split split, bool answerable)
      : draw_(seed, static_cast<uint64_t>(split) * 64 + static_cast<uint64_t>(difficulty)),
        difficulty_(difficulty),
        split_(split),
        answerable_(answerable) {}

  TablesProblem make() {
    draw_act();
    for (int i = 0; i < 500; ++i) {
      const bool held_out = split_ == Split::kSchema || split_ == Split::kSchemaAndPhrasing;
      if (ask_about(sample_schema(draw_, {held_out, difficulty_ == kMaxDifficulty})))
        return std::move(p_);
    }
    FATHOM_CHECK(false);
  }

  // Another question about the same tables; none where 20 tries find none.
  std::optional<TablesProblem> make_about(const TableSchema& schema) {
    draw_act();
    for (int i = 0; i < 20; ++i)
      if (ask_about(schema)) return std::move(p_);
    return std::nullopt;
  }

 private:
  void draw_act() {
    unanswerable_ = !answerable_ && draw_.chance(kUnanswerable);
    offtopic_ = unanswerable_ && draw_.chance(kOfftopic);
  }

  bool ask_about(TableSchema schema) {
    p_ = {};
    p_.schema = std::move(schema);
    return offtopic_ ? make_offtopic() : make_query();
  }

  bool make_offtopic() {
    auto [question, term] = offtopic_question(draw_, p_.schema, holds_out_phrasing(split_));
    p_.question = question;
    p_.family = p_.kind = "offtopic";
    decline(term);
    p_.missing_names = {term};
    return true;
  }

  void decline(const std::string& words) {
    p_.missing = words;
    const bool planned = std::any_of(p_.plan.columns.begin(), p_.plan.columns.end(),
                                     [](const PlannedColumn& c) { return c.name.empty(); });
    if (!planned) p_.plan.columns.push_back({"", words});
    p_.plan.check = plan_check(p_.plan);
  }

  bool make_query() {
    std::optional<ColumnRef> phantom;
    if (unanswerable_) {
      const std::optional<size_t> column = add_phantom(draw_, p_.schema);
      if (!column.has_value()) return false;
      phantom = ColumnRef{0, *column};
    }
    for (int i = 0; i < 12; ++i) {
      const Result<TableQuery> query = sample_query(draw_, p_.schema, difficulty_, split_, phantom);
      if (!query.ok()) continue;
      const Result<WrittenQuestion> question =
          write_question(draw_, p_.schema, query.value(), holds_out_phrasing(split_));
      if (!question.ok()) continue;
      p_.query = query.value();
      p_.question = question.value().text;
      p_.family = question.value().family;
      p_.kind = shape_name(p_.query.shape);
      if (p_.query.joined) p_.kind += "+join";
      if (phantom.has_value())
        without_phantom(*phantom, question.value());
      else
        plan(question.value());
      return true;
    }
    return false;
  }

  void plan(const WrittenQuestion& question) {
    p_.why = question.why;
    p_.plan = plan_of_query(p_.schema, p_.query, p_.why, p_.question);
    p_.sql = query_sql(p_.schema, p_.plan);
  }

  void without_phantom(const ColumnRef& phantom, const WrittenQuestion& question) {
    p_.kind = "missing";
    const SchemaColumn column = p_.schema.tables[0].columns.back();
    const auto why = question.why.find(phantom);
    const std::string words = why == question.why.end() ? column.words : why->second;
    plan_around(column, question);
    decline(words);
    p_.missing_names = column.about->names;
    p_.missing_names.push_back(words);
    p_.schema.tables[0].columns.pop_back();
    std::erase_if(p_.query.filters, [&](const TableFilter& f) {
      return ColumnRef{f.table, f.column} == phantom;
    });
  }

  // Looks each of the question's columns up, and finds none for one.
  void plan_around(const SchemaColumn& missing, const WrittenQuestion& question) {
    const TablePlan all = plan_of_query(p_.schema, p_.query, question.why, question.text);
    const std::string name = sql_identifier(missing.name),
                      table = sql_identifier(p_.schema.tables[0].name);
    for (PlannedColumn c : all.columns) {
      if (c.name == name || c.name == fmt::format("{}.{}", table, name)) c.name.clear();
      p_.plan.columns.push_back(std::move(c));
    }
  }

  Draw draw_;
  int difficulty_;
  Split split_;
  bool answerable_, unanswerable_ = false, offtopic_ = false;
  TablesProblem p_;
};

// The label of the column that a plan names, with its table or without.
std::string column_label(const TableSchema& named, const TableSchema& labels,
                         const std::string& name) {
  for (size_t t = 0; t < named.tables.size(); ++t) {
    for (size_t c = 0; c < labels.tables[t].columns.size(); ++c) {
      const std::string column = sql_identifier(named.tables[t].columns[c].name);
      if (column == name ||
          fmt::format("{}.{}", sql_identifier(named.tables[t].name), column) == name)
        return labels.tables[t].columns[c].name;
    }
  }
  return name;
}

// What a plan that declines says is missing.
std::string missing_of(const TablePlan& plan) {
  for (const PlannedColumn& c : plan.columns)
    if (c.name.empty()) return c.why;
  FATHOM_CHECK(false);
}

}  // namespace

TablesProblem build_tables_problem(uint64_t seed, int difficulty, Split split, bool answerable) {
  return ProblemMaker(seed, std::clamp(difficulty, 0, kMaxDifficulty), split, answerable).make();
}

std::vector<TablesProblem> build_tables_problems(uint64_t seed, int difficulty, Split split,
                                                 int n) {
  ProblemMaker maker(seed, std::clamp(difficulty, 0, kMaxDifficulty), split, false);
  std::vector<TablesProblem> problems = {maker.make()};
  const TableSchema schema = problems[0].schema;
  while (static_cast<int>(problems.size()) < n) {
    std::optional<TablesProblem> next = maker.make_about(schema);
    if (!next.has_value()) break;
    problems.push_back(*std::move(next));
  }
  return problems;
}

std::unique_ptr<Database> prompt_database(std::span<const TablesProblem> problems, uint64_t seed) {
  std::vector<TableFilter> filters;
  for (const TablesProblem& p : problems) {
    const std::vector<TableFilter> rows =
        p.missing.empty() ? row_filters(p.query) : p.query.filters;
    filters.insert(filters.end(), rows.begin(), rows.end());
  }
  Draw draw(seed, kPromptStream);
  return make_database(draw, problems[0].schema, {draw.between(8, 20), &filters});
}

std::vector<WorkedProblem> worked_tables(uint64_t seed, int difficulty, Split split, int n) {
  const std::vector<TablesProblem> problems = build_tables_problems(seed, difficulty, split, n);
  const auto database = prompt_database(problems, seed);
  SchemaTextOptions columns;
  columns.layout = SchemaLayout::kColumns;
  const size_t n_schema = schema_text(*database, "", columns).value().size();
  std::vector<WorkedProblem> all;
  for (const TablesProblem& p : problems) {
    std::string prompt = table_question(*database, p.question, TaskPrompt::kShort).value();
    if (!all.empty()) prompt.erase(0, n_schema);
    all.push_back({{{"user", std::move(prompt)}}, tables_demonstration(labelled(p, *database))});
  }
  return all;
}

TablesProblem labelled(const TablesProblem& problem, const Database& database) {
  const TableLabels labels = prompt_labels(database, problem.question, TaskPrompt::kShort);
  TablesProblem p = problem;
  p.schema.labelled = true;
  std::map<std::string, std::string, std::less<>> words;  // by label
  for (size_t t = 0; t < p.schema.tables.size(); ++t) {
    const SqlTable& table = database.tables()[t];
    p.schema.tables[t].name = labels.table(table);
    for (size_t c = 0; c < table.columns.size(); ++c) {
      const std::string& label = labels.column(table.columns[c]);
      p.schema.tables[t].columns[c].name = label;
      const std::string_view marked = labels.words_for(table.columns[c]);
      if (marked.empty()) continue;
      words[label] = marked;
      if (p.why.contains({t, c})) p.why[{t, c}] = marked;
    }
  }
  if (p.sql.empty()) {
    for (PlannedColumn& c : p.plan.columns) {
      c.name = column_label(problem.schema, p.schema, c.name);
      if (words.contains(c.name)) c.why = words[c.name];
    }
    sort_by_question(p.plan.columns, p.question);
  } else {
    p.plan = plan_of_query(p.schema, p.query, p.why, p.question);
  }
  // Where the question marks a column, its label is enough (TableLabels::plan); otherwise words
  // stand in the plan by the label behind them.
  for (PlannedColumn& c : p.plan.columns) {
    const std::string why = c.name.empty() || !words.contains(c.name) ? c.why : "";
    c.why = labels.label_of(why);
    if (c.name.empty() && c.why.empty()) c.why = why;
  }
  if (p.sql.empty()) {
    p.missing = missing_of(p.plan);
    return p;
  }
  for (auto* lines : {&p.plan.filters, &p.plan.compute})
    for (std::string& line : *lines) line = labels.with_literals(line);
  p.plan.having = labels.with_literals(p.plan.having);
  p.plan.limit = labels.with_literals(p.plan.limit);
  p.plan.check = plan_check(p.plan);
  p.sql = query_sql(p.schema, p.plan);
  return p;
}

std::string tables_demonstration(const TablesProblem& p) {
  return fmt::format("{}</think>\n{}", plan_text(p.plan),
                     p.sql.empty() ? cannot_text(p.missing) : p.sql);
}

}  // namespace fathom
