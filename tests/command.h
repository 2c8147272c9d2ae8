// Runs the fathom binary as a user does, for tests of whole commands.
#pragma once

#include <string>

namespace fathom {

struct CommandResult {
  int exit_code = -1;  // -1: ended by a signal
  std::string out, err;
};

/// `arguments` as a shell reads them; `input` is its standard input.
CommandResult run_fathom(const std::string& arguments, const std::string& input = "");

}  // namespace fathom
