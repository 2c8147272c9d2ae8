// fathom run: continues a prompt, or answers it as one message (--chat), and streams the text.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/answer_printer.h"
#include "cli/command.h"
#include "cli/generation_flags.h"
#include "cli/stream_answer.h"
#include "cli/terminal.h"
#include "engine/conversation.h"

namespace fathom {
namespace {

using nlohmann::ordered_json;

struct RunFlags {
  GenerationFlags generation;
  std::string prompt, file, system, chat_template;
  CLI::Option *prompt_option = nullptr, *file_option = nullptr;
  bool chat = false, json = false;
};

Result<std::string> read_prompt(const RunFlags& flags) {
  if (flags.prompt_option->count() > 0) return flags.prompt;
  const bool from_stdin = flags.file == "-" || (flags.file.empty() && !is_terminal(stdin));
  if (!from_stdin && flags.file.empty()) {
    return Status::error(
        "a prompt wanted (-p TEXT, -f FILE, or -f - for standard input), none found");
  }
  if (!from_stdin) return read_file(flags.file);
  return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
}

void print_event(const ordered_json& event) {
  fmt::print("{}\n", event.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  std::fflush(stdout);
}

ordered_json start_event(const Engine& engine, const Sequence& sequence,
                         const GenerationOptions& o) {
  const SamplingOptions& s = o.sampling;
  return {{"event", "start"},        {"model", engine.where()},
          {"seed", s.seed},          {"n_prompt", sequence.n_prompt()},
          {"n_ctx", engine.n_ctx()}, {"temperature", s.temp},
          {"top_k", s.top_k},        {"top_p", s.top_p},
          {"min_p", s.min_p}};
}

ordered_json end_event(const Sequence& sequence, const GenerationStats& stats) {
  return {{"event", "end"},
          {"finish_reason", finish_reason_name(sequence.finish_reason())},
          {"stats",
           {{"n_prompt", stats.n_prompt},
            {"n_reused", stats.n_reused},
            {"n_generated", stats.n_generated},
            {"prompt_tokens_per_s", stats.prefill_rate()},
            {"generation_tokens_per_s", stats.decode_rate()},
            {"prefill_s", stats.prefill_s},
            {"decode_s", stats.decode_s},
            {"cache_bytes", stats.cache_bytes}}}};
}

ordered_json token_event(const TokenEvent& token) {
  return {{"event", "token"}, {"id", token.id}, {"text", token.text}, {"logprob", token.logprob}};
}

Result<int> run(const RunFlags& flags) {
  FATHOM_ASSIGN_OR_RETURN(const std::string prompt, read_prompt(flags));
  FATHOM_ASSIGN_OR_RETURN(const auto engine, open_engine(flags.generation.model));
  FATHOM_RETURN_IF_ERROR(engine->check_tokenizer());
  const GenerationOptions options = generation_options(flags.generation, *engine);

  Conversation::Options conversation_options;
  if (flags.chat) {
    FATHOM_ASSIGN_OR_RETURN(conversation_options.chat_template,
                            choose_chat_template(*engine, flags.chat_template));
    if (!conversation_options.chat_template) {
      return Status::error(fmt::format(
          "{}: a chat template wanted for --chat, none found (a base model: it continues text); "
          "--template names one",
          engine->where()));
    }
    conversation_options.system = flags.system;
  }
  Conversation conversation(*engine, conversation_options);
  FATHOM_RETURN_IF_ERROR(conversation.say(prompt, options));
  Sequence& sequence = conversation.sequence();

  catch_interrupt();
  AnswerPrinter printer(conversation.opens_thought());
  if (flags.json) {
    print_event(start_event(*engine, sequence, options));
  } else if (!flags.chat) {
    printer.echo_prompt(prompt);
  }
  FATHOM_ASSIGN_OR_RETURN(const GenerationStats stats,
                          stream_answer(*engine, sequence, [&](const TokenEvent& token) {
                            if (!flags.json) return printer.print(token.text);
                            if (token.id >= 0) print_event(token_event(token));
                          }));
  if (flags.json) {
    print_event(end_event(sequence, stats));
  } else {
    printer.finish();
    fmt::print(stderr, "{} · seed {}\n", describe(stats, *engine), options.sampling.seed);
  }
  return sequence.finish_reason() == FinishReason::kCancelled ? 1 : 0;
}

}  // namespace

std::function<int()> add_run(CLI::App& sub) {
  auto flags = std::make_shared<RunFlags>();
  flags->prompt_option = sub.add_option("-p,--prompt", flags->prompt, "The text to continue");
  flags->file_option =
      sub.add_option("-f,--file", flags->file, "A file that holds it; -: standard input")
          ->type_name("FILE");
  flags->prompt_option->excludes(flags->file_option);
  add_generation_flags(sub, flags->generation);
  sub.add_flag("--chat", flags->chat,
               "Put the prompt to the model as a user's message, in its chat template");
  sub.add_option("--system", flags->system, "With --chat: a system message before it");
  sub.add_option("--template", flags->chat_template,
                 "With --chat: the chat template by name, instead of the model's own")
      ->type_name("NAME");
  sub.add_flag("--json", flags->json,
               "One JSON object a line: start, a token each, end with figures");
  return [flags] {
    const auto result = run(*flags);
    return result.ok() ? result.value() : fail(result.status());
  };
}

}  // namespace fathom
