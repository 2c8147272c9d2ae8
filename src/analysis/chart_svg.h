// A chart as SVG, written natively: no script, one drawing for a file and for a page. On a page the
// style sheet colours it; by itself it brings its colours, for light and dark.
#pragma once

#include <string>
#include <string_view>

#include "analysis/chart.h"

namespace fathom {

struct ChartSvgOptions {
  int width = 760;         // CSS pixels; below 560 names stand above their bars
  bool standalone = true;  // with its own colours, and the title above
};
std::string chart_svg(const Chart& chart, const ChartSvgOptions& options = {});

/// Text for an element or a quoted attribute of XML.
std::string xml_text(std::string_view text);

}  // namespace fathom
