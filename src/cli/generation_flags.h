// Flags of the commands that generate text, and the figures they tell afterwards.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/model_flags.h"
#include "engine/generate.h"

namespace fathom {

struct GenerationFlags {
  ModelFlags model;
  int64_t n_predict = -1;
  // Negative: what the model's generation_config.json recommends, or fathom's own default.
  double temperature = -1, top_p = -1, min_p = -1, repeat_penalty = -1;
  int64_t top_k = -1;
  double presence_penalty = 0, frequency_penalty = 0;
  uint64_t seed = 0;
  bool seed_given = false;
  std::vector<std::string> stop;
  bool ignore_eos = false;
};

/// The model's flags and -n -c --temp --top-k --top-p --min-p --repeat-penalty --presence-penalty
/// --frequency-penalty
/// --seed --stop --ignore-eos. `flags` outlives the parse.
void add_generation_flags(CLI::App& sub, GenerationFlags& flags);

/// What the flags mean for this model. Without --seed a seed is drawn from the system.
GenerationOptions generation_options(const GenerationFlags& flags, const Engine& engine);

/// "prompt 12 tokens at 95.1 tokens/s · answer 40 tokens at 31.0 tokens/s · cache 52 tokens, 1.2
/// MB"
std::string describe(const GenerationStats& stats, const Engine& engine);

}  // namespace fathom
