#include "cli/today.h"

#include <fmt/chrono.h>

#include <ctime>

namespace fathom {

std::string today() { return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr))); }

}  // namespace fathom
