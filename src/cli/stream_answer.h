// The loop between a started sequence and the screen, which run and chat share.
#pragma once

#include <functional>

#include "engine/generate.h"

namespace fathom {

/// Generates on `sequence` until it is finished or Ctrl-C is pressed (catch_interrupt must be on).
/// on_token gets every token; after Ctrl-C, one of id -1 with the text that was held back. A long
/// prompt shows its progress.
Result<GenerationStats> stream_answer(const Engine& engine, Sequence& sequence,
                                      const std::function<void(const TokenEvent&)>& on_token);

}  // namespace fathom
