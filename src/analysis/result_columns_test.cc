#include "analysis/result_columns.h"

#include <gtest/gtest.h>

#include "toolbox/table_file.h"

namespace fathom {
namespace {

constexpr const char* kUnitSales =
    "region,price,cost,quantity,discount,year,order_id,sold_on\n"
    "North,$10.50,$4,3,5%,2023,1001,2023-05-01\n"
    "South,$20.00,$9,2,10%,2024,1002,2024-06-01\n"
    "North,\"$1,000\",$300,1,0%,2024,1003,2024-07-01\n";

class ResultColumns : public testing::Test {
 protected:
  ResultColumns() : database_(Database::create().value()) {
    EXPECT_TRUE(load_table_text(*database_, kUnitSales, TableFormat::kCsv, "sales").ok());
  }
  std::vector<ResultColumn> columns(std::string_view sql) {
    const auto result = database_->query(sql);
    EXPECT_TRUE(result.ok()) << result.message();
    return result_columns(*database_, sql, result.value());
  }
  std::string unit(const std::string& expression) {
    return columns("SELECT " + expression + " FROM sales").at(0).unit;
  }
  std::unique_ptr<Database> database_;
};

TEST_F(ResultColumns, AggregatesKeepTheUnit) {
  EXPECT_EQ(unit("price"), "$");
  EXPECT_EQ(unit("SUM(price)"), "$");
  EXPECT_EQ(unit("ROUND(AVG(sales.price), 2) AS mean"), "$");
  EXPECT_EQ(unit("MAX(price) - MIN(price)"), "$");
  EXPECT_EQ(unit("SUM(price * quantity)"), "$");
  EXPECT_EQ(unit("SUM(price) / COUNT(*)"), "$");
  EXPECT_EQ(unit("AVG(discount)"), "%");
  EXPECT_EQ(unit("SUM(CASE WHEN year = 2024 THEN price ELSE 0 END)"), "$");
  EXPECT_EQ(unit("-price"), "$");
  EXPECT_EQ(unit("SUM(\"price\") total"), "$");
  EXPECT_EQ(unit("(SELECT MAX(price) FROM sales) - price"), "$");
  EXPECT_EQ(unit("SUM(price) OVER (PARTITION BY region) AS s"), "$");
}

TEST_F(ResultColumns, CountsProductsAndComparisonsHaveNone) {
  EXPECT_EQ(unit("COUNT(price)"), "");
  EXPECT_EQ(unit("price * price"), "");
  EXPECT_EQ(unit("price / cost"), "");
  EXPECT_EQ(unit("price > 10"), "");
  EXPECT_EQ(unit("price * discount"), "");
  EXPECT_EQ(unit("price + quantity"), "");
  EXPECT_EQ(unit("LENGTH(region) + 1"), "");
}

TEST_F(ResultColumns, AHundredTimesARatioIsAPercentage) {
  EXPECT_EQ(unit("100.0 * SUM(cost) / SUM(price)"), "%");
  EXPECT_EQ(unit("ROUND(SUM(cost) * 100.0 / SUM(price), 1) AS share"), "%");
  EXPECT_EQ(unit("100.0 * (SUM(price) - SUM(cost)) / SUM(price)"), "%");
  EXPECT_EQ(unit("(SUM(price) / SUM(cost) - 1) * 100"), "%");
  EXPECT_EQ(unit("COUNT(*) * 100.0 / (SELECT COUNT(*) FROM sales)"), "%");
  EXPECT_EQ(unit("100 * quantity"), "");
}

TEST_F(ResultColumns, NamesOfInnerQueriesCarryTheirUnit) {
  EXPECT_EQ(columns("WITH t AS (SELECT region, SUM(price) AS total FROM sales GROUP BY region) "
                    "SELECT region, total FROM t")
                .at(1)
                .unit,
            "$");
  EXPECT_EQ(columns("SELECT AVG(n) FROM (SELECT COUNT(price) AS n FROM sales)").at(0).unit, "");
  EXPECT_EQ(columns("SELECT * FROM sales").at(1).unit, "$");
  EXPECT_EQ(columns("SELECT t.*, 1 FROM sales t").at(1).unit, "$");
}

TEST_F(ResultColumns, YearsAndIdentitiesArePlain) {
  EXPECT_TRUE(columns("SELECT year FROM sales").at(0).plain);
  EXPECT_TRUE(columns("SELECT MAX(year) FROM sales").at(0).plain);
  EXPECT_TRUE(columns("SELECT order_id FROM sales").at(0).plain);
  EXPECT_TRUE(
      columns("SELECT CAST(strftime('%Y', sold_on) AS INTEGER) AS y FROM sales").at(0).plain);
  EXPECT_FALSE(columns("SELECT SUM(year) FROM sales").at(0).plain);
  EXPECT_FALSE(columns("SELECT COUNT(year) FROM sales").at(0).plain);
  EXPECT_FALSE(columns("SELECT quantity FROM sales").at(0).plain);
}

TEST_F(ResultColumns, AColumnsNameMayTellItsUnit) {
  ASSERT_TRUE(load_table_text(*database_, "model,cost_usd,hours\na,100,2\nb,300,3\n",
                              TableFormat::kCsv, "runs")
                  .ok());
  EXPECT_EQ(columns("SELECT SUM(cost_usd) FROM runs").at(0).unit, "$");
  EXPECT_EQ(columns("SELECT SUM(cost_usd) FROM runs").at(0).words, "sum of cost");
  EXPECT_EQ(columns("SELECT cost_usd / hours FROM runs").at(0).unit, "$");
  EXPECT_EQ(columns("SELECT COUNT(*) AS n_usd FROM runs").at(0).unit, "");
}

TEST_F(ResultColumns, StrangeSqlOnlyLosesItsUnits) {
  for (const char* sql :
       {"SELECT 1", "VALUES (1, 2)", "SELECT price COLLATE nocase, 'x, y' FROM sales",
        "SELECT price FROM sales UNION SELECT cost FROM sales -- a comment",
        "SELECT /* , */ price, [cost] FROM sales", "SELECT ((((price)))) FROM sales",
        "SELECT price IS NULL, price IN (1, 2), price BETWEEN 1 AND 2 FROM sales",
        "SELECT CASE WHEN 1 THEN CASE WHEN 0 THEN 1 ELSE price END END FROM sales"}) {
    const auto found = columns(sql);
    for (const ResultColumn& c : found) EXPECT_TRUE(c.unit.empty() || c.unit == "$") << sql;
  }
  std::string deep = "price";
  for (int i = 0; i < 90; ++i) deep = "(" + deep + ")";
  EXPECT_EQ(unit(deep), "$");
}

TEST(ColumnWords, ExpressionsReadAsWords) {
  EXPECT_EQ(column_words("total_revenue"), "total revenue");
  EXPECT_EQ(column_words("SUM(unit_price)"), "sum of unit price");
  EXPECT_EQ(column_words("avg(x)"), "average of x");
  EXPECT_EQ(column_words("COUNT(*)"), "count");
  EXPECT_EQ(column_words("COUNT(DISTINCT region)"), "number of different region");
  EXPECT_EQ(column_words("ROUND(AVG(price), 2)"), "average of price");
  EXPECT_EQ(column_words("AVG(\"Annual Salary (EUR)\")"), "average of Annual Salary (EUR)");
  EXPECT_EQ(column_words("SUM(a * b)"), "SUM(a * b)");
  EXPECT_EQ(column_words("SUM(\"a\" + \"b\")"), "SUM(\"a\" + \"b\")");
}

}  // namespace
}  // namespace fathom
