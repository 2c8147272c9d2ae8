// fathom chat: talks with a model at a terminal, or over a pipe a line at a time. A base model,
// which has no chat template, is not made to answer: it continues each text that the user begins.
#include <fmt/format.h>

#include <optional>

#include "base/file.h"
#include "cli/answer_events.h"
#include "cli/answer_printer.h"
#include "cli/command.h"
#include "cli/generation_flags.h"
#include "cli/line_editor.h"
#include "cli/stream_answer.h"
#include "cli/terminal.h"
#include "engine/conversation.h"

namespace fathom {
namespace {

// A base model seldom ends a text by itself; this many tokens fill about half a screen, and an
// empty line goes on.
constexpr int64_t kBaseModelTokens = 256;

struct ChatFlags {
  GenerationFlags generation;
  std::string system, chat_template;
  bool think = false, no_think = false, json = false;
};

// What a session has seen so far, for /stats.
struct SessionTotals {
  int64_t n_answers = 0, n_prompt = 0, n_reused = 0, n_generated = 0;
  double prefill_s = 0, decode_s = 0;
  void add(const GenerationStats& s) {
    ++n_answers;
    n_prompt += s.n_prompt;
    n_reused += s.n_reused;
    n_generated += s.n_generated;
    prefill_s += s.prefill_s;
    decode_s += s.decode_s;
  }
};

constexpr const char* kHelp =
    "/reset      forget what was said\n"
    "/save FILE  write the conversation as JSON\n"
    "/load FILE  take up a saved conversation\n"
    "/stats      tokens, times and memory so far\n"
    "/help       this list\n"
    "/exit       leave (so does Ctrl-D)\n"
    "Ctrl-C stops an answer. A line that ends in \\ goes on; a pasted text is one message.\n";

class ChatSession {
 public:
  ChatSession(const ChatFlags& flags, Engine& engine, Conversation::Options options)
      : engine_(engine),
        conversation_(engine, std::move(options)),
        options_(generation_options(flags.generation, engine)),
        editor_(chat_history_file()),
        json_(flags.json) {
    if (conversation_.completes_text() && options_.n_predict < 0)
      options_.n_predict = kBaseModelTokens;
  }

  int run() {
    catch_interrupt(/*once=*/false);
    welcome();
    for (std::string message; !left_;) {
      const LineEditor::Outcome outcome = editor_.read(message);
      if (outcome == LineEditor::Outcome::kEnd) break;
      if (outcome == LineEditor::Outcome::kInterrupted) {
        note("Ctrl-D or /exit leaves\n");
        continue;
      }
      report(take(message));
    }
    if (is_terminal(stdin) && !left_) std::fputc('\n', stdout);
    return failed_ && !is_terminal(stdin) ? 1 : 0;
  }

 private:
  Status take(const std::string& message) {
    if (is_command(message)) return command(message);
    const bool blank = message.find_first_not_of(" \t\n") == std::string::npos;
    if (!blank) return answer(message);
    if (!conversation_.completes_text() || conversation_.messages().empty()) return {};
    if (!ended_) return answer("");
    note("the model ended this text; type the beginning of another\n");
    return {};
  }

  // "/usr/bin is a directory" is a message; "/statz" is a command misspelt.
  static bool is_command(const std::string& message) {
    if (message.empty() || message[0] != '/') return false;
    const size_t end = message.find_first_not_of("abcdefghijklmnopqrstuvwxyz", 1);
    return end == std::string::npos || message[end] == ' ';
  }

  Status command(const std::string& message) {
    const size_t space = message.find(' ');
    const std::string name = message.substr(0, space);
    const std::string file = space == std::string::npos ? "" : message.substr(space + 1);
    if (name == "/save" || name == "/load") {
      if (file.empty())
        return Status::error(fmt::format("{}: a file's name wanted, none found", name));
      return name == "/save" ? save(file) : load(file);
    }
    if (name == "/reset") return reset();
    if (name == "/stats") return stats();
    if (name == "/exit" || name == "/quit") {
      left_ = true;
      return {};
    }
    if (name != "/help")
      return Status::error(fmt::format("{}: no such command; /help lists them", name));
    note(kHelp);
    return {};
  }

  Status answer(const std::string& message) {
    clear_interrupt();
    FATHOM_RETURN_IF_ERROR(conversation_.say(message, options_));
    std::string text;
    auto stats = json_ ? stream_events(text) : stream_text(text);
    clear_interrupt();
    conversation_.answered(text);
    ended_ = conversation_.sequence().finish_reason() == FinishReason::kEos;
    if (!stats.ok()) return stats.status();
    totals_.add(stats.value());
    return {};
  }

