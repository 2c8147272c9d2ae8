// The calendar's day, for the foot of a page and for figures that a user gives.
#pragma once

#include <string>

namespace fathom {

/// 2026-11-28, UTC.
std::string today();

}  // namespace fathom
