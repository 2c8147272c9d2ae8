// The fields of the events. Text is valid UTF-8 already; what is not (a path) is replaced, not
// refused.
#include "cli/answer_events.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace fathom {
namespace {

using nlohmann::ordered_json;

void print_event(const ordered_json& event) {
  fmt::print("{}\n", event.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  std::fflush(stdout);
}

}  // namespace

void print_start_event(const Engine& engine, const Sequence& sequence,
                       const SamplingOptions& sampling) {
  print_event({{"event", "start"},
               {"model", engine.where()},
               {"seed", sampling.seed},
               {"n_prompt", sequence.n_prompt()},
               {"n_ctx", engine.n_ctx()},
               {"temperature", sampling.temp},
               {"top_k", sampling.top_k},
               {"top_p", sampling.top_p},
               {"min_p", sampling.min_p}});
}

void print_token_event(const TokenEvent& token) {
  if (token.id >= 0) {
    print_event(
        {{"event", "token"}, {"id", token.id}, {"text", token.text}, {"logprob", token.logprob}});
  } else if (!token.text.empty()) {
    print_event({{"event", "text"}, {"text", token.text}});
  }
}

void print_end_event(const Sequence& sequence, const GenerationStats& stats) {
  print_event({{"event", "end"},
               {"finish_reason", finish_reason_name(sequence.finish_reason())},
               {"stats",
                {{"n_prompt", stats.n_prompt},
                 {"n_reused", stats.n_reused},
                 {"n_generated", stats.n_generated},
                 {"prompt_tokens_per_s", stats.prefill_rate()},
                 {"generation_tokens_per_s", stats.decode_rate()},
                 {"prefill_s", stats.prefill_s},
                 {"decode_s", stats.decode_s},
                 {"cache_bytes", stats.cache_bytes}}}});
}

}  // namespace fathom
