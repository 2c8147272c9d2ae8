// fathom eval questions: how many of a file's questions about tables a model answers, put to it one
// by one as `fathom analyze` would.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "analysis/engine_answerer.h"
#include "analysis/question_set.h"
#include "cli/command.h"
#include "cli/eval_commands.h"
#include "cli/model_flags.h"
#include "cli/progress.h"
#include "rl/evaluate.h"

namespace fathom {
namespace {

using OrderedJson = nlohmann::ordered_json;

struct EvalQuestionsArguments {
  ModelFlags model;
  std::string set, prompt, answers;
  int n_turns = 3, n_samples = 0;
  int64_t max_answer_tokens = 256;
  bool json = false;
};

std::string share_line(const char* what, const ShareOf& s) {
  if (s.n == 0) return fmt::format("{:<22} -\n", what);
  return fmt::format("{:<22} {:>5.1f} % ({:.1f} to {:.1f}), {} of {}\n", what, 100 * s.share(),
                     100 * s.low(), 100 * s.high(), s.n_hits, s.n);
}

void print_scores(const QuestionScores& s, bool json) {
  const ShareOf right{s.n_right, s.n}, answered{s.n_answerable_right, s.n_answerable},
      declined{s.n_rightly_declined, s.n_should_decline},
      precision{s.n_rightly_declined, s.n_declined};
  const double tokens = static_cast<double>(s.n_tokens) / static_cast<double>(s.n);
  const double seconds = s.seconds / static_cast<double>(s.n);
  if (json) {
    fmt::print("{}\n", OrderedJson({{"right", eval_share_json(right)},
                                    {"answered", eval_share_json(answered)},
                                    {"decline_recall", eval_share_json(declined)},
                                    {"decline_precision", eval_share_json(precision)},
                                    {"tokens_a_question", tokens},
                                    {"seconds_a_question", seconds}})
                           .dump());
    return;
  }
  fmt::print("{}{}{}{}{:.0f} tokens and {:.2f} s a question; 95% intervals (Wilson).\n",
             share_line("right", right), share_line("answered right", answered),
             share_line("declined of these", declined), share_line("right to decline", precision),
             tokens, seconds);
}

OrderedJson verdict_json(const QuestionVerdict& v) {
  return {{"table", v.asked->table},
          {"question", v.asked->question},
          {"right", v.right},
          {"declined", v.answer.declined},
          {"sql", v.answer.sql},
          {"missing", v.answer.missing},
          {"answer", v.answer.answer},
          {"error", v.answer.error},
          {"wanted", v.asked->right},
          {"turns", v.answer.turns},
          {"samples", v.answer.n_samples},
          {"agreeing", v.answer.n_agreeing}};
}

Result<QuestionScores> eval_questions(const EvalQuestionsArguments& args) {
  FATHOM_ASSIGN_OR_RETURN(const auto questions, read_question_set(args.set));
  FATHOM_ASSIGN_OR_RETURN(const auto engine, open_engine(args.model));
  FATHOM_ASSIGN_OR_RETURN(AnalystOptions how, analyst_options_of(engine->where()));
  if (!args.prompt.empty())
    how.prompt = args.prompt == "short" ? TaskPrompt::kShort : TaskPrompt::kFull;
  if (args.n_samples > 0) how.n_samples = args.n_samples;
  how.n_turns = args.n_turns;
  GenerationOptions generation;
  generation.sampling.temp = 0;
  generation.n_predict = args.max_answer_tokens;
  FATHOM_ASSIGN_OR_RETURN(const auto answerer, EngineAnswerer::create(*engine, {{}, generation}));
  std::ofstream out;
  if (!args.answers.empty()) {
    out.open(args.answers);
    if (!out) return Status::error(args.answers + ": cannot write");
  }
  Progress progress("asking", "questions");
  int64_t done = 0;
  return ask_question_set(
      std::filesystem::path(args.set).parent_path(), questions,
      [&] { return Analyst::create(*answerer, how); },
      [&](const QuestionVerdict& v) {
        progress.update(++done, static_cast<int64_t>(questions.size()));
        if (out.is_open())
          out << verdict_json(v).dump(-1, ' ', false, OrderedJson::error_handler_t::replace)
              << "\n";
        return true;
      });
}

}  // namespace

std::function<int()> add_eval_questions(CLI::App& sub) {
  auto a = std::make_shared<EvalQuestionsArguments>();
  sub.add_option("SET", a->set, "Questions, JSON Lines; the tables they name lie beside it")
      ->required();
  add_model_flags(sub, a->model);
  add_choice(sub, "--prompt", a->prompt, {"short", "full"},
             "How tables are put to the model (default: as its directory says)");
  sub.add_option("--turns", a->n_turns, "Most attempts at a question (3)")
      ->check(CLI::Range(1, 20));
  sub.add_option("--samples", a->n_samples,
                 "Answers to each question, of which most decide (default: as its directory says)")
      ->check(CLI::Range(1, kMaxSamples));
  sub.add_option("--max-answer-tokens", a->max_answer_tokens, "Most tokens of an attempt (256)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20));
  sub.add_option("--answers", a->answers, "Write each answer here, one JSON object a line");
  sub.add_flag("--json", a->json, "JSON instead of text");
  return [a] {
    const auto scores = eval_questions(*a);
    if (!scores.ok()) return fail(scores.status());
    print_scores(scores.value(), a->json);
    return 0;
  };
}

}  // namespace fathom
