// Steps of the engine to events, progress and Ctrl-C.
#include "cli/stream_answer.h"

#include "cli/progress.h"
#include "cli/terminal.h"

namespace fathom {

Result<GenerationStats> stream_answer(const Engine& engine, Sequence& sequence,
                                      const std::function<void(const TokenEvent&)>& on_token) {
  const int64_t n_new = sequence.n_prompt() - sequence.n_reused();
  Progress progress("prompt", "tokens");
  Sequence* const list[] = {&sequence};
  FATHOM_ASSIGN_OR_RETURN(
      const GenerationStats stats, generate(engine, list, [&](const StepResult& result) {
        if (sequence.in_prompt()) {
          progress.update(sequence.cache().length() - sequence.n_reused(), n_new);
        } else {
          progress.finish();
        }
        for (const StepEvent& e : result.events) on_token(e.token);
        return !interrupted();
      }));
  if (!sequence.finished()) on_token({.id = -1, .logprob = 0, .text = sequence.cancel()});
  return stats;
}

}  // namespace fathom
