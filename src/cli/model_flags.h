// Flags that every command has which computes with a model, and what they are opened to.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace fathom {

struct ModelFlags {
  std::string model;
  std::string numerics = "exact", compute = "bf16";
  int64_t n_ctx = 0, n_chunk = 512;
  int n_threads = 0;
  bool fp8_activations = false, mtp_prenorm = false;
};

/// -m, -t, --numerics, --compute, --chunk, --fp8-activations. `flags` outlives the parse.
void add_model_flags(CLI::App& sub, ModelFlags& flags);
/// Sets the number of threads and tells the options that the flags mean.
EngineOptions engine_options(const ModelFlags& flags);
/// A number in [low, high]; the help shows `what` for its type and leaves the range to the error.
template <typename T>
CLI::Option* add_number(CLI::App& sub, const std::string& names, T& value, T low, T high,
                        const std::string& what, const std::string& help) {
  return sub.add_option(names, value, help)
      ->check(CLI::Range(low, high).description(""))
      ->type_name(what);
}
/// The same for one of several words.
CLI::Option* add_choice(CLI::App& sub, const std::string& names, std::string& value,
                        const std::vector<std::string>& words, const std::string& help);

/// Finds and opens the model.
Result<std::unique_ptr<Engine>> open_engine(const ModelFlags& flags);

}  // namespace fathom
