#include <gtest/gtest.h>

#include "toolbox/number_text_impl.h"

namespace fathom {
namespace {

constexpr unsigned kBoth = kDecimalPoint | kDecimalComma;

SqlCell point(std::string_view cell) { return read_number(cell, kDecimalPoint); }
SqlCell comma(std::string_view cell) { return read_number(cell, kDecimalComma); }
SqlCell whole(int64_t i) { return i; }

TEST(NumberText, OneCellMayBeANumberInTwoWays) {
  EXPECT_EQ(scan_number("1.234").styles, kBoth);
  EXPECT_EQ(scan_number("1.234").integers, unsigned{kDecimalComma});
  EXPECT_EQ(point("1.234"), SqlCell(1.234));
  EXPECT_EQ(comma("1.234"), whole(1234));
  EXPECT_EQ(scan_number("1,23").styles, unsigned{kDecimalComma});
  EXPECT_EQ(scan_number("1,234,567").styles, unsigned{kDecimalPoint});
  EXPECT_EQ(scan_number("0.123").styles, unsigned{kDecimalPoint});
  EXPECT_EQ(scan_number("42").styles, kBoth);
}

TEST(NumberText, ReadsSignsGroupsAndUnits) {
  EXPECT_EQ(point("-1,234.5"), SqlCell(-1234.5));
  EXPECT_EQ(comma("1.234.567,5"), SqlCell(1234567.5));
  EXPECT_EQ(point("12,34,567"), whole(1234567));  // India's groups
  EXPECT_EQ(point("1'234.5"), SqlCell(1234.5));
  EXPECT_EQ(comma("1\xC2\xA0"
                  "234,5"),
            SqlCell(1234.5));
  EXPECT_EQ(comma("1\xE2\x80\xAF"
                  "234 \xE2\x82\xAC"),
            whole(1234));
  EXPECT_EQ(point("(5.5)"), SqlCell(-5.5));
  EXPECT_EQ(point("\xE2\x88\x92"
                  "7"),
            whole(-7));
  EXPECT_EQ(point("+7"), whole(7));
  EXPECT_EQ(point("-$5"), whole(-5));
  EXPECT_EQ(point("$-5"), whole(-5));
  EXPECT_EQ(point("USD 5.25"), SqlCell(5.25));
  EXPECT_EQ(scan_number("5 kr").currency, "kr");
  EXPECT_TRUE(scan_number("-3.5 %").percent);
  EXPECT_EQ(point("-3.5 %"), SqlCell(-3.5));
  EXPECT_EQ(point(".5"), SqlCell(0.5));
  EXPECT_EQ(point("2.5E+3"), SqlCell(2500.0));
  EXPECT_EQ(point("9223372036854775807"), whole(INT64_MAX));
  EXPECT_EQ(point("0"), whole(0));
}

TEST(NumberText, LeavesCodesAndOddThingsAlone) {
  for (const char* cell :
       {"",       " ",         "-",     "+",        "$",           "%",
        "()",     "(",         "((5))", "(-5)",     "--5",         "+-5",
        "5-",     "007",       "00.5",  "1,2345",   "12,34",       "1,23,45",
        ",",      ".",         "1..2",  "1.2.3.",   "1,234.567,8", "1 2",
        "1 2345", "1,234 567", "1.5e",  "e5",       "12E4",        "0x10",
        "1_000",  "nan",       "inf",   "555-1234", "12:30",       "9223372036854775808",
        "$5$",    "5%%",       "$5%",   "1a",       "½",           "５"})
    EXPECT_EQ(scan_number(cell).styles & kDecimalPoint, 0u) << cell;
  EXPECT_EQ(scan_number(std::string(70, '1')).styles, 0u);
}

}  // namespace
}  // namespace fathom
