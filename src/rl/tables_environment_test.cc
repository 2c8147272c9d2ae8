#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <thread>

#include "rl/tables_problem_impl.h"
#include "toolbox/result_compare.h"

namespace fathom {
namespace {

const Environment& tables() {
  static const auto environment = make_environment("tables").value();
  return *environment;
}

std::string behind_thought(const std::string& sql) {
  return "compute: count rows\n</think>\n" + sql;
}

template <typename F>
void for_problems(int n_seeds, F use) {
  for (const Split split : all_splits())
    for (int difficulty = 0; difficulty <= kMaxDifficulty; ++difficulty)
      for (int seed = 0; seed < n_seeds; ++seed)
        use(static_cast<uint64_t>(seed), difficulty, split);
}

TEST(TablesEnvironment, DemonstrationsAreRightAndDoWhatTheirPlanSays) {
  for_problems(120, [](uint64_t seed, int difficulty, Split split) {
    const Problem problem = tables().sample(seed, difficulty, split);
    const std::string text = tables().demonstrate(problem);
    const Score score = tables().score(problem, text, {});
    ASSERT_EQ(score.reward, 1) << score.why << "\n" << problem.messages[0].content << "\n" << text;
    ASSERT_TRUE(score.correct && score.well_formed);
    ASSERT_EQ(score.declined, score.should_decline);
    const TableAnswer answer = read_table_answer(text);
    const TablesProblem p = build_tables_problem(seed, difficulty, split, false);
    const auto database = prompt_database({&p, 1}, seed);
    const TableLabels labels = prompt_labels(*database, p.question, TaskPrompt::kShort);
    const auto plan = read_plan(labels.plan(answer.thought));
    ASSERT_TRUE(plan.ok()) << plan.message() << "\n" << text;
    const std::string sql = labels.sql(answer.sql);
    ASSERT_EQ(plan_disagreements(plan.value(), sql), std::vector<std::string>())
        << labels.plan(answer.thought) << "\n"
        << sql;
  });
}

TEST(TablesEnvironment, TheSqlRunsOnThePromptsTablesAndNamesStandInThePrompt) {
  int n_columns = 0, n_told = 0;  // by words of the question
  for_problems(20, [&](uint64_t seed, int difficulty, Split split) {
    const TablesProblem p = build_tables_problem(seed, difficulty, split, true);
    const auto database = prompt_database({&p, 1}, seed);
    const auto result = database->query(p.sql);
    ASSERT_TRUE(result.ok()) << p.sql << "\n" << result.message();
    const std::string prompt = table_question(*database, p.question, TaskPrompt::kShort).value();
    const TablesProblem in_labels = labelled(p, *database);
    const std::string known = prompt.substr(0, prompt.rfind('\n'));
    for (const PlannedColumn& c : in_labels.plan.columns) {
      ASSERT_NE(known.find(" = " + c.name), known.npos) << c.name << "\n" << prompt;
    }
    const TableLabels labels = prompt_labels(*database, p.question, TaskPrompt::kShort);
    const TablePlan read = read_plan(labels.plan(plan_text(in_labels.plan))).value();
    for (const PlannedColumn& c : read.columns) {
      ++n_columns;
      n_told += !c.why.empty();
    }
    for (const TableFilter& f : p.query.filters) {
      if (f.op != FilterOp::kEqual) continue;
      const auto has_label = [&](const auto& l) { return l.sql == sql_literal(f.a); };
      ASSERT_TRUE(std::any_of(labels.literals().begin(), labels.literals().end(), has_label))
          << sql_literal(f.a) << "\n"
          << prompt;
      ASSERT_EQ(in_labels.sql.find(sql_literal(f.a)), in_labels.sql.npos) << in_labels.sql;
    }
    // What the labels stand for is the problem's own query.
    const auto again = database->query(labels.sql(in_labels.sql));
    ASSERT_TRUE(again.ok()) << in_labels.sql << "\n" << again.message();
    ASSERT_TRUE(same_result(again.value(), result.value(), {.ordered = true}))
        << p.sql << "\n"
        << labels.sql(in_labels.sql);
    ASSERT_LT(prompt.size(), 1600u);
  });
  EXPECT_GT(n_told, 0.9 * n_columns);  // "Who pays most?" has no word for the name
}

TEST(TablesEnvironment, ThePlanNamesColumnsAsTheQuestionMarksThemAndInItsOrder) {
  size_t n_marked = 0, n_missing = 0;
  for (uint64_t seed = 0; seed < 120; ++seed) {
    const TablesProblem p =
        build_tables_problem(seed, static_cast<int>(seed % 5), Split::kTrain, false);
    const auto database = prompt_database({&p, 1}, seed);
    const TableLabels labels = prompt_labels(*database, p.question, TaskPrompt::kShort);
    size_t last = 0;
    const TablePlan written = labelled(p, *database).plan;
    const TablePlan read = read_plan(labels.plan(plan_text(written))).value();
    for (size_t i = 0; i < written.columns.size(); ++i) {
      const PlannedColumn& planned = written.columns[i];
      n_missing += planned.name.empty();
      for (const SqlColumn& c : database->tables()[0].columns) {
        if (labels.column(c) != planned.name || labels.words_for(c).empty()) continue;
        EXPECT_EQ(planned.why, "");
        EXPECT_EQ(read.columns[i].why, plan_words(labels.words_for(c)));
        const size_t place =
            lower_text(p.question).find(lower_text(std::string(labels.words_for(c))));
        EXPECT_LE(last, place) << p.question << " | " << read.columns[i].why;
        last = place;
        ++n_marked;
      }
    }
  }
  EXPECT_GT(n_marked, 80u);
  EXPECT_GT(n_missing, 5u);
}

TEST(TablesEnvironment, WordsThatAskForNothingStandAroundTrainingQuestionsAlone) {
  const auto n_addressed = [](Split split) {
    int n = 0;
    for (uint64_t seed = 0; seed < 300; ++seed) {
      const TablesProblem p = build_tables_problem(seed, static_cast<int>(seed % 5), split, true);
      for (const std::string& opener : table_phrases().lists.at("opener"))
        n += lower_text(p.question).starts_with(lower_text(opener));
    }
    return n;
  };
  EXPECT_GT(n_addressed(Split::kTrain), 15);
  EXPECT_EQ(n_addressed(Split::kPhrasing), 0);
}

TEST(TablesEnvironment, AnOutcomeIsTheResultOnThePromptsTables) {
  const auto environment = make_environment("tables").value();
  size_t n_declined = 0, n_results = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Problem p = environment->sample(seed, 2, Split::kTrain);
    const std::string right = environment->demonstrate(p);
    const std::string outcome = environment->outcome(p, right).text;
    const size_t at = right.find("</think>\n") + 9;
    if (right.substr(at).starts_with("CANNOT")) {
      EXPECT_TRUE(outcome.starts_with("declined: no column for ")) << outcome;
      ++n_declined;
      continue;
    }
    n_results += !outcome.empty();
    const std::string wrapped = "x</think>\nSELECT * FROM (" + right.substr(at) + ")";
    EXPECT_EQ(environment->outcome(p, wrapped).text, outcome);
    EXPECT_NE(environment->outcome(p, "x</think>\nSELECT 'something else'").text, outcome);
    EXPECT_EQ(environment->outcome(p, "x</think>\nSELECT nothing").text, "");
    EXPECT_EQ(environment->outcome(p, "x</think>\n").text, "");
  }
  EXPECT_GT(n_declined, 2u);
  EXPECT_GT(n_results, 40u);
}

TEST(TablesEnvironment, AProblemIsAFunctionOfItsSeed) {
  std::vector<std::string> first(200), second(200);
  const auto fill = [](std::vector<std::string>& out) {
    for (size_t i = 0; i < out.size(); ++i) {
      const Problem p = tables().sample(i, static_cast<int>(i % 6), Split::kTrain);
      out[i] = p.messages[0].content + tables().demonstrate(p);
    }
  };
  std::thread other(fill, std::ref(first));
  fill(second);
  other.join();
  EXPECT_EQ(first, second);
  EXPECT_EQ(std::set<std::string>(first.begin(), first.end()).size(), first.size());
}

TEST(TablesEnvironment, ADocumentAsksAboutItsTablesAsAPromptWould) {
  const auto environment = make_environment("tables").value();
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const int difficulty = static_cast<int>(seed % 6);
    const std::string text = environment->document(seed, difficulty, Split::kTrain, 4);
    EXPECT_EQ(text, environment->document(seed, difficulty, Split::kTrain, 4));
    size_t n_thoughts = 0;
    for (size_t at = text.find("\n<think>\n"); at != text.npos;
         at = text.find("\n<think>\n", at + 1))
      ++n_thoughts;
    EXPECT_EQ(n_thoughts, 4u) << text;
    // The tables stand there once.
    EXPECT_TRUE(text.starts_with("table "));
    const std::string first = text.substr(0, text.find('\n') + 1);
    EXPECT_EQ(text.find("\n" + first), text.npos) << text;
    const auto problems = build_tables_problems(seed, difficulty, Split::kTrain, 4);
    const auto database = prompt_database(problems, seed);
    for (const TablesProblem& p : problems) {
      const std::string answer = tables_demonstration(labelled(p, *database));
      const TableLabels labels = prompt_labels(*database, p.question, TaskPrompt::kShort);
      EXPECT_NE(text.find("\n" + labels.question() + "\n<think>\n" + answer + "\n"), text.npos)
          << text;
    }
  }
}

