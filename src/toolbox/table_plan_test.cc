#include "toolbox/table_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace fathom {
namespace {

using Texts = std::vector<std::string>;

TablePlan top_region() {
  TablePlan plan;
  plan.columns = {{"region", "region"}, {"amount", "sold"}, {"sold_on", "in 2024"}};
  plan.filters = {"year of sold_on = 2024"};
  plan.compute = {"sum amount"};
  plan.group = {"region"};
  plan.order = "figure desc";
  plan.limit = "1";
  plan.check = plan_check(plan);
  return plan;
}

constexpr std::string_view kTopRegionText =
    "columns: region = region, sold = amount, in 2024 = sold_on\n"
    "filter: year of sold_on = 2024\n"
    "compute: sum amount\n"
    "group: region\n"
    "order: figure desc\n"
    "limit: 1\n"
    "check: 1 row\n";

constexpr std::string_view kTopRegionSql =
    "SELECT region, SUM( amount ) FROM sales WHERE strftime('%Y', sold_on) = '2024' "
    "GROUP BY region ORDER BY 2 DESC LIMIT 1";

TEST(TablePlan, TextIsReadBackAsItWasWritten) {
  EXPECT_EQ(plan_text(top_region()), kTopRegionText);
  const auto back = read_plan(kTopRegionText);
  ASSERT_TRUE(back.ok()) << back.message();
  EXPECT_EQ(plan_text(back.value()), kTopRegionText);
}

TEST(TablePlan, NamesAndValuesWithCommasQuotesAndBracketsSurvive) {
  TablePlan plan;
  plan.columns = {{"\"Price, net = (EUR)\"", "price (o'hara's), net = x"}, {"", "supplier"}};
  plan.filters = {"\"Price, net (EUR)\" > 5", "firm = 'O''Hara, Ltd'", "c IN ('a', 'b')"};
  const auto back = read_plan(plan_text(plan));
  ASSERT_TRUE(back.ok()) << back.message();
  EXPECT_EQ(back.value().filters, plan.filters);
  ASSERT_EQ(back.value().columns.size(), 2u);
  EXPECT_EQ(back.value().columns[0].name, plan.columns[0].name);
  EXPECT_EQ(back.value().columns[0].why, "price oharas net  x");
  EXPECT_EQ(back.value().columns[1].name, "");
  EXPECT_EQ(back.value().columns[1].why, "supplier");
}

TEST(TablePlan, ALineOfNoGrammarIsNamed) {
  const auto plan = read_plan("compute: count rows\nso the answer is 5\n");
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.message().find("so the answer is 5"), std::string::npos);
}

struct SqlCase {
  std::string plan, sql;
};

TEST(TablePlan, StandsForOneSql) {
  const SqlCase cases[] = {
      {std::string(kTopRegionText), std::string(kTopRegionSql)},
      {"compute: count rows", "SELECT COUNT(*) FROM sales"},
      {"filter: year of d >= p, month of d = q\ncompute: count rows",  // labels
       "SELECT COUNT(*) FROM sales WHERE strftime('%Y', d) >= p AND strftime('%Y-%m', d) = q"},
      {"compute: list name, price\norder: price\nlimit: 3",
       "SELECT name, price FROM sales ORDER BY 2 NULLS LAST LIMIT 3"},
      {"compute: distinct region", "SELECT DISTINCT region FROM sales"},
      {"compute: count distinct region\nfilter: price > 5, paid = 1",
       "SELECT COUNT(DISTINCT region) FROM sales WHERE price > 5 AND paid = 1"},
      {"compute: sum amount where year of d = 2024 minus sum amount where year of d = 2023",
       "SELECT SUM(CASE WHEN strftime('%Y', d) = '2024' THEN amount ELSE 0 END) - "
       "SUM(CASE WHEN strftime('%Y', d) = '2023' THEN amount ELSE 0 END) FROM sales"},
      {"compute: change % of avg x from k = 'a' to k = 'b'",
       "SELECT 100.0 * (AVG(CASE WHEN k = 'b' THEN x END) - AVG(CASE WHEN k = 'a' THEN x END)) / "
       "AVG(CASE WHEN k = 'a' THEN x END) FROM sales"},
      {"compute: share % of count rows where region = 'North'",
       "SELECT 100.0 * COUNT(CASE WHEN region = 'North' THEN 1 END) / COUNT(*) FROM sales"},
      {"compute: share % of sum amount\ngroup: region\norder: region",
       "SELECT region, 100.0 * SUM( amount ) / SUM(SUM( amount )) OVER () FROM sales GROUP BY "
       "region "
       "ORDER BY 1"},
      {"compute: count rows\ngroup: month of d\nhaving: count rows >= 3\norder: month of d",
       "SELECT strftime('%Y-%m', d), COUNT(*) FROM sales GROUP BY strftime('%Y-%m', d) "
       "HAVING COUNT(*) >= 3 ORDER BY 1"},
      {"filter: month number of d = 03, year = 2024\ncompute: min x, max x",
       "SELECT MIN( x ), MAX( x ) FROM sales WHERE strftime('%m', d) = '03' AND year = 2024"},
      {"table: orders\njoin: customers on orders.c_id = customers.id\n"
       "compute: sum orders.x\ngroup: customers.city",
       "SELECT customers.city, SUM( orders.x ) FROM orders JOIN customers ON orders.c_id = "
       "customers.id GROUP BY customers.city"},
  };
  for (const SqlCase& c : cases) {
    const auto sql = plan_sql(read_plan(c.plan).value(), "sales");
    ASSERT_TRUE(sql.ok()) << c.plan << sql.message();
    EXPECT_EQ(sql.value(), c.sql);
  }
}

