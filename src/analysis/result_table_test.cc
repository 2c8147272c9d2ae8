#include "analysis/result_table.h"

#include <gtest/gtest.h>

#include <sstream>

#include "analysis/cell_text.h"

namespace fathom {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

const std::vector<ResultColumn> kColumns = {{.name = "city"}, {.name = "total", .numeric = true}};

TEST(ResultTable, ColumnsAreAlignedByTheirWidth) {
  const QueryResult result{
      .rows = {{std::string("東京"), int64_t{1234}}, {std::string("Zürich"), int64_t{7}}}};
  EXPECT_EQ(result_table(kColumns, result),
            "city    total\n"
            "──────  ─────\n"
            "東京    1,234\n"
            "Zürich      7\n");
}

TEST(ResultTable, WhatIsNotShownIsCounted) {
  QueryResult result;
  for (int64_t i = 0; i < 1500; ++i) result.rows.push_back({std::string("x"), i});
  const auto lines = lines_of(result_table(kColumns, result, {.max_rows = 3}));
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines.back(), "… 3 of 1,500 rows shown");
}

TEST(ResultTable, NoLineIsWiderThanTheTerminal) {
  std::vector<ResultColumn> columns;
  QueryResult result{.rows = {{}}};
  for (int i = 0; i < 30; ++i) {
    columns.push_back({.name = "column_" + std::to_string(i)});
    result.rows[0].push_back(std::string(500, 'x'));
  }
  const std::string table = result_table(columns, result, {.width = 50});
  for (const std::string& line : lines_of(table)) EXPECT_LE(display_width(line), 50u) << line;
  EXPECT_NE(table.find("more columns"), table.npos) << table;
}

TEST(ResultTable, HostileCellsStayInTheirCell) {
  const QueryResult result{.columns = {},
                           .rows = {{std::string("a\n\x1b]0;t\x07\r\nb\xE2\x80\xAE"), int64_t{1}}}};
  const std::string table = result_table(kColumns, result);
  EXPECT_EQ(lines_of(table).size(), 3u);
  EXPECT_EQ(table.find('\x1b'), table.npos);
  EXPECT_EQ(table.find("\xE2\x80\xAE"), table.npos);
}

}  // namespace
}  // namespace fathom
