// Sampling flags over the model's recommendation over fathom's defaults.
#include "cli/generation_flags.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <chrono>

#include "cli/terminal.h"

namespace fathom {
namespace {

// 32 bits, so that a user can read it off and type it again.
uint64_t draw_seed() {
  uint32_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    seed = static_cast<uint32_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  return seed;
}

template <typename T>
T first_of(T flag, T recommended, T otherwise) {
  if (flag >= 0) return flag;
  return recommended >= 0 ? recommended : otherwise;
}

std::string or_model(std::string_view text, double otherwise) {
  return fmt::format("{} (default: the model's, or {})", text, otherwise);
}

void add_sampling_flags(CLI::App& sub, GenerationFlags& flags) {
  const SamplingOptions d;
  add_number(sub, "--temp,--temperature", flags.temperature, 0.0, 1e6, "T",
             or_model("Divides the logits; 0: always the likeliest token", d.temp));
  add_number(sub, "--top-k", flags.top_k, int64_t{0}, int64_t{1} << 31, "K",
             or_model("Sample among the K likeliest tokens; 0: all", static_cast<double>(d.top_k)));
  add_number(sub, "--top-p", flags.top_p, 0.0, 1.0, "P",
             or_model("Sample among the likeliest tokens that together have probability P; 1: all",
                      d.top_p));
  add_number(
      sub, "--min-p", flags.min_p, 0.0, 1.0, "P",
      or_model("Sample among tokens at least P times as likely as the likeliest; 0: all", d.min_p));
  add_number(sub, "--repeat-penalty", flags.repeat_penalty, 0.01, 100.0, "X",
             or_model("Divide the logits of tokens seen before; 1: off", d.repetition_penalty));
  add_number(sub, "--presence-penalty", flags.presence_penalty, -100.0, 100.0, "X",
             "Subtracted once from the logits of tokens that the answer holds (default: 0)");
  add_number(sub, "--frequency-penalty", flags.frequency_penalty, -100.0, 100.0, "X",
             "Subtracted for each time that the answer holds the token (default: 0)");
}

}  // namespace

void add_generation_flags(CLI::App& sub, GenerationFlags& flags) {
  add_model_flags(sub, flags.model);
  constexpr int64_t kMany = int64_t{1} << 40;
  add_number(sub, "-n,--n-predict", flags.n_predict, int64_t{-1}, kMany, "N",
             "Most tokens of an answer; -1: until it ends or the context is full (default: -1)");
  add_number(sub, "-c,--ctx-size", flags.model.n_ctx, int64_t{0}, kMany, "N",
             "Most tokens of prompt and answer; 0: what the model was made for (default: 0)");
  add_sampling_flags(sub, flags);
  sub.add_option_function<uint64_t>(
         "-s,--seed",
         [&flags](uint64_t seed) {
           flags.seed = seed;
           flags.seed_given = true;
         },
         "The same seed gives the same text (default: drawn, and told)")
      ->type_name("N");
  sub.add_option("--stop", flags.stop,
                 "End the answer before this text; may be given several times")
      ->type_name("TEXT")
      ->type_size(1)
      ->allow_extra_args(false);
  sub.add_flag("--ignore-eos", flags.ignore_eos, "Go on after the token that ends an answer");
}

GenerationOptions generation_options(const GenerationFlags& flags, const Engine& engine) {
  const RecommendedSampling& model = engine.recommended();
  GenerationOptions options;
  SamplingOptions& s = options.sampling;
  s.temp = first_of(flags.temperature, model.temperature, s.temp);
  s.top_k = first_of(flags.top_k, model.top_k, s.top_k);
  s.top_p = first_of(flags.top_p, model.top_p, s.top_p);
  s.min_p = first_of(flags.min_p, model.min_p, s.min_p);
  s.repetition_penalty = first_of(flags.repeat_penalty, model.repeat_penalty, s.repetition_penalty);
  s.presence_penalty = flags.presence_penalty;
  s.frequency_penalty = flags.frequency_penalty;
  s.seed = flags.seed_given ? flags.seed : draw_seed();
  options.n_predict = flags.n_predict;
  options.stop = flags.stop;
  options.ignore_eos = flags.ignore_eos;
  return options;
}

std::string describe(const GenerationStats& stats, const Engine& engine) {
  const int64_t bytes_per_token = engine.model().cache().shape().bytes_per_token();
  std::string text = fmt::format("prompt {} tokens", stats.n_prompt);
  if (stats.n_reused > 0) text += fmt::format(" ({} from the cache)", stats.n_reused);
  if (stats.n_prefill > 0) text += fmt::format(" at {:.1f} tokens/s", stats.prefill_rate());
  text += fmt::format(" · answer {} tokens", stats.n_generated);
  if (stats.n_decode > 0) text += fmt::format(" at {:.1f} tokens/s", stats.decode_rate());
  text += fmt::format(" · cache {} tokens, {}", stats.cache_bytes / bytes_per_token,
                      human_bytes(stats.cache_bytes));
  return text;
}

}  // namespace fathom
