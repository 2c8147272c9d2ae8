// Ranges as people write them on a command line or in TOML: "0.35..0.45", "$1.8/h..$2.5/h", or with
// a colon, "$2/h:$3/h". Every end carries its own unit.
#pragma once

#include <string_view>

#include "base/status.h"
#include "cost/range.h"
#include "cost/units.h"

namespace fathom {

/// "LOW..HIGH" (the middle is their geometric mean), "LOW..MIDDLE..HIGH", or one quantity, which is
/// exact; ":" serves as "..". Error: one sentence that begins with `where`.
Result<Range> parse_range(std::string_view text, Quantity q, std::string_view where);

/// More than zero, and a fraction at most 1. Error: the sentence with `text` in it.
Status check_positive(const Range& range, Quantity q, std::string_view text,
                      std::string_view where);

}  // namespace fathom
