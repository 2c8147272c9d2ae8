#include <gtest/gtest.h>

#include "toolbox/date_text_impl.h"

namespace fathom {
namespace {

std::string iso(std::string_view cell, DateOrder order = kYearMonthDay, bool time = false) {
  std::string out;
  append_iso_date(out, cell, order, time);
  return out;
}

TEST(DateText, OneCellMayBeADateInTwoOrders) {
  EXPECT_EQ(scan_date("1/2/2024").orders, unsigned{kDayMonthYear | kMonthDayYear});
  EXPECT_EQ(iso("1/2/2024", kDayMonthYear), "2024-02-01");
  EXPECT_EQ(iso("1/2/2024", kMonthDayYear), "2024-01-02");
  EXPECT_EQ(scan_date("13/2/2024").orders, unsigned{kDayMonthYear});
  EXPECT_EQ(scan_date("2-13-24").orders, unsigned{kMonthDayYear});
  EXPECT_EQ(scan_date("1.2.2024").orders, unsigned{kDayMonthYear});
  EXPECT_EQ(scan_date("2024/1/2").orders, unsigned{kYearMonthDay});
}

TEST(DateText, ReadsMonthsByName) {
  EXPECT_EQ(iso("5 Jan 2024"), "2024-01-05");
  EXPECT_EQ(iso("05-jan-99"), "1999-01-05");
  EXPECT_EQ(iso("Sept. 5, 2024"), "2024-09-05");
  EXPECT_EQ(iso("December 31 2069"), "2069-12-31");
  EXPECT_EQ(iso("5. March 2024 10:15", kYearMonthDay, true), "2024-03-05 10:15:00");
}

TEST(DateText, ReadsTimesAndZones) {
  EXPECT_EQ(iso("2024-01-05", kYearMonthDay, true), "2024-01-05 00:00:00");
  EXPECT_EQ(iso("2024-01-05T23:30:15.250Z", kYearMonthDay, true), "2024-01-05 23:30:15.250");
  EXPECT_EQ(iso("2024-12-31T23:30-0200", kYearMonthDay, true), "2025-01-01 01:30:00");
  EXPECT_EQ(iso("2024-03-01T00:30:00+01:00", kYearMonthDay, true), "2024-02-29 23:30:00");
  EXPECT_EQ(iso("1/2/2024, 12:05 AM", kMonthDayYear, true), "2024-01-02 00:05:00");
  EXPECT_TRUE(scan_date("2024-01-05T10:00Z").has_zone);
  EXPECT_FALSE(scan_date("2024-01-05 10:00").has_zone);
}

TEST(DateText, LeavesOtherThingsAlone) {
  for (const char* cell : {"",
                           "2024",
                           "2024-01",
                           "2024-13-01",
                           "2023-02-29",
                           "31/4/2024",
                           "0/1/2024",
                           "1.2.10",
                           "192.168.1.1",
                           "1-2-3",
                           "12/2024",
                           "2024-01/05",
                           "20240105",
                           "5 Janu 2024",
                           "Mayor 5 2024",
                           "2024-01-05x",
                           "2024-01-05 24:00",
                           "2024-01-05 10",
                           "2024-01-05 10:60",
                           "1/2/2024 13:00 PM",
                           "2024-01-05T10:00+15:00",
                           "2024-01-05T10:00+1",
                           "10:30",
                           "0000-01-01",
                           "12345-01-01",
                           "5 Jan 024",
                           "Jan 2024"})
    EXPECT_EQ(scan_date(cell).orders, 0u) << cell;
}

}  // namespace
}  // namespace fathom
