// report.html: a run's curves on one page that stands alone: inline SVG drawn by a small script of
// its own, light and dark, wide and narrow. Made from log.jsonl and run.toml, so it can be made
// again at any time.
#pragma once

#include <string>

#include "base/status.h"
#include "train/run_directory.h"

namespace fathom {

/// Reads the run's log and writes its report, atomically. A run without a step gives a page that
/// says so.
Status write_report(const RunDirectory& directory);

}  // namespace fathom
