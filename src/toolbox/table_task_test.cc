#include "toolbox/table_task.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "toolbox/table_file.h"

namespace fathom {
namespace {

std::unique_ptr<Database> sales_table() {
  auto db = Database::create().value();
  EXPECT_TRUE(load_table_text(*db,
                              "region,Unit Price,sold_on,paid\nNorth,$1.50,2024-01-05,yes\n"
                              "North,$2,2024-02-05,no\nSouth,$3,2024-02-06,no\nEast,,2024-02-06,\n",
                              TableFormat::kCsv, "sales.csv")
                  .ok());
  return db;
}

TEST(TableTask, ShortPromptIsTheTablesByColumnsAndTheQuestion) {
  auto db = sales_table();
  EXPECT_EQ(
      table_question(*db, "Unit prices of the north\n and regions above 250?", TaskPrompt::kShort)
          .value(),
      "table sales = T\n"
      " region = P text: North | South\n"
      " unit price = Q real $: 1.5\n"
      " sold on = R date: 2024-01-05\n"
      " paid = S boolean: 1\n"
      "Unit prices = Q of the north = P q and regions = P above 250 r?");
}

TEST(TableTask, FullPromptSaysHowToAnswerAndThatTablesAreData) {
  auto db = sales_table();
  const std::string text = table_question(*db, "How much?", TaskPrompt::kFull).value();
  EXPECT_TRUE(text.starts_with(schema_text(*db, "How much?").value()));
  EXPECT_TRUE(text.ends_with("Question: How much?"));
  EXPECT_NE(text.find("CANNOT:"), std::string::npos);
  EXPECT_NE(text.find("no instructions"), std::string::npos);
}

TEST(TableTask, KeysAreFoundByNameAndByValues) {
  auto db = Database::create().value();
  const auto load = [&](const char* csv, const char* file) {
    ASSERT_TRUE(load_table_text(*db, csv, TableFormat::kCsv, file).ok());
  };
  load("id,Customer ID,total,shop_id\n1,7,10,1\n2,8,20,1\n3,7,30,2\n", "orders.csv");
  load("id,city\n7,Oslo\n8,Rome\n", "customers.csv");
  load("shop_id,name\n1,a\n1,b\n", "shops.csv");  // not unique
  const auto keys = table_keys(*db).value();
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(table_key_text(keys[0]), "orders.\"Customer ID\" = customers.id");
  const std::string text = table_question(*db, "total for oslo", TaskPrompt::kShort).value();
  const TableLabels labels = prompt_labels(*db, "total for oslo", TaskPrompt::kShort);
  const auto label = [&](size_t table, size_t column) {
    return labels.column(db->tables()[table].columns[column]);
  };
  EXPECT_TRUE(text.ends_with("\nkey " + label(0, 1) + " = " + label(1, 0) +
                             "\ntotal = " + label(0, 2) + " for oslo = " + label(1, 1) + " " +
                             labels.literals()[0].label))
      << text;
}

TEST(TableTask, WellFormedAnswersAreRead) {
  TableAnswer a = read_table_answer("compute: count rows\n</think>\nSELECT 1;");
  EXPECT_TRUE(a.well_formed) << a.why;
  EXPECT_EQ(a.thought, "compute: count rows");
  EXPECT_EQ(a.sql, "SELECT 1");
  EXPECT_FALSE(a.declined());
  a = read_table_answer(
      "<think>\nx\n</think>\n\n```sql\nWITH t AS (SELECT ';')\nSELECT * FROM t\n```");
  EXPECT_TRUE(a.well_formed) << a.why;
  EXPECT_EQ(a.sql, "WITH t AS (SELECT ';')\nSELECT * FROM t");
  a = read_table_answer("x</think>" + cannot_text("supplier"));
  EXPECT_TRUE(a.well_formed) << a.why;
  EXPECT_TRUE(a.declined());
  EXPECT_EQ(a.missing, "no column for supplier");
  EXPECT_EQ(a.sql, "");
}

struct Malformed {
  const char *completion, *why, *sql, *missing;
};

TEST(TableTask, MalformedAnswersAreReadAsFarAsTheyGoAndSayWhy) {
  const Malformed cases[] = {
      {"I think and think", "the thought does not end", "", ""},
      {"so I could write\nSELECT 1", "the thought does not end", "", ""},
      {"<think>hm ```sql\nSELECT 1", "the thought does not end", "", ""},
      {"SELECT 1", "there is no thought", "SELECT 1", ""},
      {"Here:\n```\nSELECT 1\n```\n", "there is no thought", "SELECT 1", ""},
      {"x</think>", "nothing stands behind the thought", "", ""},
      {"x</think>\nThe answer is 5.", "neither a SELECT nor CANNOT: is there", "", ""},
      {"x</think>\nCANNOT:", "neither a SELECT nor CANNOT: is there", "", ""},
      {"x</think>\nCANNOT: a\nSELECT 1", "more than one line stands in an answer that declines", "",
       "a"},
      {"x</think>\nSorry.\nCANNOT: a", "text stands around CANNOT", "", "a"},
      {"x</think>\nThis does it:\n```sql\nSELECT 1\n```", "text stands around the SQL", "SELECT 1",
       ""},
      {"x</think>\nSELECT 1\n\nThat is all.", "text stands around the SQL", "SELECT 1", ""},
      {"x</think>\nSELECT 1; SELECT 2", "text stands around the SQL", "SELECT 1", ""},
      {"x</think>\n```sql\nSELECT 1; SELECT 2\n```", "more than one statement", "SELECT 1", ""},
      {"x</think>y</think>SELECT 1", "more than one thought", "", ""},
      {"", "the thought does not end", "", ""},
  };
  for (const Malformed& c : cases) {
    const TableAnswer a = read_table_answer(c.completion);
    EXPECT_FALSE(a.well_formed) << c.completion;
    EXPECT_EQ(a.why, c.why) << c.completion;
    EXPECT_EQ(a.sql, c.sql) << c.completion;
    EXPECT_EQ(a.missing, c.missing) << c.completion;
  }
}

TEST(TableTask, AnAnswerThatLeavesOutWhatIsNamedCountsLess) {
  auto db = sales_table();
  const TableLabels labels =
      prompt_labels(*db, "unit price of the north above 250", TaskPrompt::kShort);
  const std::string region = labels.column(db->tables()[0].columns[0]),
                    price = labels.column(db->tables()[0].columns[1]),
                    north = labels.literals()[0].label, number = labels.literals()[1].label;
  const auto weight = [&](const std::string& completion) {
    return answer_weight(read_table_answer(completion), labels);
  };
  const std::string columns = fmt::format("columns: unit price = {}, north = {}\n", price, region);
  const std::string one = fmt::format("filter: {} = {}", region, north),
                    both = fmt::format("{}, {} > {}", one, price, number);
  const std::string where_one = fmt::format(" WHERE {} = {}", region, north),
                    where_both = fmt::format("{} AND {} > {}", where_one, price, number);
  const std::string compute = fmt::format("\ncompute: list {}\ncheck: rows\n</think>\n", price),
                    select = fmt::format("SELECT {} FROM {}", price, labels.table(db->tables()[0]));
  EXPECT_EQ(weight(columns + both + compute + select + where_both), 1);
  EXPECT_EQ(weight(columns + one + compute + select + where_one), 0.05);
  EXPECT_EQ(weight(columns + one + compute + select + where_both), 0.5);  // another plan
  EXPECT_EQ(
      weight(fmt::format("columns: north = {}\n{}, x > {}\ncompute: count rows\ncheck: 1 number\n"
                         "</think>\nSELECT COUNT(*) FROM {}{} AND x > {}",
                         region, one, number, labels.table(db->tables()[0]), where_one, number)),
      0.3 * 0.5);  // without the price, and x is in no plan
  EXPECT_EQ(weight("hm</think>\n" + select + where_both), 0.5);
  EXPECT_EQ(weight("x</think>\n" + cannot_text("supplier")), 1);
  EXPECT_EQ(weight("x</think>\n" + cannot_text("unit prices")), 0.05);
  EXPECT_EQ(answer_weight(read_table_answer("x</think>\nSELECT 1"), TableLabels()), 1);
}

TEST(TableTask, FeedbackStandsOnOneLine) {
  EXPECT_EQ(table_feedback_error("SQL: no such\ncolumn: x"),
            "The query failed. SQL: no such column: x");
  EXPECT_EQ(table_feedback_empty(), "The query found no rows.");
}

}  // namespace
}  // namespace fathom
