// tests/hand: the questions written by hand are well-formed, their tables load without a doubt, and
// each query that counts as right runs and gives an answer.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "toolbox/result_compare.h"
#include "toolbox/table_file.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const fs::path kHandFolder = fs::path(FATHOM_SOURCE_DIR) / "tests/hand";

class HandQuestions : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(kHandFolder / "questions.jsonl");
    for (std::string line; std::getline(file, line);) {
      const Json q = Json::parse(line, nullptr, false);
      ASSERT_TRUE(q.is_object()) << line;
      questions_.push_back(q);
    }
    for (const auto& entry : fs::directory_iterator(kHandFolder)) {
      if (entry.path().extension() != ".csv") continue;
      auto database = Database::create();
      ASSERT_TRUE(database.ok());
      const auto loaded = load_table_file(*database.value(), entry.path());
      ASSERT_TRUE(loaded.ok()) << loaded.status().message();
      for (const std::string& note : loaded.value().notes) ADD_FAILURE() << entry << ": " << note;
      databases_[entry.path().filename().string()] = std::move(database).value();
    }
  }

  QueryResult run(const Json& question, const std::string& sql) {
    SCOPED_TRACE(question["question"].get<std::string>() + "\n" + sql);
    auto result = databases_.at(question["table"])->query(sql);
    EXPECT_TRUE(result.ok()) << result.status().message();
    if (!result.ok()) return {};
    EXPECT_FALSE(result.value().rows.empty());
    EXPECT_FALSE(result.value().truncated);
    return std::move(result).value();
  }

  std::vector<Json> questions_;
  std::map<std::string, std::unique_ptr<Database>> databases_;
};

TEST_F(HandQuestions, AreMoreThanAHundredOverEightTablesOfTwentyToTwoHundredRows) {
  std::map<std::string, int> n_questions;
  std::set<std::string> texts;
  for (const Json& q : questions_) {
    ++n_questions[q["table"]];
    EXPECT_TRUE(texts.insert(q["question"]).second) << q["question"] << " is there twice";
  }
  EXPECT_GE(questions_.size(), 110u);
  EXPECT_GE(databases_.size(), 8u);
  for (const auto& [file, database] : databases_) {
    EXPECT_GE(n_questions[file], 10) << file;
    ASSERT_EQ(database->tables().size(), 1u) << file;
    EXPECT_GE(database->tables()[0].n_rows, 20) << file;
    EXPECT_LE(database->tables()[0].n_rows, 200) << file;
  }
}

TEST_F(HandQuestions, HaveEitherAQueryOrWhatIsMissing) {
  int n_missing = 0;
  for (const Json& q : questions_) {
    SCOPED_TRACE(q.dump());
    ASSERT_EQ(q.size(), 6u);
    for (const char* key : {"table", "question", "sql", "ordered", "missing", "also"})
      ASSERT_TRUE(q.contains(key)) << key;
    ASSERT_TRUE(q["table"].is_string() && q["question"].is_string());
    ASSERT_TRUE(q["ordered"].is_boolean() && q["also"].is_array());
    ASSERT_EQ(databases_.count(q["table"]), 1u);
    ASSERT_NE(q["sql"].is_null(), q["missing"].is_null());
    n_missing += q["sql"].is_null();
    if (q["sql"].is_null()) {
      EXPECT_FALSE(q["missing"].get<std::string>().empty());
      EXPECT_TRUE(q["also"].empty());
    }
  }
  const int n = static_cast<int>(questions_.size());
  EXPECT_GE(n_missing * 100, n * 10);
  EXPECT_LE(n_missing * 100, n * 20);
}

TEST_F(HandQuestions, EachOfTheirQueriesRunsAndGivesRows) {
  for (const Json& q : questions_) {
    if (q["sql"].is_null()) continue;
    run(q, q["sql"]);
    for (const Json& sql : q["also"]) {
      EXPECT_NE(sql, q["sql"]);
      run(q, sql);
    }
  }
}

TEST_F(HandQuestions, WhereAnOrderIsAskedForTheQueryGivesIt) {
  for (const Json& q : questions_) {
    if (!q["ordered"].get<bool>()) continue;
    const QueryResult result = run(q, q["sql"]);
    EXPECT_GE(result.rows.size(), 2u) << q["question"];
    QueryResult turned = result;
    std::reverse(turned.rows.begin(), turned.rows.end());
    EXPECT_FALSE(same_result(result, turned, {.ordered = true})) << q["question"];
    const std::string sql = q["sql"];
    EXPECT_NE(sql.find("ORDER BY"), std::string::npos) << sql;
  }
}

// A list that begins with more than the question's limit of equal values would leave the answer to
// chance: the query without its LIMIT must not tie across that border.
TEST_F(HandQuestions, NoAnswerHangsOnATie) {
  for (const Json& q : questions_) {
    if (q["sql"].is_null()) continue;
    const std::string sql = q["sql"];
    const size_t from = sql.find(" FROM "), order = sql.rfind(" ORDER BY "),
                 limit = sql.rfind(" LIMIT ");
    if (limit == std::string::npos || order == std::string::npos || limit < order) continue;
    if (sql.find_first_not_of("0123456789", limit + 7) != std::string::npos) continue;  // OFFSET
    const size_t n = std::stoul(sql.substr(limit + 7));
    std::string key = sql.substr(order + 10, limit - order - 10);
    if (key.ends_with(" DESC")) key.resize(key.size() - 5);
    // The answer stands beside the key, since one product may be at the top in several rows.
    const std::string answer = sql.substr(7, from - 7);
    const QueryResult all =
        run(q, "SELECT " + key + ", " + answer + sql.substr(from, limit - from));
    if (all.rows.size() <= n) continue;
    EXPECT_TRUE(!same_value(all.rows[n - 1][0], all.rows[n][0]) || all.rows[n - 1] == all.rows[n])
        << q["question"];
  }
}

}  // namespace
}  // namespace fathom