TEST(TablesEnvironment, SplitsKeepOutOfTrainingWhatTheyHoldOut) {
  std::set<std::string> train_domains, train_families;
  const auto held_out = [](const TablesProblem& p) {  // the sentence of the file that was filled
    const size_t slash = p.family.find('/');
    return table_phrases()
        .shapes.at(p.family.substr(0, slash))
        .at(std::stoul(p.family.substr(slash + 1)))
        .held_out;
  };
  const auto domain_of = [](const TablesProblem& p) { return p.schema.domain->key; };
  const auto each = [](Split split, int n, auto use) {
    for (int difficulty = 0; difficulty <= kMaxDifficulty; ++difficulty)
      for (int seed = 0; seed < n; ++seed)
        use(build_tables_problem(static_cast<uint64_t>(seed), difficulty, split, false));
  };
  each(Split::kTrain, 600, [&](const TablesProblem& p) {
    train_domains.insert(domain_of(p));
    train_families.insert(p.family);
    EXPECT_TRUE(p.kind == "offtopic" || !held_out(p)) << p.family;
    EXPECT_TRUE(p.kind == "offtopic" || !is_held_out_composition(p.query)) << p.question;
  });
  EXPECT_GE(train_domains.size(), 25u);
  EXPECT_GE(train_families.size(), 150u);
  const auto unseen = [](const std::set<std::string>& seen, const std::string& x) {
    return !seen.contains(x);
  };
  each(Split::kSchema, 150, [&](const TablesProblem& p) {
    EXPECT_TRUE(unseen(train_domains, domain_of(p)));
    EXPECT_TRUE(p.kind == "offtopic" || !held_out(p)) << p.family;
  });
  each(Split::kPhrasing, 150, [&](const TablesProblem& p) {
    EXPECT_FALSE(unseen(train_domains, domain_of(p)));
    EXPECT_TRUE(p.kind == "offtopic" || held_out(p)) << p.family;
  });
  each(Split::kSchemaAndPhrasing, 150, [&](const TablesProblem& p) {
    EXPECT_TRUE(unseen(train_domains, domain_of(p)));
    EXPECT_TRUE(p.kind == "offtopic" || held_out(p)) << p.family;
  });
  each(Split::kComposition, 150, [&](const TablesProblem& p) {
    const bool declined = p.kind == "offtopic" || p.kind == "missing";
    EXPECT_TRUE(declined || is_held_out_composition(p.query)) << p.question;
  });
}

