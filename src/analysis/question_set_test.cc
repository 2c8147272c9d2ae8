#include "analysis/question_set.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/test_folder.h"

namespace fathom {
namespace {

// Answers the n-th question with the n-th line.
class LineAnswerer : public Answerer {
 public:
  Result<Completion> complete(std::span<const ChatMessage>, const OnPiece&) override {
    Completion c;
    c.text = lines.at(n++);
    c.n_generated = 2;
    return c;
  }
  Result<bool> fits(std::span<const ChatMessage>) override { return true; }
  std::vector<std::string> lines;
  size_t n = 0;
};

class QuestionSet : public testing::Test {
 protected:
  QuestionSet() { folder_.write("t.csv", "a,b\nx,1\ny,2\n"); }
  Result<std::vector<AskedQuestion>> read(const std::string& lines) {
    folder_.write("set.jsonl", lines);
    return read_question_set(folder_.path() / "set.jsonl");
  }
  Result<QuestionScores> ask(const std::vector<AskedQuestion>& questions,
                             std::vector<std::string> lines) {
    model_.lines = std::move(lines);
    return ask_question_set(folder_.path(), questions,
                            [&] { return Analyst::create(model_, {.n_turns = 1}); });
  }
  TestFolder folder_;
  LineAnswerer model_;
};

constexpr const char* kSet =
    R"({"table": "t.csv", "question": "sum", "sql": "SELECT SUM(b) FROM t", "ordered": false, "missing": null, "also": []}
{"table": "t.csv", "question": "names", "sql": "SELECT a FROM t ORDER BY b", "ordered": true, "also": ["SELECT a, b FROM t ORDER BY b"]}
{"table": "t.csv", "question": "age", "sql": null, "missing": "an age"}
)";

TEST_F(QuestionSet, ResultsCountAndNotTheTextOfQueries) {
  const auto set = read(kSet).value();
  const auto all =
      ask(set, {"</think>\nSELECT TOTAL(b) + 0 FROM t", "</think>\nSELECT a, b FROM t ORDER BY a",
                "</think>\nCANNOT: no column for age"});
  ASSERT_TRUE(all.ok()) << all.message();
  EXPECT_EQ(all.value().n_right, 3);
  EXPECT_EQ(all.value().n_rightly_declined, 1);
  EXPECT_EQ(all.value().n_tokens, 6);
}

TEST_F(QuestionSet, WrongIsAnotherOrderAnAnswerInPlaceOfARefusalAndARefusalInPlaceOfAnAnswer) {
  const auto set = read(kSet).value();
  const auto none =
      ask(set, {"</think>\nCANNOT: no sum", "</think>\nSELECT a FROM t ORDER BY b DESC",
                "</think>\nSELECT a FROM t"});
  ASSERT_TRUE(none.ok()) << none.message();
  EXPECT_EQ(none.value().n_right, 0);
  EXPECT_EQ(none.value().n_declined, 1);
  EXPECT_EQ(none.value().n_rightly_declined, 0);
  EXPECT_EQ(none.value().n_answerable, 2);
}

TEST_F(QuestionSet, AnErrorOfTheModelIsAWrongAnswer) {
  const auto set = read(kSet).value();
  const auto none = ask(set, {"</think>\nSELECT c FROM t", "nothing", ""});
  ASSERT_TRUE(none.ok()) << none.message();
  EXPECT_EQ(none.value().n_right, 0);
}

TEST_F(QuestionSet, ALineThatIsNoQuestionIsNamed) {
  const auto refused = [&](const std::string& lines, const std::string& why) {
    const auto set = read(lines);
    ASSERT_FALSE(set.ok()) << lines;
    EXPECT_NE(set.message().find(why), std::string::npos) << set.message();
  };
  refused("", "questions wanted, none found");
  refused("\n[1]\n", "set.jsonl:2: a JSON object wanted");
  refused(R"({"table": "t.csv"})", "question: text wanted");
  refused(R"({"table": "t.csv", "question": "q"})", "sql: a query or null wanted");
  refused(R"({"table": "t.csv", "question": "q", "sql": null, "also": ["SELECT 1"]})",
          "also: queries beside sql");
}

TEST_F(QuestionSet, AWrongKeyOfTheSetIsAnError) {
  const auto set = read(R"({"table": "t.csv", "question": "q", "sql": "SELECT c FROM t"})").value();
  const auto scores = ask(set, {"</think>\nSELECT a FROM t"});
  ASSERT_FALSE(scores.ok());
  EXPECT_NE(scores.message().find("t.csv: q: "), std::string::npos) << scores.message();
}

}  // namespace
}  // namespace fathom
