// fathom run: continues a prompt, or answers it as one message (--chat), and streams the text.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <iterator>

#include "base/file.h"
#include "cli/answer_events.h"
#include "cli/answer_printer.h"
#include "cli/command.h"
#include "cli/generation_flags.h"
#include "cli/stream_answer.h"
#include "cli/terminal.h"
#include "engine/conversation.h"

namespace fathom {
namespace {

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

  catch_interrupt(/*once=*/true);
  AnswerPrinter printer(conversation.opens_thought());
  if (flags.json) {
    print_start_event(*engine, sequence, options.sampling);
  } else if (!flags.chat) {
    printer.echo_prompt(prompt);
  }
  FATHOM_ASSIGN_OR_RETURN(const GenerationStats stats,
                          stream_answer(*engine, sequence, [&](const TokenEvent& token) {
                            flags.json ? print_token_event(token) : printer.print(token.text);
                          }));
  if (flags.json) {
    print_end_event(sequence, stats);
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
