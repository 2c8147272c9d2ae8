// What the planner's tests share: published configs, and the machine of DeepSeek-V3.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include "config/model_config.h"
#include "cost/machine.h"

namespace fathom {

/// The value, or a failed test that says why there is none.
template <typename T>
T value_of(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.message());
  return std::move(result.value());
}

/// `path` within the repository.
inline ModelConfig config_at(const std::string& path) {
  return value_of(read_model_config(std::filesystem::path(FATHOM_SOURCE_DIR) / path));
}
inline ModelConfig fixture(const std::string& name) {
  return config_at("tests/fixtures/configs/" + name + ".json");
}

/// H800s in nodes of 8, at $2 an hour; links as measured (DeepSeek-V3 §3.2.2).
inline Machine h800(int64_t devices) {
  Machine m;
  m.name = "H800";
  m.devices = devices;
  m.peak_flops = {{"bf16", 989e12}, {"fp8", 1979e12}};
  m.memory_bytes = 80e9, m.memory_bytes_per_s = 3.35e12;
  m.intra_node_bytes_per_s = 160e9, m.inter_node_bytes_per_s = 50e9;
  m.rental = DatedPrice{Range::exactly(2), "2024-12", "DeepSeek-V3"};
  return m;
}

}  // namespace fathom
