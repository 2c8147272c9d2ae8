// Through the shell, with standard input, output and error in files of the test's own directory.
#include "tests/command.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fathom {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

CommandResult run_fathom(const std::string& arguments, const std::string& input) {
  static std::atomic<int> n_runs{0};
  const fs::path directory =
      fs::temp_directory_path() /
      ("fathom_command_" + std::to_string(getpid()) + "_" + std::to_string(n_runs++));
  fs::create_directories(directory);
  std::ofstream(directory / "in", std::ios::binary) << input;
  const std::string redirections = " <'" + (directory / "in").string() + "' >'" +
                                   (directory / "out").string() + "' 2>'" +
                                   (directory / "err").string() + "'";
  const int status = std::system(("'" FATHOM_BINARY "' " + arguments + redirections).c_str());
  CommandResult result;
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  result.out = content(directory / "out");
  result.err = content(directory / "err");
  fs::remove_all(directory);
  return result;
}

}  // namespace fathom
