#include "toolbox/table_labels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "toolbox/schema_text.h"
#include "toolbox/table_file.h"

namespace fathom {
namespace {

std::unique_ptr<Database> labelled_tables() {
  auto db = Database::create().value();
  const auto load = [&](const char* csv, const char* file) {
    EXPECT_TRUE(load_table_text(*db, csv, TableFormat::kCsv, file).ok());
  };
  load("id,Unit Price,sold on,region\n1,5,2024-01-05,North\n2,6,2024-02-05,It's\n", "my_sales.csv");
  return db;
}

std::string label_of(const TableLabels& labels, const std::string& sql) {
  for (const TableLabels::Literal& l : labels.literals())
    if (l.sql == sql) return l.label;
  return "";
}

TEST(TableLabels, StandBehindWhatTheQuestionNames) {
  const auto db = labelled_tables();
  const TableLabels labels(*db, "unit  price in north\nabove 250 and 5k, prices of the North", 12);
  const auto& columns = db->tables()[0].columns;
  const std::string price = labels.column(columns[1]), region = labels.column(columns[3]),
                    north = label_of(labels, "'North'");
  EXPECT_EQ(labels.question(), "unit price = " + price + " in north = " + region + " " + north +
                                   " above 250 " + label_of(labels, "250") + " and 5k " +
                                   label_of(labels, "5000") + ", prices ~ " + price +
                                   " of the North = " + region + " " + north);
  EXPECT_EQ(labels.literals().size(), 3u);
  EXPECT_EQ(labels.words_for(columns[1]), "unit price");
  EXPECT_EQ(labels.words_for(columns[3]), "north");
  EXPECT_EQ(labels.words_for(columns[2]), "");
  const TableLabels few(*db, "2 3 4 5 6", 3);
  EXPECT_EQ(few.literals().size(), 3u);
  EXPECT_TRUE(few.question().ends_with(" 5 6"));
  EXPECT_EQ(TableLabels(*db, "", 12).question(), "");
}

TEST(TableLabels, WordsWithinATextAreComparedByLike) {
  const auto db = labelled_tables();
  const TableLabels labels(*db, "regions with 'Nor' in May", 12);
  const std::string region = labels.column(db->tables()[0].columns[3]);
  const std::string nor = label_of(labels, "'Nor'"), may = label_of(labels, "'05'");
  EXPECT_EQ(labels.with_literals(region + " LIKE '%nor%'"), region + " LIKE " + nor);
  EXPECT_EQ(labels.sql(region + " LIKE " + nor), "region LIKE '%nor%'");
  EXPECT_EQ(labels.with_literals("month number of x = 05, y = 5"),
            "month number of x = " + may + ", y = 5");
}

TEST(TableLabels, WhatTheyStandForReplacesThem) {
  const auto db = labelled_tables();
  const TableLabels labels(*db, "sales of It's in 2024 above 12", 12);
  const auto& columns = db->tables()[0].columns;
  const std::string t = labels.table(db->tables()[0]), price = labels.column(columns[1]),
                    sold = labels.column(columns[2]), region = labels.column(columns[3]),
                    its = label_of(labels, "'It''s'"), year = label_of(labels, "2024"),
                    twelve = label_of(labels, "12");
  EXPECT_EQ(labels.sql("SELECT SUM( " + price + " ) FROM " + t + " WHERE " + region + " = " + its +
                       " AND strftime('%Y', " + sold + ") = " + year + " AND " + price + " > " +
                       twelve + " AND '" + its + "' <> \"" + price + "\" LIMIT " + twelve),
            "SELECT SUM( \"Unit Price\" ) FROM my_sales WHERE region = 'It''s' AND "
            "strftime('%Y', \"sold on\") = '2024' AND \"Unit Price\" > 12 AND '" +
                its + "' <> \"" + price + "\" LIMIT 12");
  EXPECT_EQ(labels.plan("columns: grade " + price + " = " + price + ", in 2024 = " + sold +
                        "\nfilter: year of " + sold + " = " + year + "\n"),
            "columns: grade " + price +
                " = \"Unit Price\", in 2024 = \"sold on\"\n"
                "filter: year of \"sold on\" = 2024\n");
  // Alone: with the question's words, where it names the column.
  EXPECT_EQ(labels.plan("columns: " + region + ", " + price + "\n"),
            "columns: Its = region, \"Unit Price\"\n");
  EXPECT_EQ(labels.plan("columns: " + price + ", no, supplier = none"),
            "columns: \"Unit Price\", no, supplier = none");
  EXPECT_EQ(labels.with_literals(price + " > 12.0, region = 'It''s', year of x = 2024"),
            price + " > " + twelve + ", region = " + its + ", year of x = " + year);
  EXPECT_EQ(labels.with_literals("month of x = 2024-12, month number of x = 12, y = 112"),
            "month of x = 2024-12, month number of x = 12, y = 112");
  EXPECT_EQ(TableLabels().sql("SELECT A FROM T"), "SELECT A FROM T");
}

TEST(TableLabels, WhatAQueryLeavesOutIsTold) {
  const auto db = labelled_tables();
  const TableLabels labels(*db, "unit price in North above 5 in Q2 2024, prices by region", 12);
  const auto& columns = db->tables()[0].columns;
  const std::string price = labels.column(columns[1]), region = labels.column(columns[3]);
  using Texts = std::vector<std::string>;
  auto unused = labels.unused("SELECT 1");
  EXPECT_EQ(unused.literals, (Texts{"'North'", "5", "'2024-04-01'", "'2024-06-30'"}));
  EXPECT_EQ(unused.columns, (Texts{"Unit Price", "region"}));
  unused = labels.unused("SELECT SUM( " + price + " ) FROM T WHERE " + region + " = " +
                         label_of(labels, "'North'") + " AND x BETWEEN '2024-04-01' AND " +
                         label_of(labels, "'2024-06-30'") + " AND y > 5");
  EXPECT_TRUE(unused.literals.empty() && unused.columns.empty());
  EXPECT_EQ(labels.unused("SELECT " + region + " FROM T WHERE " + price + " > 5").literals,
            (Texts{"'North'", "'2024-04-01'", "'2024-06-30'"}));
  const std::string north = label_of(labels, "'North'");
  const auto leaves_north = [&](const std::string& condition) {
    const auto l = labels.unused("SELECT 1 FROM T WHERE " + condition).literals;
    return std::find(l.begin(), l.end(), "'North'") != l.end();
  };
  EXPECT_TRUE(leaves_north(price + " = " + north));  // another column than the one that has it
  EXPECT_FALSE(leaves_north(region + " <> " + north));
  EXPECT_FALSE(leaves_north(region + " NOT LIKE " + north));
  EXPECT_FALSE(leaves_north(region + " IN ('x', " + north + ")"));
  EXPECT_FALSE(leaves_north(region + " = 'North'"));
  EXPECT_TRUE(leaves_north(north));
  EXPECT_TRUE(labels.names_column("Unit Prices"));
  EXPECT_TRUE(labels.names_column("region"));
  EXPECT_FALSE(labels.names_column("price") || labels.names_column("north") ||
               labels.names_column(""));
}

TEST(TableLabels, StandBehindWordsThatNothingAnswersTo) {
  const auto db = labelled_tables();
  const TableLabels labels(
      *db, "How many gold coins, and Horses' water in North above 5 in the cellar?", 12);
  const std::string region = labels.column(db->tables()[0].columns[3]),
                    north = label_of(labels, "'North'"), five = label_of(labels, "5");
  const std::string coins(labels.label_of("coins")), horses(labels.label_of("Horses")),
      water(labels.label_of("the water")), cellar(labels.label_of("cellar"));
  EXPECT_EQ(labels.question(), "How many gold coins? " + coins + ", and Horses? " + horses +
                                   "' water? " + water + " in North = " + region + " " + north +
                                   " above 5 " + five + " in the cellar? " + cellar + "?");
  EXPECT_EQ(std::set<std::string>({coins, horses, water, cellar}).size(), 4u);
  // Of words that nothing answers to first, then of a value and of what it stands in.
  EXPECT_EQ(labels.label_of("water in North"), water);
  EXPECT_EQ(labels.label_of("in North"), north);
  EXPECT_EQ(labels.label_of("a coin of the cellar"), coins);
  EXPECT_EQ(labels.label_of("how many"), "");
  EXPECT_EQ(labels.label_of(""), "");

  EXPECT_EQ(labels.plan("columns: " + coins + " = none, " + water + " = " + region + ", " + north +
                        " = " + region + "\n"),
            "columns: gold coins = none, water = region, North = region\n");
  EXPECT_EQ(labels.missing("no column for " + cellar), "no column for cellar");
  EXPECT_EQ(labels.missing(coins), "gold coins");
  EXPECT_EQ(labels.missing("no column for " + region), "no column for North");
  EXPECT_EQ(labels.missing("no column for wine"), "no column for wine");
  EXPECT_EQ(labels.missing(""), "");
  EXPECT_EQ(TableLabels().missing("no column for b"), "no column for b");

  auto coin = Database::create().value();  // a table's own name is known
  ASSERT_TRUE(load_table_text(*coin, "id\n1\n", TableFormat::kCsv, "coins.csv").ok());
  EXPECT_EQ(TableLabels(*coin, "How many coins", 12).question(), "How many coins");
  std::string many = "x";
  for (int i = 0; i < 30; ++i)
    many += ", " + std::string(1, static_cast<char>('a' + i % 26)) + "zz";
  const TableLabels few(*db, many, 12);
  EXPECT_EQ(std::count(few.question().begin(), few.question().end(), '?'), 13);
}

TEST(TableLabels, ColumnsOfTwoTablesAreToldWithTheirTables) {
  auto db = labelled_tables();
  ASSERT_TRUE(load_table_text(*db, "id,city\n1,Oslo\n", TableFormat::kCsv, "shops.csv").ok());
  const TableLabels labels(*db, "", 12);
  const auto &sales = db->tables()[0], &shops = db->tables()[1];
  const std::string a = labels.column(sales.columns[0]), b = labels.column(shops.columns[0]),
                    s = labels.table(sales), t = labels.table(shops);
  EXPECT_EQ(labels.sql(s + " JOIN " + t + " ON " + a + " = " + t + "." + b),
            "my_sales JOIN shops ON my_sales.id = shops.id");
}

TEST(TableLabels, EachIsOfItsOwnWhateverTheNumberOfColumns) {
  auto db = Database::create().value();
  std::string names = "c0", row = "1";
  for (int i = 1; i < 60; ++i) {
    names += ",c" + std::to_string(i);
    row += ",2";
  }
  ASSERT_TRUE(load_table_text(*db, names + "\n" + row + "\n", TableFormat::kCsv, "wide.csv").ok());
  const TableLabels labels(*db, "", 12);
  std::set<std::string> seen = {labels.table(db->tables()[0])};
  for (const SqlColumn& c : db->tables()[0].columns) {
    EXPECT_TRUE(seen.insert(labels.column(c)).second);
    EXPECT_EQ(labels.sql(labels.column(c)), c.name);
  }
}

}  // namespace
}  // namespace fathom
