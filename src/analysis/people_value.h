// Values as people read them: thousands separated, a sensible number of digits, the unit beside
// the number. Never the other way round: nothing here is read back or computed with.
#pragma once

#include <string>
#include <string_view>

#include "toolbox/sql.h"

namespace fathom {

/// What is known of a column of a result.
struct ResultColumn {
  std::string name = {};   // as the query names it
  std::string words = {};  // in words: "sum of price" for SUM(price)
  std::string unit = {};   // "%", "$", "EUR"; empty: none, or not known
  bool numeric = false;    // its values that are not NULL are numbers, and there is one
  bool plain = false;      // years and numbers that name something: 2024, not 2,024
};

/// 1,234,567 · 12.35 · 0.00123 · 1.2e+20. Reals have no decimals from a million on, two at
/// most from 1 on, three significant digits below.
std::string people_number(double x);
std::string people_integer(int64_t x);

/// With its unit: $1,234.50 · 12.5% · 300 EUR. Text is made fit for one line of at most
/// 120 columns; NULL is "".
std::string people_value(const SqlValue& value, const ResultColumn& column);

}  // namespace fathom
