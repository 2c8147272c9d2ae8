// report.html: a run's curves on one page that stands alone: inline SVG drawn by a small script of
// its own, light and dark, wide and narrow. Made from log.jsonl and run.toml, so it can be made
// again at any time.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "train/run_directory.h"

namespace fathom {

/// One of several runs that are compared.
struct ComparedRun {
  std::string name;  // "fp8, tis"
  RunDirectory directory;
};

/// The curves of several runs of reinforcement learning on one page, and a table of how they ended:
/// means over the last tenth of the steps. Error: a run without a step.
Status write_comparison(const std::filesystem::path& path, const std::string& title,
                        const std::vector<ComparedRun>& runs);

/// Reads the run's log and writes its report, atomically. A run without a step gives a page that
/// says so.
Status write_report(const RunDirectory& directory);

}  // namespace fathom
