#include "rl/environment.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "rl/arithmetic_working_impl.h"
#include "rl/tables_problem_impl.h"

namespace fathom {
namespace {

const Environment& environment(const std::string& name) {
  static const auto all = [] {
    std::map<std::string, std::unique_ptr<Environment>> map;
    for (const std::string& n : environment_names()) map[n] = make_environment(n).value();
    return map;
  }();
  return *all.at(name);
}

double reward(const std::string& name, const Problem& problem, const std::string& completion) {
  return environment(name).score(problem, completion, {}).reward;
}

TEST(Environments, DemonstrationsAreRightInEachSplitAndAtEachDifficulty) {
  for (const char* const name : {"repair", "arithmetic", "countdown", "lookup"}) {
    for (const Split split : all_splits()) {
      for (uint64_t seed = 0; seed < 240; ++seed) {
        const Problem p = environment(name).sample(seed, static_cast<int>(seed % 6), split);
        const std::string text = environment(name).demonstrate(p);
        const Score s = environment(name).score(p, text, {});
        ASSERT_EQ(s.reward, 1) << name << " " << s.why << "\n"
                               << p.messages[0].content << "\n"
                               << text;
        ASSERT_TRUE(s.correct && s.well_formed && !s.should_decline);
      }
    }
  }
}

TEST(Environments, TextWithoutFormEarnsNothing) {
  for (const std::string& name : environment_names()) {
    for (uint64_t seed = 0; seed < 60; ++seed) {
      const Problem p = environment(name).sample(seed, static_cast<int>(seed % 6), Split::kTrain);
      const std::string right = environment(name).demonstrate(p);
      const std::string answer = right.substr(right.find("</think>") + 9);
      for (const std::string& text :
           {answer, std::string("x"), std::string(), std::string("a</think>"),
            right + "\nThat is it.\n", "a</think>b</think>" + answer, std::string(100'000, '1'),
            std::string(100'000, '1') + "</think>" + answer,
            "a</think>\nThe answer is:\n" + answer})
        ASSERT_LT(reward(name, p, text), 0) << name << text.substr(0, 200);
    }
  }
}

TEST(Environments, ProblemsOfTrainingAreInNoOtherSplit) {
  for (const char* const name : {"arithmetic", "countdown"}) {
    std::set<std::string> train;
    for (uint64_t seed = 0; seed < 3000; ++seed)
      train.insert(environment(name)
                       .sample(seed, static_cast<int>(seed % 3), Split::kTrain)
                       .messages[0]
                       .content);
    for (const Split split : {Split::kSchema, Split::kPhrasing, Split::kComposition})
      for (uint64_t seed = 0; seed < 500; ++seed)
        EXPECT_FALSE(train.contains(
            environment(name).sample(seed, static_cast<int>(seed % 3), split).messages[0].content));
  }
}

// The label behind the column's words in a short prompt; "none" where it has no line.
std::string label_in_prompt(const std::string& prompt, const std::string& words) {
  const std::string line = fmt::format("\n {} = ", words);
  const size_t at = prompt.find(line);
  if (at == prompt.npos) return "none";
  const size_t label = at + line.size();
  return prompt.substr(label, prompt.find(' ', label) - label);
}

TEST(Lookup, EachAskedNameIsAnsweredByTheLabelBehindItOrByNone) {
  size_t n_none = 0, n_found = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const int difficulty = 1 + static_cast<int>(seed % 5);
    const Problem p = environment("lookup").sample(seed, difficulty, Split::kTrain);
    const std::string &prompt = p.messages[0].content, text = environment("lookup").demonstrate(p);
    const auto plan = read_plan(text.substr(0, text.find("</think>")));
    ASSERT_TRUE(plan.ok()) << text;
    std::string asked, answer;
    for (const PlannedColumn& c : plan.value().columns) {
      const std::string label = c.name.empty() ? "none" : c.name;
      EXPECT_EQ(label, label_in_prompt(prompt, c.why)) << prompt << "\n" << text;
      ++(c.name.empty() ? n_none : n_found);
      asked += (asked.empty() ? "" : " and ") + c.why;
      answer += (answer.empty() ? "" : ", ") + label;
    }
    EXPECT_EQ(prompt.substr(prompt.rfind('\n') + 1), asked);
    EXPECT_EQ(text.substr(text.find("</think>\n") + 9), answer);
  }
  EXPECT_GT(n_none, 30u);
  EXPECT_GT(n_found, 200u);
}

size_t n_times(std::string_view text, std::string_view what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(Repair, TheAttemptFailsAndRepeatingItDoesNotPay) {
  std::set<std::string> kinds;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Problem p = environment("repair").sample(seed, static_cast<int>(seed % 6), Split::kTrain);
    kinds.insert(p.kind);
    ASSERT_EQ(p.messages.size(), 3u);
    const bool failed = p.messages[2].content.starts_with("The query failed. SQL: ");
    ASSERT_TRUE(failed || p.messages[2].content == table_feedback_empty()) << p.messages[2].content;
    const TableAnswer attempt = read_table_answer(p.messages[1].content);
    ASSERT_TRUE(attempt.well_formed) << p.messages[1].content << attempt.why;
    // A label that is replaced is a word of its own: the A of AVG stays.
    const std::string right = environment("repair").demonstrate(p);
    const std::string right_sql = right.substr(right.find("</think>"));
    for (const char* const function : {"AVG(", "SUM(", "MIN(", "MAX(", "COUNT(", "SELECT", "FROM"})
      ASSERT_EQ(n_times(attempt.sql, function), n_times(right_sql, function)) << attempt.sql << "\n"
                                                                              << right_sql;
    ASSERT_LT(reward("repair", p, "again\n</think>\n" + attempt.sql), 0);
    ASSERT_LT(reward("repair", p, "no\n</think>\nCANNOT: no column for that"), 0);
  }
  EXPECT_GE(kinds.size(), 6u);
}

TEST(Arithmetic, WorkingIsWrittenDigitByDigit) {
  EXPECT_EQ(addition_working(4837, 965),
            "d4c8b3a7\nc9b6a5\na7+5=12|2\nb3+6+1=10|02\nc8+9+1=18|802\nd4+0+1=5|5802\n");
  EXPECT_EQ(subtraction_working(403, 178),
            "c4b0a3\nc1b7a8\na3-8+10=5|5\nb0-7-1+10=2|25\nc4-1-1=2|225\n");
  EXPECT_EQ(multiplication_working(48, 6), "b4a8\na8*6=48|8\nb4*6+4=28|288\n");
  EXPECT_EQ(division_working(937, 6), "c9b3a7\nc9/6=1r3|1\nb33/6=5r3|15\na37/6=6r1|156\n");
}

// What the last line of the working shows behind its bar.
std::string result_of(const std::string& working) {
  return working.substr(working.rfind('|') + 1, working.size() - working.rfind('|') - 2);
}

TEST(Arithmetic, WorkingEndsInTheResult) {
  const int64_t numbers[] = {0,   1,    9,    10,     99,         100,       101,
                             909, 1000, 4711, 99'999, 12'345'678, 99'999'999};
  for (const int64_t a : numbers) {
    for (const int64_t b : numbers) {
      EXPECT_EQ(std::stoll(result_of(addition_working(a, b))), a + b);
      if (a >= b) {
        EXPECT_EQ(std::stoll(result_of(subtraction_working(a, b))), a - b);
      }
    }
    EXPECT_EQ(result_of(multiplication_working(a, 7)), std::to_string(a * 7));
    if (a >= 12) {
      EXPECT_EQ(result_of(division_working(a, 12)), std::to_string(a / 12));
    }
  }
}

TEST(Arithmetic, TheNumberCountsAndNotItsSpelling) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const Problem p =
        environment("arithmetic").sample(seed, static_cast<int>(seed % 6), Split::kTrain);
    const std::string right = environment("arithmetic").demonstrate(p);
    const std::string answer = right.substr(right.find("</think>") + 9);
    ASSERT_EQ(reward("arithmetic", p, "x</think>\n" + answer + "."), 1);
    ASSERT_LT(reward("arithmetic", p, "x</think>\n" + answer + "1"), 0);
    ASSERT_LT(reward("arithmetic", p, "x</think>\n1" + answer), 0);
    ASSERT_LT(reward("arithmetic", p, "x</think>\nnan"), 0);
  }
}

Problem countdown_of(const std::string& numbers_and_target) {
  for (uint64_t seed = 0;; ++seed) {
    const Problem p = environment("countdown").sample(seed, 0, Split::kTrain);
    if (p.messages[0].content.find(numbers_and_target) != std::string::npos) return p;
  }
}

TEST(Countdown, EachEquationOfTheWorkingIsTrue) {
  const std::regex equation(R"((\d+)([-+*/])(\d+)=(\d+))");
  size_t n = 0;
  for (uint64_t seed = 0; seed < 120; ++seed) {
    const Problem p =
        environment("countdown").sample(seed, static_cast<int>(seed % 6), Split::kTrain);
    const std::string text = environment("countdown").demonstrate(p);
    for (std::sregex_iterator m(text.begin(), text.end(), equation), end; m != end; ++m, ++n) {
      const int64_t a = std::stoll((*m)[1]), b = std::stoll((*m)[3]), c = std::stoll((*m)[4]);
      const char op = (*m)[2].str()[0];
      EXPECT_TRUE(op == '+'   ? a + b == c
                  : op == '-' ? a - b == c
                  : op == '*' ? a * b == c
                              : a == b * c)
          << m->str();
    }
  }
  EXPECT_GT(n, 500u);
}

TEST(Countdown, IsVerifiedExactly) {
  const Problem p = countdown_of("Reach 12 with ");
  const std::string right = environment("countdown").demonstrate(p);
  const std::string expression = right.substr(right.find("</think>") + 9);
  EXPECT_EQ(reward("countdown", p, "x</think>" + expression), 1);
  EXPECT_EQ(reward("countdown", p, "x</think>( " + expression + " ) = 12"), 1);
  for (const char* wrong :
       {"12", "6+6", "(1/3)*36", "1e1", "", "3*(", "12=12", "0/0", "999999*999999*999999",
        "((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))"})
    EXPECT_LT(reward("countdown", p, std::string("x</think>") + wrong), 0) << wrong;
  EXPECT_LT(reward("countdown", p, "x</think>" + expression + "+0"), 0);
  EXPECT_LT(reward("countdown", p, "x</think>" + expression + "*1"), 0);
}

}  // namespace
}  // namespace fathom
