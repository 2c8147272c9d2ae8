#include "analysis/people_value.h"

#include <gtest/gtest.h>

#include <limits>

namespace fathom {
namespace {

TEST(PeopleValue, NumbersHaveTheDigitsThatPeopleRead) {
  EXPECT_EQ(people_integer(1234567), "1,234,567");
  EXPECT_EQ(people_integer(-1000), "-1,000");
  EXPECT_EQ(people_integer(999), "999");
  EXPECT_EQ(people_number(1234.5678), "1,234.57");
  EXPECT_EQ(people_number(1234567.8), "1,234,568");
  EXPECT_EQ(people_number(3.0), "3");
  EXPECT_EQ(people_number(0.0123456), "0.0123");
  EXPECT_EQ(people_number(-0.5), "-0.5");
  EXPECT_EQ(people_number(0), "0");
  EXPECT_EQ(people_number(3.14e23), "3.14e+23");
  EXPECT_EQ(people_number(std::numeric_limits<double>::infinity()), "infinite");
}

TEST(PeopleValue, UnitsStandWhereTheyBelong) {
  const ResultColumn dollars{.unit = "$", .numeric = true}, euros{.unit = "EUR", .numeric = true},
      percent{.unit = "%", .numeric = true};
  EXPECT_EQ(people_value(1234.5, dollars), "$1,234.50");
  EXPECT_EQ(people_value(int64_t{-5}, dollars), "-$5");
  EXPECT_EQ(people_value(99.0, dollars), "$99");
  EXPECT_EQ(people_value(0.001, dollars), "$0.001");
  EXPECT_EQ(people_value(12.5, euros), "12.50 EUR");
  EXPECT_EQ(people_value(12.5, percent), "12.5%");
}

TEST(PeopleValue, YearsAreNotSeparatedAndNothingIsEmpty) {
  const ResultColumn year{.numeric = true, .plain = true};
  EXPECT_EQ(people_value(int64_t{2024}, year), "2024");
  EXPECT_EQ(people_value(2024.0, year), "2024");
  EXPECT_EQ(people_value(SqlValue(), year), "");
  EXPECT_EQ(people_value(std::string("a\nb"), {}), "a b");
}

}  // namespace
}  // namespace fathom
