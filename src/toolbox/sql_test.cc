#include "toolbox/sql.h"

#include <gtest/gtest.h>

#include <thread>

namespace fathom {
namespace {

std::unique_ptr<Database> sales() {
  auto db = Database::create().value();
  auto writer = db->new_table("sales", {{.name = "region"},
                                        {.name = "unit price", .type = ColumnType::kReal},
                                        {.name = "n", .type = ColumnType::kInteger}})
                    .value();
  const std::vector<std::vector<SqlCell>> rows = {{"North", 1.5, int64_t{2}},
                                                  {"South", 2.5, int64_t{3}},
                                                  {"North", std::monostate(), int64_t{4}}};
  for (const auto& row : rows) EXPECT_TRUE(writer->append(row).ok());
  EXPECT_TRUE(writer->finish().ok());
  return db;
}

std::string refusal(Database& db, std::string_view sql, const QueryLimits& limits = {}) {
  const auto result = db.query(sql, limits);
  EXPECT_FALSE(result.ok()) << sql;
  return result.ok() ? "" : result.message();
}

TEST(Sql, AnswersWithTypedValues) {
  auto db = sales();
  const auto r = db->query(
                       "SELECT region, sum(n) AS total, avg(\"unit price\"), max(NULL) FROM sales"
                       " GROUP BY region ORDER BY 1; -- done")
                     .value();
  EXPECT_EQ(r.columns[1], "total");
  ASSERT_EQ(r.rows.size(), 2u);
  EXPECT_EQ(r.rows[0], (std::vector<SqlValue>{"North", int64_t{6}, 1.5, std::monostate()}));
  EXPECT_GT(r.steps, 0);
  EXPECT_FALSE(r.truncated);
}

TEST(Sql, SaysWhatTheEngineSays) {
  auto db = sales();
  EXPECT_EQ(refusal(*db, "SELECT regio FROM sales"), "SQL: no such column: regio");
  EXPECT_EQ(refusal(*db, "SELECT 1 FROM sale"), "SQL: no such table: sale");
  EXPECT_EQ(refusal(*db, "SELEC 1"), "SQL: near \"SELEC\": syntax error");
  EXPECT_EQ(refusal(*db, "SELECT \"North\""), "SQL: no such column: North");
  EXPECT_EQ(refusal(*db, " ; -- nothing"), "SQL: a SELECT wanted, nothing found");
}

TEST(Sql, RunsOneSelectAndNothingElse) {
  auto db = sales();
  for (const char* sql : {"DELETE FROM sales",
                          "UPDATE sales SET n = 1",
                          "INSERT INTO sales VALUES (1, 2, 3)",
                          "DROP TABLE sales",
                          "CREATE TABLE t (a)",
                          "CREATE TEMP TABLE t AS SELECT 1",
                          "CREATE VIEW v AS SELECT 1",
                          "ATTACH '/tmp/x.db' AS x",
                          "DETACH main",
                          "PRAGMA user_version",
                          "PRAGMA query_only = 0",
                          "VACUUM",
                          "VACUUM INTO '/tmp/x.db'",
                          "BEGIN",
                          "COMMIT",
                          "SAVEPOINT s",
                          "REINDEX",
                          "ANALYZE",
                          "EXPLAIN SELECT 1",
                          "EXPLAIN QUERY PLAN SELECT 1",
                          "WITH a AS (SELECT 1) DELETE FROM sales",
                          "INSERT INTO sales SELECT * FROM sales RETURNING n",
                          "CREATE VIRTUAL TABLE f USING fts5(a)",
                          "ALTER TABLE sales ADD COLUMN x",
                          "SELECT load_extension('x')",
                          "SELECT random()",
                          "SELECT randomblob(9)",
                          "SELECT fts3_tokenizer('simple')",
                          "SELECT zeroblob(1000000000)",
                          "SELECT readfile('/etc/passwd')",
                          "SELECT * FROM sqlite_schema",
                          "SELECT count(*) FROM sqlite_schema",
                          "SELECT count(*) FROM pragma_database_list",
                          "SELECT * FROM sqlite_master",
                          "SELECT * FROM dbstat",
                          "SELECT * FROM pragma_table_info('sales')",
                          "SELECT * FROM json_each('[1]')",
                          "SELECT sqlite_version()",
                          "SELECT * FROM pragma_database_list",
                          "SELECT ?1 IN sqlite_master"})
    EXPECT_TRUE(refusal(*db, sql).starts_with("SQL: ")) << sql;
  EXPECT_EQ(refusal(*db, "DELETE FROM sales"),
            "SQL: only a SELECT over the tables may run here, not DELETE");
  EXPECT_EQ(refusal(*db, "SELECT random()"),
            "SQL: only a SELECT over the tables may run here, not function random");
  EXPECT_EQ(refusal(*db, "SELECT 1; DROP TABLE sales"), "SQL: one statement wanted, more found");
  EXPECT_EQ(std::get<int64_t>(db->query("SELECT count(*) FROM sales").value().rows[0][0]), 3);
}

TEST(Sql, TakesWhatAnalysisNeeds) {
  auto db = sales();
  for (const char* sql :
       {"WITH t AS (SELECT 1) SELECT count(*) FROM t", "SELECT count(*) FROM (SELECT 1) AS t",
        "SELECT EXISTS (SELECT 1 FROM sales)", "SELECT count(*) FROM sales AS s, sales",
        "WITH t AS (SELECT region, sum(n) s FROM sales GROUP BY 1 HAVING s > 1) SELECT * FROM t",
        "VALUES (1), (2)", "SELECT rank() OVER (PARTITION BY region ORDER BY n DESC) FROM sales",
        "SELECT a.n FROM sales a JOIN sales b USING (region) UNION ALL SELECT 1",
        "SELECT strftime('%Y-%m', '2024-01-05'), printf('%.2f', 1.005), ROUND(1.0 * 2 / 3, 2)",
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 9) SELECT i FROM "
        "c",
        "SELECT CASE WHEN n > 2 THEN 'big' END, region LIKE 'n%', group_concat(DISTINCT region) "
        "FROM sales",
        "SELECT json_extract('{\"a\":1}', '$.a')"})
    EXPECT_TRUE(db->query(sql).ok()) << sql << ": " << db->query(sql).message();
}

TEST(Sql, StopsAtEachLimitAndGoesOnAfterIt) {
  auto db = sales();
  const char* endless =
      "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) "
      "SELECT max(i) FROM c";
  EXPECT_EQ(refusal(*db, endless, {.max_steps = 100'000}), "SQL: stopped after 100000 steps");
  EXPECT_EQ(refusal(*db, endless, {.max_seconds = 0.05}), "SQL: stopped after 0.05 s");
  EXPECT_EQ(refusal(*db,
                    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 9e6) "
                    "SELECT i, printf('%100d', i) AS t FROM c ORDER BY t DESC",
                    {.max_memory_bytes = 8 << 20}),
            "SQL: needs more than 8 MB of memory");
  const std::string fifty(50, 'a');
  EXPECT_EQ(refusal(*db, "SELECT replace('" + fifty + "', 'a', '" + fifty + "')",
                    {.max_value_bytes = 1000}),
            "SQL: a text of more than 1000 bytes");
  EXPECT_EQ(refusal(*db, "SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaa'", {.max_sql_bytes = 10}),
            "SQL: at most 10 bytes wanted, 34 found");
  EXPECT_TRUE(refusal(*db, "SELECT " + std::string(5000, '(') + "1" + std::string(5000, ')'))
                  .starts_with("SQL: "));
  EXPECT_TRUE(db->query("SELECT count(*) FROM sales").ok());
}

TEST(Sql, CutsALongResultAndSaysSo) {
  auto db = sales();
  const char* sql =
      "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 10) "
      "SELECT i, printf('%100d', i) FROM c";
  EXPECT_FALSE(db->query(sql, {.max_rows = 10}).value().truncated);
  const auto cut = db->query(sql, {.max_rows = 9}).value();
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.rows.size(), 9u);
  EXPECT_EQ(db->query(sql, {.max_result_bytes = 450}).value().rows.size(), 3u);
}

// SQLite's own heap limit is one for the process: this would fail there, now and then.
TEST(Sql, OneQueryDoesNotSpendAnothersMemory) {
  const char* sql =
      "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) "
      "SELECT i, printf('%100d', i) AS t FROM c ORDER BY t DESC";
  std::vector<int> failed(4);
  std::vector<std::thread> threads;
  for (int& f : failed)
    threads.emplace_back([&f, sql] {
      auto db = Database::create().value();
      for (int i = 0; i < 5; ++i) f += !db->query(sql, {.max_memory_bytes = 8 << 20}).ok();
      f += db->query(sql, {.max_memory_bytes = 1 << 20}).ok();
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(failed, std::vector<int>(4, 0));
}

TEST(Sql, NamesFromOutsideAreQuotedAndValuesBound) {
  auto db = Database::create().value();
  const std::string name = "x\"; DROP TABLE y; --", column = "a\") VALUES (1); --'";
  auto writer = db->new_table(name, {{.name = column}, {.name = "select"}}).value();
  const std::vector<SqlCell> row = {"'); DELETE FROM y; --", ""};
  ASSERT_TRUE(writer->append(row).ok());
  ASSERT_TRUE(writer->finish().ok());
  const auto r = db->query("SELECT " + sql_identifier(column) + ", " + sql_identifier("select") +
                           " FROM " + sql_identifier(name) + " WHERE " + sql_identifier(column) +
                           " = " + sql_literal("'); DELETE FROM y; --"))
                     .value();
  EXPECT_EQ(r.rows, (std::vector<std::vector<SqlValue>>{{"'); DELETE FROM y; --", ""}}));
  EXPECT_EQ(r.columns[0], column);
  EXPECT_EQ(sql_identifier("unit_price"), "unit_price");
  EXPECT_EQ(sql_identifier("Order"), "\"Order\"");
}

TEST(Sql, TextOfAResultIsValidUtf8) {
  auto db = sales();
  const auto r = db->query("SELECT CAST(x'41FF42' AS TEXT), x'0aFF'").value();
  EXPECT_EQ(r.rows[0], (std::vector<SqlValue>{"A\xEF\xBF\xBD"
                                              "B",
                                              "0AFF"}));
}

TEST(TableWriter, LeavesNothingUnlessFinished) {
  auto db = sales();
  {
    auto writer = db->new_table("half", {{.name = "a"}}).value();
    const std::vector<SqlCell> row = {"x"};
    EXPECT_TRUE(writer->append(row).ok());
  }
  EXPECT_EQ(db->table("half"), nullptr);
  EXPECT_EQ(refusal(*db, "SELECT * FROM half"), "SQL: no such table: half");
  EXPECT_TRUE(db->new_table("half", {{.name = "a"}}).ok());
}

TEST(TableWriter, RefusesNamesThatCannotBe) {
  auto db = sales();
  EXPECT_EQ(db->new_table("SALES", {{.name = "a"}}).message(),
            "table SALES: there is one of that name already");
  EXPECT_EQ(db->new_table("t", {}).message(), "table t: 1 to 2000 columns wanted, 0 found");
  EXPECT_EQ(db->new_table("t", {{.name = "a"}, {.name = "A"}}).message(),
            "table t: column A occurs twice");
  EXPECT_FALSE(db->new_table("", {{.name = "a"}}).ok());
  EXPECT_FALSE(db->new_table("sqlite_x", {{.name = "a"}}).ok());
  EXPECT_FALSE(db->new_table("t", {{.name = std::string("a\0b", 3)}}).ok());
}

TEST(TableWriter, AFullDatabaseKeepsItsOtherTables) {
  auto db = Database::create({.max_bytes = 1 << 20}).value();
  const std::string text(1000, 'x');
  const std::vector<SqlCell> row = {std::string_view(text)};
  {
    auto writer = db->new_table("small", {{.name = "a"}}).value();
    ASSERT_TRUE(writer->append(row).ok());
    ASSERT_TRUE(writer->finish().ok());
  }
  auto writer = db->new_table("large", {{.name = "a"}}).value();
  Status status;
  for (int i = 0; i < 2000 && status.ok(); ++i) status = writer->append(row);
  EXPECT_EQ(status.message(), "table large: the tables need more than 1 MB of memory");
  writer.reset();
  EXPECT_EQ(db->query("SELECT count(*) FROM small").value().rows[0][0], SqlValue(int64_t{1}));
}

TEST(TableWriter, GathersTheDistinctTextsOfAColumn) {
  auto db = sales();
  EXPECT_EQ(db->table("Sales")->columns[0].values, (std::vector<std::string>{"North", "South"}));
  EXPECT_TRUE(db->table("sales")->columns[1].values.empty());
}

}  // namespace
}  // namespace fathom
