// Dates as people write them in tables: 2024-01-05 · 2024/1/5 · 05.01.2024 · 1/5/24 · 5 Jan 2024 ·
// January 5, 2024 · 05-Jan-24, each with a time of day behind it or none. A cell tells in which
// orders of day, month and year it is a date; a column, having seen all its cells, chooses one.
#pragma once

#include <string>
#include <string_view>

namespace fathom {

/// Bits.
enum DateOrder : unsigned { kYearMonthDay = 1, kDayMonthYear = 2, kMonthDayYear = 4 };

struct DateText {
  unsigned orders = 0;  // in which it is a date of the calendar; 0: it is none
  bool has_time = false;
  bool has_zone = false;  // Z or +02:00 behind the time
};

/// 1 to 12, or 0: an English month's whole name, its first three letters, or "Sept".
int month_of(std::string_view word);

/// Names of months are English. A year of two digits is 1970 to 2069.
DateText scan_date(std::string_view cell);

/// Appends YYYY-MM-DD, or with `time` YYYY-MM-DD HH:MM:SS[.fff], 00:00:00 where the cell has no
/// time. With a zone, the time is turned into UTC. Requires: scan_date(cell).orders has the bit.
void append_iso_date(std::string& out, std::string_view cell, DateOrder order, bool time);

}  // namespace fathom
