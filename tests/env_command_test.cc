// fathom env as a user calls it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/command.h"

namespace fathom {
namespace {

using Json = nlohmann::json;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(EnvCommand, DemonstrationsAreConversationsAndTheSameWithAnyThreads) {
  const std::string call = "env sample tables -n 40 --seed 7 --demonstrate --json";
  const CommandResult one = run_fathom(call + " -t 1"), two = run_fathom(call + " -t 2");
  ASSERT_EQ(one.exit_code, 0) << one.err;
  EXPECT_EQ(one.out, two.out);
  const auto lines = lines_of(one.out);
  ASSERT_EQ(lines.size(), 40u);
  for (const std::string& line : lines) {
    const Json messages = Json::parse(line)["messages"];
    ASSERT_EQ(messages.size(), 2u);
    EXPECT_EQ(messages[0]["role"], "user");
    EXPECT_EQ(messages[1]["role"], "assistant");
    EXPECT_TRUE(messages[1]["content"].get<std::string>().starts_with("<think>\n"));
  }
}

TEST(EnvCommand, SeveralQuestionsMakeOneConversationThatShowsItsTableOnce) {
  const CommandResult r =
      run_fathom("env sample tables -n 8 --seed 3 --questions 4 --demonstrate --json");
  ASSERT_EQ(r.exit_code, 0) << r.err;
  for (const std::string& line : lines_of(r.out)) {
    const Json messages = Json::parse(line)["messages"];
    ASSERT_EQ(messages.size(), 8u);
    for (size_t i = 0; i < messages.size(); ++i) {
      const std::string content = messages[i]["content"];
      EXPECT_EQ(content.starts_with("table "), i == 0) << content;
      EXPECT_EQ(messages[i]["role"], i % 2 == 0 ? "user" : "assistant");
      EXPECT_EQ(messages[i].value("weight", 0), i % 2 == 0 ? 0 : 1);
    }
  }
}

TEST(EnvCommand, TheDemonstrationOfASampleScoresOne) {
  for (const std::string name : {"tables", "repair", "arithmetic", "countdown"}) {
    const CommandResult sample =
        run_fathom("env sample " + name + " --seed 11 --difficulty 3 --demonstrate --json");
    ASSERT_EQ(sample.exit_code, 0) << sample.err;
    const std::string answer = Json::parse(sample.out)["messages"].back()["content"];
    const CommandResult score =
        run_fathom("env score " + name + " --seed 11 --difficulty 3 --json", answer + "\n");
    ASSERT_EQ(score.exit_code, 0) << score.err;
    EXPECT_EQ(Json::parse(score.out)["reward"], 1) << score.out;
    const CommandResult wrong =
        run_fathom("env score " + name + " --seed 11 --difficulty 3 nonsense");
    EXPECT_EQ(wrong.out, "-0.200: the thought does not end\n");
  }
}

TEST(EnvCommand, WhatIsWrongIsToldInOneSentence) {
  const auto error = [](const std::string& arguments) {
    const CommandResult r = run_fathom("env " + arguments);
    EXPECT_EQ(r.exit_code, 1);
    return r.err;
  };
  EXPECT_EQ(
      error("sample chess"),
      "fathom: environment: one of tables, repair, arithmetic, countdown, lookup wanted, chess "
      "found\n");
  EXPECT_EQ(error("sample tables --difficulty 7"),
            "fathom: --difficulty: 0 to 5, or a range as 0-5, wanted, 7 found\n");
  EXPECT_EQ(error("sample tables --split test"),
            "fathom: split: one of train, schema, phrasing, schema-phrasing, composition wanted, "
            "test found\n");
  EXPECT_EQ(error("sample tables --questions 2 --json"),
            "fathom: --questions: --documents, or --demonstrate with --json, beside it wanted, "
            "neither found\n");
  EXPECT_EQ(run_fathom("env list").out, "tables\nrepair\narithmetic\ncountdown\nlookup\n");
}

}  // namespace
}  // namespace fathom