TEST(TablePlan, CheckIsTheShapeOfTheResult) {
  const auto check = [](const char* text) { return plan_check(read_plan(text).value()); };
  EXPECT_EQ(check("compute: count rows"), "1 number");
  EXPECT_EQ(check("compute: min x, max x"), "2 numbers");
  EXPECT_EQ(check("compute: count rows\ngroup: a, b"), "a row per a and b");
  EXPECT_EQ(check("compute: list a\norder: b\nlimit: 5"), "5 rows");
  EXPECT_EQ(check("compute: distinct a"), "rows");
  EXPECT_EQ(check("columns: supplier = none"), "cannot");
}

TEST(TablePlan, AgreesWithTheSqlItStandsForHoweverThatIsWritten) {
  EXPECT_EQ(plan_disagreements(top_region(), kTopRegionSql), Texts());
  EXPECT_EQ(plan_disagreements(top_region(),
                               "select \"region\", sum( amount ) AS total\nfrom sales\n"
                               "where (strftime('%Y', sales.sold_on) = '2024')\n"
                               "group by 1 order by total desc limit 1;"),
            Texts());
}

TEST(TablePlan, NamesEachDisagreement) {
  const auto found = [](std::string_view sql) {
    return fmt::format("{}", fmt::join(plan_disagreements(top_region(), sql), "\n"));
  };
  const auto says = [&](std::string_view sql, std::string_view what) {
    EXPECT_NE(found(sql).find(what), std::string::npos) << found(sql);
  };
  says(
      "SELECT region, AVG(amount) FROM sales WHERE strftime('%Y', sold_on) = '2024' GROUP BY "
      "region ORDER BY 2 DESC LIMIT 1",
      "select item sum(amount) is not in the SQL");
  says("SELECT region, SUM(amount) FROM sales GROUP BY region ORDER BY 2 DESC LIMIT 1",
       "column sold_on is not in the SQL");
  says(
      "SELECT region, SUM(amount) FROM sales WHERE strftime('%Y', sold_on) = '2023' GROUP BY "
      "region ORDER BY 2 DESC LIMIT 1",
      "filter strftime('%Y',sold_on)='2023' is not in the plan");
  says(
      "SELECT region, SUM(amount) FROM sales WHERE strftime('%Y', sold_on) = '2024' GROUP BY "
      "region ORDER BY 2 LIMIT 1",
      "orders by sum(amount) desc");
  says(
      "SELECT region, SUM(amount) FROM sales WHERE strftime('%Y', sold_on) = '2024' GROUP BY "
      "region ORDER BY 2 DESC LIMIT 3",
      "limit is \"1\"");
  says("", "declines");
  TablePlan plan = top_region();
  plan.check = "rows";
  EXPECT_EQ(plan_disagreements(plan, kTopRegionSql).size(), 1u);
  plan.columns.push_back({"", "supplier"});
  EXPECT_EQ(plan_disagreements(plan, ""), Texts());
  EXPECT_EQ(plan_disagreements(plan, kTopRegionSql).size(), 1u);
}

TEST(TablePlan, FindsTheColumnsOfASql) {
  EXPECT_EQ(sql_column_names("SELECT o.\"Unit Price\", COUNT(*) AS n FROM orders o JOIN \"my t\" "
                             "ON o.k = \"my t\".id WHERE x BETWEEN 1 AND 2 ORDER BY n"),
            (Texts{"unit price", "k", "id", "x"}));
}

}  // namespace
}  // namespace fathom
