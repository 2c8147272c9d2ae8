// RUN.toml as anyone may write it: refused with a sentence, or read; and what was read is written so that it reads back the same.
// The part before the first zero byte is the file, the part after it an override.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "train/run_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string all(reinterpret_cast<const char*>(data), size);
  const size_t zero = all.find('\0');
  std::vector<std::string> overrides;
  if (zero != std::string::npos) overrides.push_back(all.substr(zero + 1));
  const auto config = fathom::parse_run_config(all.substr(0, zero), "run.toml", "/base", overrides);
  if (!config.ok()) {
    FATHOM_CHECK(!config.message().empty());
    return 0;
  }
  const std::string written = fathom::write_run_config(config.value());
  const auto again = fathom::parse_run_config(written, "written", "/base", {});
  FATHOM_CHECK(again.ok());
  FATHOM_CHECK(fathom::write_run_config(again.value()) == written);
  return 0;
}