  Result<GenerationStats> stream_text(std::string& text) {
    AnswerPrinter printer(conversation_.opens_thought());
    auto stats = stream_answer(engine_, conversation_.sequence(), [&](const TokenEvent& token) {
      text += token.text;
      printer.print(token.text);
    });
    printer.finish();
    if (stats.ok()) note(describe(stats.value(), engine_) + "\n");
    return stats;
  }

  Result<GenerationStats> stream_events(std::string& text) {
    Sequence& sequence = conversation_.sequence();
    print_start_event(engine_, sequence, options_.sampling);
    auto stats = stream_answer(engine_, sequence, [&](const TokenEvent& token) {
      text += token.text;
      print_token_event(token);
    });
    if (stats.ok()) print_end_event(sequence, stats.value());
    return stats;
  }

  Status reset() {
    conversation_.reset();
    note("forgotten\n");
    return {};
  }

  Status save(const std::string& file) {
    FATHOM_RETURN_IF_ERROR(write_file_atomic(file, conversation_.save()));
    note(fmt::format("saved to {}\n", file));
    return {};
  }

  Status load(const std::string& file) {
    FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(file));
    FATHOM_RETURN_IF_ERROR(conversation_.load(text, file));
    ended_ = false;
    note(fmt::format("loaded {}\n", file));
    return {};
  }

  Status stats() {
    const LatentCache& cache = engine_.model().cache();
    const int64_t n_cached = conversation_.sequence().cache().length();
    note(fmt::format(
        "answers {} · prompt tokens {} ({} from the cache) in {:.1f} s · answer tokens {} in "
        "{:.1f} s\n"
        "context {} of {} tokens · cache {} of entries, {} of pages, {} a token\n"
        "temperature {} · top-k {} · top-p {} · min-p {} · seed {}\n",
        totals_.n_answers, totals_.n_prompt, totals_.n_reused, totals_.prefill_s,
        totals_.n_generated, totals_.decode_s, n_cached, engine_.n_ctx(),
        human_bytes(n_cached * cache.shape().bytes_per_token()),
        human_bytes(cache.bytes_allocated()), human_bytes(cache.shape().bytes_per_token()),
        options_.sampling.temp, options_.sampling.top_k, options_.sampling.top_p,
        options_.sampling.min_p, options_.sampling.seed));
    return {};
  }

  void welcome() {
    if (!is_terminal(stdin)) return;
    if (conversation_.completes_text()) {
      note(fmt::format(
          "{} is a base model: it continues text. Type the beginning of one; an empty line "
          "goes on with the last.\n",
          engine_.where()));
    } else {
      note(fmt::format("{}\n", engine_.where()));
    }
    note("/help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves.\n");
  }

  // What fathom itself says goes to stderr, dimmed, so that a pipe carries answers only.
  void note(std::string_view text) {
    const bool color = shows_color(stderr);
    fmt::print(stderr, "{}{}{}", color ? style::kDim : "", text, color ? style::kPlain : "");
  }

  void report(const Status& status) {
    if (status.ok()) return;
    failed_ = true;
    fail(status);
  }

  Engine& engine_;
  Conversation conversation_;
  GenerationOptions options_;
  LineEditor editor_;
  SessionTotals totals_;
  bool json_, ended_ = false, left_ = false, failed_ = false;
};

Result<int> chat(const ChatFlags& flags) {
  FATHOM_ASSIGN_OR_RETURN(const auto engine, open_engine(flags.generation.model));
  Conversation::Options options;
  FATHOM_ASSIGN_OR_RETURN(options.chat_template,
                          choose_chat_template(*engine, flags.chat_template));
  options.system = flags.system;
  if (flags.think || flags.no_think) options.thinking = flags.think;
  if (!options.chat_template && !flags.system.empty()) {
    return Status::error(fmt::format(
        "{}: a chat template wanted for --system, none found (a base model: it continues text); "
        "--template names one",
        engine->where()));
  }
  return ChatSession(flags, *engine, std::move(options)).run();
}

}  // namespace

std::function<int()> add_chat(CLI::App& sub) {
  auto flags = std::make_shared<ChatFlags>();
  add_generation_flags(sub, flags->generation);
  sub.add_option("--system", flags->system, "A system message before the conversation");
  sub.add_option("--template", flags->chat_template,
                 "The chat template by name, instead of the model's own")
      ->type_name("NAME");
  auto* think = sub.add_flag("--think", flags->think,
                             "Let the model think first, where its template has that switch");
  sub.add_flag("--no-think", flags->no_think, "Let it answer at once")->excludes(think);
  sub.add_flag("--json", flags->json,
               "Answers as JSON objects, one a line: start, a token each, end with figures");
  return [flags] {
    const auto result = chat(*flags);
    return result.ok() ? result.value() : fail(result.status());
  };
}

}  // namespace fathom
