// A range as a person types it: "3", "1.8:5.3" (low:high) or "1.8:2.8:5.3" (low:middle:high), each
// with its unit: "$2/h:$3/h".
#pragma once

#include <string_view>

#include "base/status.h"
#include "cost/range.h"
#include "cost/units.h"

namespace fathom {

/// Of low:high, the middle is the geometric mean. Error: one sentence that begins with `where`.
Result<Range> parse_range(std::string_view text, Quantity q, std::string_view where);

}  // namespace fathom
