// Ranges of money and counts as a person reads them: "$4.04M-5.71M", "2.79M", "29-49 %". Three
// significant digits.
#pragma once

#include <optional>
#include <string>

#include "cost/range.h"

namespace fathom {

/// $5.58M, $131M, $1.6B, $2.05, $0.08.
std::string usd_text(double usd);
/// One figure where the ends agree, else "low-high": $4.04M-5.71M.
std::string usd_range_text(const Range& usd);
/// The middle with its ends: "$4.8M ($4.04-5.71M)"; one figure where the ends agree.
std::string usd_spread_text(const Range& usd);
/// The same, or "unknown".
std::string usd_or_unknown(const std::optional<Range>& usd);
/// 2.79M, 147K, 2,048 (below ten thousand whole numbers are written out).
std::string count_text(double n);
std::string count_range_text(const Range& n);
/// 1.25; 3.3-10.
std::string range_text(const Range& x);
/// Fractions: 29-49 %.
std::string percent_range_text(const Range& x);
/// A factor a year with its ends: "3.9 (2.27-8.28)".
std::string factor_text(const Range& f);

}  // namespace fathom
