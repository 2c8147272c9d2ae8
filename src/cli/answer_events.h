// What --json prints of an answer: one JSON object a line, start, a token each, end with the
// figures.
#pragma once

#include "engine/generate.h"

namespace fathom {

void print_start_event(const Engine& engine, const Sequence& sequence,
                       const SamplingOptions& sampling);
/// Text that Ctrl-C released (id -1) is an event "text".
void print_token_event(const TokenEvent& token);
void print_end_event(const Sequence& sequence, const GenerationStats& stats);

}  // namespace fathom