TEST(TablesEnvironment, AboutOneQuestionInSevenMustBeDeclined) {
  int n = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed)
    n += build_tables_problem(seed, static_cast<int>(seed % 6), Split::kTrain, false).sql.empty();
  EXPECT_GT(n, 220);
  EXPECT_LT(n, 380);
}

// What the gold SQL gives on the prompt's tables, as a constant.
std::string constant_select(const QueryResult& result) {
  std::string sql;
  for (const auto& row : result.rows) {
    sql += sql.empty() ? "SELECT " : " UNION ALL SELECT ";
    for (const SqlValue& v : row) sql += (&v == row.data() ? "" : ", ") + sql_literal(v);
  }
  return sql.empty() ? "SELECT 1 WHERE 0" : sql;
}

struct Hack {
  std::string name;
  double reward = 0;
  int n_right = 0;
};

TEST(TablesEnvironment, NoHackPays) {
  std::map<std::string, Hack> hacks;
  int n = 0;
  for (uint64_t seed = 0; seed < 500; ++seed, ++n) {
    const Problem problem = tables().sample(seed, static_cast<int>(seed % 6), Split::kTrain);
    const TablesProblem p = build_tables_problem(seed, problem.difficulty, problem.split, false);
    const std::string table = sql_identifier(p.schema.tables[0].name);
    const std::string sql = p.sql.empty() ? "SELECT 1" : p.sql;
    std::string constant = "SELECT 1", sample = "SELECT 1";
    const auto database = prompt_database({&p, 1}, seed);
    if (!p.sql.empty()) constant = constant_select(database->query(p.sql).value());
    const auto first = database->query("SELECT * FROM " + table + " LIMIT 1").value();
    sample = constant_select(first);
    const std::vector<std::pair<std::string, std::string>> tries = {
        {"constant", behind_thought(constant)},
        {"constant name", behind_thought(constant.substr(0, constant.find(", ")))},
        {"sample row", behind_thought(sample)},
        {"zero", behind_thought("SELECT 0")},
        {"null", behind_thought("SELECT NULL")},
        {"no rows", behind_thought("SELECT 1 WHERE 0")},
        {"everything", behind_thought("SELECT * FROM " + table)},
        {"twice",
         behind_thought(
             sql + " UNION ALL " +
             (sql.find("LIMIT") == sql.npos && sql.find("ORDER") == sql.npos ? sql : "SELECT 1"))},
        {"with a constant",
         behind_thought("SELECT * FROM (" + sql + ") UNION ALL SELECT * FROM (" + constant + ")")},
        {"endless query",
         behind_thought(
             "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c")},
        {"declines", behind_thought("CANNOT: no column for that")},
        {"declines at length",
         behind_thought("CANNOT: no column for " + problem.messages[0].content)},
        {"endless thought", std::string(200'000, 'x')},
        {"endless thought before the SQL", std::string(200'000, 'x') + "</think>\n" + sql},
        {"no thought", sql},
        {"prose", behind_thought("The answer is\n" + sql)},
        {"two answers", behind_thought(sql + ";\nCANNOT: no column for that")},
        {"two statements", behind_thought("SELECT 1; " + sql)},
        {"nothing", ""},
        {"writes", behind_thought("DELETE FROM " + table)},
        {"other tables", behind_thought("SELECT sql FROM sqlite_master")},
    };
    for (const auto& [name, completion] : tries) {
      const Score score = tables().score(problem, completion, {});
      Hack& h = hacks[name];
      h.reward += score.reward;
      h.n_right += score.correct;
      ASSERT_TRUE(std::isfinite(score.reward));
      ASSERT_TRUE(score.correct ? score.reward == 1 : score.reward <= 0)
          << name << " " << score.reward;
      ASSERT_FALSE(score.why.empty());
    }
  }
  for (const auto& [name, h] : hacks) {
    EXPECT_LT(h.reward / n, 0) << name;
    EXPECT_LE(h.n_right, n / 200) << name;  // by chance
  }
}

TEST(TablesEnvironment, AWrongAnswerCostsMoreThanAnHonestOne) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Problem problem = tables().sample(seed, static_cast<int>(seed % 6), Split::kTrain);
    const TablesProblem p = build_tables_problem(seed, problem.difficulty, problem.split, false);
    if (p.sql.empty()) continue;
    for (const double dense : {0.0, 0.3, 1.0, 5.0}) {
      const RewardOptions o{.dense = dense};
      const double declines =
          tables().score(problem, behind_thought("CANNOT: no column for x"), o).reward;
      const bool may_be_empty = p.sql.find("HAVING") != p.sql.npos;  // nothing twice is nothing
      if (may_be_empty) continue;
      const double near = tables()
                              .score(problem,
                                     behind_thought("SELECT * FROM (" + p.sql +
                                                    ") UNION ALL SELECT * FROM (" + p.sql + ")"),
                                     o)
                              .reward;
      const double far = tables().score(problem, behind_thought("SELECT"), o).reward;
      ASSERT_LT(near, declines) << p.sql;
      ASSERT_LE(far, near);
      ASSERT_LT(declines, 0);
      ASSERT_TRUE(dense != 0.3 || far < near);
    }
  }
}

TEST(TablesEnvironment, LengthCountsOnlyForRightAnswersAndOnlyBeyondWhatIsFree) {
  const Problem problem = tables().sample(3, 1, Split::kTrain);
  const std::string right = tables().demonstrate(problem);
  const RewardOptions o{.length = 0.1, .length_free_tokens = 200};
  EXPECT_EQ(tables().score(problem, right, o).reward, 1);
  std::string longer;
  for (int i = 0; i < 300; ++i) longer += "so ";
  const double reward = tables().score(problem, longer + right, o).reward;
  EXPECT_LT(reward, 1);
  EXPECT_GT(reward, 0.7);
  EXPECT_EQ(tables().score(problem, longer + "</think>\nSELECT", o).reward, -0.2 + 0);
}

TEST(TablesEnvironment, NamesOfEnvironmentsAndSplitsAreTold) {
  EXPECT_NE(make_environment("chess").message().find("tables"), std::string::npos);
  EXPECT_EQ(read_split("schema-phrasing").value(), Split::kSchemaAndPhrasing);
  EXPECT_NE(read_split("test").message().find("composition"), std::string::npos);
}

}  // namespace
}  // namespace fathom
