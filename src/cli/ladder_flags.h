// The flags of fathom cost ladder and compare that replace a figure of the catalogue or of the
// method.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "cost/catalogue_ladder.h"

namespace fathom {

struct LadderFlags {
  std::string rental, device_price, devices, age, rd_factor, staff_share, life, utilisation;
  std::string upper_base = "owned";
  bool printed_sign = false, no_server = false, no_network = false;
};
std::shared_ptr<LadderFlags> add_ladder_flags(CLI::App& sub);
/// Error: the flag that is not as wanted.
Result<LadderOptions> ladder_options(const LadderFlags& flags);

}  // namespace fathom
