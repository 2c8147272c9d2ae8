// The unit of each output of a SELECT. See result_columns.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "toolbox/sql.h"

namespace fathom {

struct ColumnUnit {
  std::string unit = {};
  bool plain = false;    // a year, an identifier
  bool literal = false;  // a number that stands in the query
  bool hundred = false;  // multiplied by 100
  bool ratio = false;    // of two like amounts
};

/// In the order of the outermost SELECT's list; empty where it holds a * or is not understood.
std::vector<ColumnUnit> sql_units(const Database& database, std::string_view sql);

/// Of the columns with that name in the tables, if they agree; where they say nothing, from the
/// name itself (cost_usd, share_percent).
ColumnUnit named_unit(const Database& database, std::string_view column);

}  // namespace fathom
