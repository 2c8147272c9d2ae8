// PLAN.toml as anyone may write it: refused with a sentence, or read; the commands of what was read
// can be told, and each has its command's name first.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "rl/r1_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto plan = fathom::parse_r1_plan(text, "/plan.toml");
  if (!plan.ok()) {
    FATHOM_CHECK(!plan.message().empty());
    return 0;
  }
  for (size_t i = 0; i < plan.value().stages.size(); ++i) {
    const auto command = fathom::r1_command(plan.value(), i, "/out");
    FATHOM_CHECK(command.at(0) == plan.value().stages[i].command[0]);
  }
  return 0;
}
