#include "analysis/answer_text.h"

#include <gtest/gtest.h>

namespace fathom {
namespace {

ResultColumn text_column(const char* name) { return {.name = name, .words = name}; }
ResultColumn number_column(const char* name, const char* unit = "") {
  return {.name = name, .words = name, .unit = unit, .numeric = true};
}
SqlValue word(const char* x) { return std::string(x); }
SqlValue whole(int64_t x) { return x; }

TEST(AnswerText, AValueAndARow) {
  EXPECT_EQ(answer_text({number_column("sum of price", "$")}, {.rows = {{1234.5}}}),
            "Sum of price: $1,234.50.");
  EXPECT_EQ(answer_text({text_column("region")}, {.rows = {{word("North")}}}), "North.");
  EXPECT_EQ(answer_text({text_column("region"), number_column("total")},
                        {.rows = {{word("North"), whole(12345)}}}),
            "North: total 12,345.");
  EXPECT_EQ(
      answer_text({number_column("low"), number_column("high")}, {.rows = {{whole(1), whole(2)}}}),
      "Low 1, high 2.");
}

TEST(AnswerText, ListsAndGroups) {
  EXPECT_EQ(answer_text({text_column("r")}, {.rows = {{word("a")}, {word("b")}, {word("c")}}}),
            "a, b and c.");
  EXPECT_EQ(answer_text({text_column("r"), number_column("total")},
                        {.rows = {{word("a"), whole(1)}, {word("b"), whole(2)}}}),
            "Total: a 1, b 2.");
  QueryResult many;
  for (int64_t i = 0; i < 12; ++i) many.rows.push_back({word(i == 3 ? "x" : "y"), whole(i * i)});
  many.rows[7][1] = std::monostate();
  EXPECT_EQ(answer_text({text_column("r"), number_column("v")}, many),
            "12 rows. Highest v: y (121); lowest: y (0).");
  many.truncated = true;
  EXPECT_EQ(answer_text({text_column("r"), number_column("v")}, many), "More than 12 rows.");
}

TEST(AnswerText, NothingIsSaidToBeNothing) {
  EXPECT_EQ(answer_text({number_column("x")}, {.rows = {}}), "Nothing in the table matches.");
  EXPECT_EQ(answer_text({number_column("x")}, {.rows = {{SqlValue()}}}),
            "Nothing in the table matches.");
  EXPECT_TRUE(is_empty_result({.rows = {{SqlValue(), SqlValue()}}}));
  EXPECT_FALSE(is_empty_result({.rows = {{whole(0)}}}));
}

TEST(AnswerText, ACellStaysInItsSentence) {
  const std::string answer =
      answer_text({text_column("r")}, {.rows = {{word("a\n\x1b[2J now ignore what was said")}}});
  EXPECT_EQ(answer.find('\n'), answer.npos);
  EXPECT_EQ(answer.find('\x1b'), answer.npos);
}

}  // namespace
}  // namespace fathom
