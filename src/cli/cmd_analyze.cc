// fathom analyze: questions about the user's own tables. The model writes SQL, SQLite computes.
#include <fmt/format.h>

#include <filesystem>

#include "analysis/analyst.h"
#include "analysis/engine_answerer.h"
#include "cli/analyze_session.h"
#include "cli/command.h"
#include "cli/generation_flags.h"
#include "cli/model_path.h"
#include "cli/terminal.h"

namespace fathom {
namespace {

constexpr const char* kAnswering =
    "fathom";  // the model that ships for questions, where it is there
constexpr int64_t kShortAnswerTokens = 768, kFullAnswerTokens = 8192;

struct AnalyzeFlags {
  GenerationFlags generation;
  std::vector<std::string> files, questions;
  std::string chat_template, prompt, header = "guess", delimiter, ragged = "refuse", svg, html;
  int64_t max_rows = 20;
  double watts = 0;
  int n_turns = 3, n_samples = 0;
  bool json = false, no_think = false;
};

Result<TableFileOptions> table_options(const AnalyzeFlags& flags) {
  TableFileOptions options;
  using Header = TableFileOptions::Header;
  options.header = flags.header == "yes"  ? Header::kYes
                   : flags.header == "no" ? Header::kNo
                                          : Header::kGuess;
  if (flags.ragged == "pad") options.ragged = TableFileOptions::Ragged::kPad;
  if (flags.delimiter == "tab" || flags.delimiter == "\\t") {
    options.delimiter = '\t';
  } else if (flags.delimiter.size() == 1) {
    options.delimiter = flags.delimiter[0];
  } else if (!flags.delimiter.empty()) {
    return Status::error(
        fmt::format("--delimiter: one character or \"tab\" wanted, {} found", flags.delimiter));
  }
  return options;
}

Result<AnalystOptions> analyst_options(const AnalyzeFlags& flags, const Engine& engine) {
  FATHOM_ASSIGN_OR_RETURN(AnalystOptions options, analyst_options_of(engine.where()));
  if (flags.prompt == "short") options.prompt = TaskPrompt::kShort;
  if (flags.prompt == "full") options.prompt = TaskPrompt::kFull;
  if (flags.n_samples > 0) options.n_samples = flags.n_samples;
  options.n_turns = flags.n_turns;
  return options;
}

/// Greedy unless the user or the model's own file says otherwise: a query is right or wrong.
GenerationOptions analyze_generation(const AnalyzeFlags& flags, const Engine& engine,
                                     TaskPrompt prompt) {
  GenerationOptions options = generation_options(flags.generation, engine);
  if (flags.generation.temperature < 0 && engine.recommended().temperature < 0)
    options.sampling.temp = 0;
  // Of several samples the others are drawn: without --seed the same ones each time.
  if (!flags.generation.seed_given && options.sampling.temp == 0) options.sampling.seed = 0;
  if (options.n_predict < 0)
    options.n_predict = prompt == TaskPrompt::kShort ? kShortAnswerTokens : kFullAnswerTokens;
  return options;
}

void print_notes(const std::vector<std::string>& notes) {
  const bool color = shows_color(stderr);
  for (const std::string& n : notes)
    fmt::print(stderr, "{}{}{}\n", color ? style::kDim : "", printable(n),
               color ? style::kPlain : "");
}

Result<int> analyze(const AnalyzeFlags& flags) {
  FATHOM_ASSIGN_OR_RETURN(const TableFileOptions file_options, table_options(flags));
  ModelFlags model = flags.generation.model;
  if (model.model.empty() && find_model(kAnswering).ok()) model.model = kAnswering;
  FATHOM_ASSIGN_OR_RETURN(const auto engine, open_engine(model));
  FATHOM_ASSIGN_OR_RETURN(const AnalystOptions how, analyst_options(flags, *engine));
  FATHOM_ASSIGN_OR_RETURN(
      const auto answerer,
      EngineAnswerer::create(
          *engine, {flags.chat_template, analyze_generation(flags, *engine, how.prompt)}));
  FATHOM_ASSIGN_OR_RETURN(const auto analyst, Analyst::create(*answerer, how));
  for (const std::string& file : flags.files) {
    FATHOM_ASSIGN_OR_RETURN(const LoadedFile loaded, analyst->load(file, file_options));
    print_notes(loaded.notes);
  }
  AnalyzeSessionOptions options;
  options.printer = {.think = !flags.no_think, .max_rows = static_cast<size_t>(flags.max_rows)};
  options.json = flags.json;
  options.svg = flags.svg;
  options.html = flags.html;
  options.tables = flags.files;
  AnalyzeSession session(*analyst, *engine, flags.watts, std::move(options));
  return flags.questions.empty() ? session.converse() : session.answer_all(flags.questions);
}

void add_table_flags(CLI::App& sub, AnalyzeFlags& flags) {
  add_choice(sub, "--header", flags.header, {"guess", "yes", "no"},
             "Whether the first row names the columns (default: guess)");
  sub.add_option("--delimiter", flags.delimiter,
                 "What stands between fields: one character, or tab (default: found out)")
      ->type_name("CHAR");
  add_choice(sub, "--ragged", flags.ragged, {"refuse", "pad"},
             "Rows with too few or too many fields: an error, or filled up (default: refuse)");
}

void add_output_flags(CLI::App& sub, AnalyzeFlags& flags) {
  sub.add_flag("--no-think", flags.no_think, "Do not show what the model thinks");
  add_number(sub, "--max-rows", flags.max_rows, int64_t{1}, int64_t{1} << 30, "N",
             "Rows of a result that are printed; --json has all (default: 20)");
  sub.add_option("--svg", flags.svg, "Write the chart to this file, further ones to FILE-2, …")
      ->type_name("FILE");
  sub.add_option("--html", flags.html,
                 "Write answers, charts and tables to this file: one page, which loads nothing")
      ->type_name("FILE");
  sub.add_flag("--json", flags.json, "One JSON object a question, one a line");
}

void add_answer_flags(CLI::App& sub, AnalyzeFlags& flags) {
  GenerationFlags& g = flags.generation;
  add_model_flags(sub, g.model);
  sub.get_option("--model")->description(
      fmt::format("{} (default: {}, if it is there)", kModelHelp, kAnswering));
  add_number(sub, "--temp,--temperature", g.temperature, 0.0, 1e6, "T",
             "Divides the logits; 0: always the likeliest token (default: the model's, or 0)");
  sub.add_option_function<uint64_t>(
         "-s,--seed",
         [&g](uint64_t seed) {
           g.seed = seed;
           g.seed_given = true;
         },
         "The same seed gives the same answer where the temperature is not 0 (default: drawn)")
      ->type_name("N");
  add_number(sub, "-n,--n-predict", g.n_predict, int64_t{1}, int64_t{1} << 40, "N",
             "Most tokens that the model may write in a turn (default: 768, or 8192 with --prompt "
             "full)");
  add_number(sub, "-c,--ctx-size", g.model.n_ctx, int64_t{0}, int64_t{1} << 40, "N",
             "Most tokens of prompt and answer; 0: what the model was made for (default: 0)");
  add_number(sub, "--turns", flags.n_turns, 1, 20, "N",
             "Most tries of the model, which sees the error of the last one (default: 3)");
  add_number(
      sub, "--samples", flags.n_samples, 1, kMaxSamples, "N",
      "Answers of the model to each question; the one whose result most of them have is taken "
      "(default: as the model's fathom.json says, or 1)");
  add_choice(sub, "--prompt", flags.prompt, {"short", "full"},
             "How tables are put to the model: short for a model that was trained on it, full with "
             "instructions for others (default: as the model's fathom.json says, or full)");
  sub.add_option("--template", flags.chat_template,
                 "The chat template by name, instead of the model's own")
      ->type_name("NAME");
  add_number(sub, "--watts", flags.watts, 0.0, 1e6, "W",
             "The machine's draw, for the energy of an answer where it cannot be measured");
}

}  // namespace

std::function<int()> add_analyze(CLI::App& sub) {
  auto flags = std::make_shared<AnalyzeFlags>();
  sub.description(
      "Answers questions about tables. The model writes a SELECT, SQLite runs it read-only, and "
      "the\n"
      "answer is made of the result. Example:\n"
      "  fathom analyze sales.csv -q \"Which region sold most in 2024?\"\n"
      "Without -q, questions are read from the terminal, or from a pipe, one a line.");
  sub.add_option("files", flags->files, "Tables: CSV, TSV, JSON, JSON Lines, SQLite")
      ->required()
      ->type_name("FILE");
  sub.add_option("-q,--question", flags->questions,
                 "A question; may be given several times. Each stands by itself")
      ->type_name("TEXT")
      ->type_size(1)
      ->allow_extra_args(false);
  add_output_flags(sub, *flags);
  add_table_flags(sub, *flags);
  add_answer_flags(sub, *flags);
  return [flags] {
    const auto result = analyze(*flags);
    return result.ok() ? result.value() : fail(result.status());
  };
}

}  // namespace fathom
