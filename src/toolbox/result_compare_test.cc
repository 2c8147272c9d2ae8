#include "toolbox/result_compare.h"

#include <gtest/gtest.h>

#include "toolbox/test_values.h"

namespace fathom {
namespace {

QueryResult result(std::vector<SqlRow> rows, size_t n_columns = 2) {
  return {.columns = std::vector<std::string>(n_columns, "c"), .rows = std::move(rows)};
}

TEST(ResultCompare, RowsAreAMultiset) {
  const auto a = result({{"x", 1.0}, {"y", 2.0}, {"x", 1.0}});
  EXPECT_TRUE(same_result(a, result({{"y", 2.0}, {"x", 1.0}, {"x", 1.0}})));
  EXPECT_FALSE(same_result(a, result({{"y", 2.0}, {"y", 2.0}, {"x", 1.0}})));
  EXPECT_FALSE(same_result(a, result({{"y", 2.0}, {"x", 1.0}})));
  EXPECT_FALSE(same_result(result({}, 1), result({}, 2)));
  EXPECT_TRUE(same_result(result({}), result({})));
}

TEST(ResultCompare, OrderCountsWhereAsked) {
  const auto a = result({{"x", 2.0}, {"y", 2.0}, {"z", 1.0}});
  const auto b = result({{"y", 2.0}, {"x", 2.0}, {"z", 1.0}});
  const auto c = result({{"z", 1.0}, {"x", 2.0}, {"y", 2.0}});
  EXPECT_FALSE(same_result(a, b, {.ordered = true}));
  EXPECT_TRUE(same_result(a, b, {.ordered = true, .order_columns = {1}}));
  EXPECT_FALSE(same_result(a, c, {.ordered = true, .order_columns = {1}}));
  EXPECT_TRUE(same_result(a, c));
}

TEST(ResultCompare, NumbersHaveATolerance) {
  EXPECT_TRUE(same_value(0.1 + 0.2, 0.3));
  EXPECT_TRUE(same_value(integer(3), 3.0));
  EXPECT_FALSE(same_value(33.33, 100.0 / 3));
  EXPECT_TRUE(same_value(33.33, 100.0 / 3, {.relative = 1e-3}));
  EXPECT_FALSE(same_value(integer(1'000'000'000'001), integer(1'000'000'000'002)));
  EXPECT_FALSE(same_value(std::string("3"), integer(3)));
  EXPECT_FALSE(same_value(null, integer(0)));
  EXPECT_FALSE(same_value(null, std::string()));
  EXPECT_TRUE(same_value(null, null));
}

// Sorted by the first number, these rows stand in another order on each side.
TEST(ResultCompare, FindsThePairingThatSortingMisses) {
  const auto a = result({{1.0, 5.0}, {1.0 + 1e-12, 7.0}});
  const auto b = result({{1.0, 7.0}, {1.0 + 1e-12, 5.0}});
  EXPECT_TRUE(same_result(a, b));
  EXPECT_FALSE(same_result(a, result({{1.0, 7.0}, {1.0 + 1e-12, 6.0}})));
}

TEST(ResultCompare, TextsThatSpliceAlikeAreTwo) {
  EXPECT_FALSE(same_result(result({{"a", "bc"}}), result({{"ab", "c"}})));
  EXPECT_FALSE(same_result(result({{"1:", ""}}), result({{"", "1:"}})));
}

TEST(ResultCompare, WhatWasCutOffEqualsNothing) {
  auto a = result({{"x", 1.0}});
  EXPECT_TRUE(same_result(a, a));
  a.truncated = true;
  EXPECT_FALSE(same_result(a, a));
}

}  // namespace
}  // namespace fathom
