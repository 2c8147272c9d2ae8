// Numbers as a person reads them.
#pragma once

#include <string>

namespace fathom {

/// 950, 24.6K, 1.24M, 3.10G: three significant digits or more from ten thousand on.
std::string human_count(double n);
/// 12 s, 3 min 05 s, 2 h 07 min, 5 d 03 h.
std::string human_duration(double seconds);

}  // namespace fathom
