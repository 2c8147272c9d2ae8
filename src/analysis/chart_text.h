// A chart for a terminal, of block characters.
#pragma once

#include <string>

#include "analysis/chart.h"

namespace fathom {

/// Lines of at most `width` columns. Bars: a line each. Over time: columns, as many points together
/// in one as are needed to fit, which is then their mean and said so.
std::string chart_text(const Chart& chart, size_t width);

}  // namespace fathom
