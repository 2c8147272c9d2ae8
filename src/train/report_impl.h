// The page of report.html with its style and script; report.cc brings what goes into it.
#pragma once

#include <string>

namespace fathom {

/// HTML, escaped where it came from outside; data: the text of a JSON object that may stand in a
/// script element.
struct ReportParts {
  std::string title, summary, settings, data;
  bool compares = false;  // several runs, by steps alone
};

std::string report_page(const ReportParts& parts);

}  // namespace fathom
