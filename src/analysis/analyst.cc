// See analyst.h.
#include "analysis/analyst.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "analysis/answer_text.h"
#include "analysis/cell_text.h"
#include "analysis/result_columns.h"
#include "base/elect.h"
#include "toolbox/result_compare.h"

namespace fathom {
namespace {

constexpr size_t kMaxQuestionBytes = 4000, kFewestSchemaBytes = 400;

void add_figures(AnalysisAnswer& answer, const Completion& c) {
  answer.n_prompt += c.n_prompt - c.n_reused;
  answer.n_tokens += c.n_generated;
  answer.n_computed += c.n_computed;
  answer.n_decoded += c.n_decoded;
  answer.prefill_s += c.prefill_s;
  answer.decode_s += c.decode_s;
}

void set_result(AnalysisAnswer& answer, const Database& database, const std::string& sql,
                QueryResult result) {
  answer.sql = sql;
  answer.columns = result_columns(database, sql, result);
  answer.answer = answer_text(answer.columns, result);
  answer.result = std::move(result);
}

void decline(AnalysisAnswer& answer, const std::string& missing) {
  answer.declined = true;
  answer.missing = missing;
  answer.sql.clear();
  answer.unused.clear();
  answer.columns.clear();
  answer.result = {};
  answer.answer = fmt::format("The tables cannot answer this: {}.", cell_text(missing, 300));
}

/// Hands on what the model thinks with names in place of labels, a line at a time: half a line may
/// be half a label. All other pieces pass. A completion ends with finish().
class NamedThought {
 public:
  NamedThought(const TableLabels& labels, const Answerer::OnPiece& on_piece)
      : labels_(labels), on_piece_(on_piece) {}

  bool operator()(const TextPiece& piece) {
    if (!on_piece_) return true;
    if (piece.kind != TextKind::kThought) return pass(held_.size()) && on_piece_(piece);
    held_ += piece.text;
    const size_t end = held_.rfind('\n');
    return end == held_.npos ? on_piece_({TextKind::kThought, ""}) : pass(end + 1);
  }
  void finish() { pass(held_.size()); }

 private:
  bool pass(size_t n) {
    if (n == 0) return true;
    const std::string text = labels_.plan(std::string_view(held_).substr(0, n));
    held_.erase(0, n);
    return on_piece_({TextKind::kThought, text});
  }

  const TableLabels& labels_;
  const Answerer::OnPiece& on_piece_;
  std::string held_;
};

/// What a completion comes to, to be compared with what others do: that it declines, or a result.
struct Ballot {
  bool valid = false, declined = false;
  std::string sql, missing;
  double weight = 0;
  std::shared_ptr<const QueryResult> result;  // none where the query takes long

  bool is_same_text(const Ballot& o) const {
    return declined == o.declined && sql == o.sql && missing == o.missing;
  }
  bool agrees_with(const Ballot& o) const {
    if (!valid || !o.valid || declined != o.declined) return false;
    if (declined) return missing == o.missing;
    if (sql == o.sql) return true;
    return result && o.result && same_result(*result, *o.result);
  }
};

/// A query that takes longer than this is told by its text alone.
constexpr int64_t kBallotSteps = 20'000'000;

/// Not run yet: valid where it declines or has a query.
Ballot ballot_of(const TableAnswer& written, const TableLabels& labels) {
  Ballot b;
  b.declined = written.declined();
  b.missing = labels.missing(written.missing);
  b.weight = answer_weight(written, labels);
  if (!b.declined) b.sql = labels.sql(written.sql);
  b.valid = b.declined || !b.sql.empty();
  return b;
}

/// Runs each query once; none where all say the same, since a million rows take their time.
void run_ballots(Database& database, std::vector<Ballot>& ballots) {
  if (std::all_of(ballots.begin(), ballots.end(),
                  [&](const Ballot& b) { return b.is_same_text(ballots[0]); }))
    return;
  for (size_t i = 0; i < ballots.size(); ++i) {
    Ballot& b = ballots[i];
    if (!b.valid || b.declined) continue;
    const auto known = std::find_if(ballots.begin(), ballots.begin() + i,
                                    [&](const Ballot& o) { return o.sql == b.sql; });
    if (known != ballots.begin() + i) {
      b.valid = known->valid;
      b.result = known->result;
      continue;
    }
    auto result = database.query(b.sql, {.max_steps = kBallotSteps, .max_seconds = 1});
    if (result.ok()) {
      b.valid = !is_empty_result(result.value());
      b.result = std::make_shared<const QueryResult>(std::move(result).value());
    } else {
      b.valid = result.message().starts_with(kQueryStopped);
    }
  }
}

/// What a model said, without its thought: so it stands in the next turn's history.
std::string said(const std::string& completion) {
  const size_t end = completion.rfind("</think>");
  return end == completion.npos ? completion : completion.substr(end + 8);
}

}  // namespace

Result<std::unique_ptr<Analyst>> Analyst::create(Answerer& answerer, AnalystOptions options) {
  FATHOM_ASSIGN_OR_RETURN(auto database, Database::create());
  return std::unique_ptr<Analyst>(new Analyst(answerer, std::move(options), std::move(database)));
}

Result<LoadedFile> Analyst::load(const std::filesystem::path& path,
                                 const TableFileOptions& options) {
  return load_table_file(*database_, path, options);
}

/// The prompt with as much of the tables as leaves room for an answer.
Result<std::string> Analyst::fitting_prompt(std::string_view question, const TableLabels& labels) {
  if (database_->tables().empty()) return Status::error("a table wanted, none found");
  if (question.size() > kMaxQuestionBytes)
    return Status::error(fmt::format("a question of at most {} bytes wanted, {} found",
                                     kMaxQuestionBytes, question.size()));
  for (SchemaTextOptions schema = options_.schema;; schema.max_bytes /= 2) {
    FATHOM_ASSIGN_OR_RETURN(std::string prompt,
                            table_question(*database_, question, options_.prompt, labels, schema));
    const ChatMessage message{"user", prompt};
    FATHOM_ASSIGN_OR_RETURN(const bool fits, answerer_.fits({&message, 1}));
    if (fits || schema.max_bytes <= kFewestSchemaBytes) return prompt;
  }
}

/// What follows from a completion: the answer, or the user's message of the next turn.
Analyst::Next Analyst::take(AnalysisAnswer& answer, const TableAnswer& written,
                            std::string& feedback) {
  if (written.declined()) {
    decline(answer, written.missing);
    return Next::kAnswered;
  }
  // Prose around the query is no fault here; a query is taken where one is found.
  if (written.sql.empty()) {
    const std::string why = written.why.empty() ? "a SELECT wanted, none found" : written.why;
    answer.failed.push_back({"", why});
    feedback = table_feedback_error(why);
    return Next::kAgain;
  }
  auto result = database_->query(written.sql, options_.limits);
  if (!result.ok()) {
    answer.failed.push_back({written.sql, result.message()});
    feedback = table_feedback_error(result.message());
    return Next::kAgain;
  }
  const bool empty = is_empty_result(result.value());
  const bool before = !answer.sql.empty();  // an empty result: twice is an answer
  set_result(answer, *database_, written.sql, std::move(result).value());
  if (!empty || before) return Next::kAnswered;
  answer.failed.push_back({written.sql, "no rows"});
  feedback = table_feedback_empty();
  return Next::kAgain;
}

/// Of several completions the one whose result most of them have.
Result<Completion> Analyst::elected(std::span<const ChatMessage> messages,
                                    const TableLabels& labels, const Answerer::OnPiece& on_piece,
                                    AnalysisAnswer& answer) {
  FATHOM_ASSIGN_OR_RETURN(std::vector<Completion> all,
                          answerer_.complete_several(messages, options_.n_samples, on_piece));
  std::vector<Ballot> ballots;
  for (const Completion& c : all)
    ballots.push_back(c.end == Completion::End::kDone ? ballot_of(read_table_answer(c.text), labels)
                                                      : Ballot());
  run_ballots(*database_, ballots);
  const auto [best, n_agreeing] = elect(
      all.size(), [&](size_t i) { return ballots[i].weight; },
      [&](size_t i, size_t j) { return ballots[i].agrees_with(ballots[j]); });
  answer.n_samples = static_cast<int>(all.size());
  answer.n_agreeing = static_cast<int>(std::max<size_t>(n_agreeing, 1));
  for (size_t i = 0; i < all.size(); ++i)
    if (i != best) add_figures(answer, all[i]);
  for (const TextPiece& piece : all[best].pieces) on_piece(piece);
  return std::move(all[best]);
}

Result<AnalysisAnswer> Analyst::ask(std::string_view question, const AnalysisEvents& events) {
  const auto start = std::chrono::steady_clock::now();
  AnalysisAnswer answer;
  answer.question = question;
  const TableLabels labels = prompt_labels(*database_, question, options_.prompt, options_.schema);
  FATHOM_ASSIGN_OR_RETURN(std::string prompt, fitting_prompt(question, labels));
  std::vector<ChatMessage> messages = {{"user", std::move(prompt)}};
  NamedThought thought(labels, events.on_piece);
  const auto on_piece = [&](const TextPiece& p) {
    return options_.prompt == TaskPrompt::kShort ? thought(p)
                                                 : !events.on_piece || events.on_piece(p);
  };
  for (;;) {
    if (answer.turns > 0) {
      // The history may have grown out of the context; what came out so far is then the answer.
      FATHOM_ASSIGN_OR_RETURN(const bool fits, answerer_.fits(messages));
      if (!fits) break;
      if (events.on_failed) events.on_failed(answer.failed.back());
    }
    const bool elects = answer.turns == 0 && options_.n_samples > 1;
    FATHOM_ASSIGN_OR_RETURN(const Completion completion,
                            elects ? elected(messages, labels, on_piece, answer)
                                   : answerer_.complete(messages, on_piece));
    thought.finish();
    ++answer.turns;
    add_figures(answer, completion);
    if (completion.end == Completion::End::kStopped) {
      answer.stopped = true;
      answer.error = "stopped";
      break;
    }
    if (completion.end == Completion::End::kLength) {
      answer.failed.push_back({"", fmt::format("the model wrote {} tokens without coming to an end",
                                               completion.n_generated)});
      break;
    }
    std::string feedback;
    TableAnswer written = read_table_answer(completion.text);
    if (!written.sql.empty()) answer.unused = labels.unused(written.sql).literals;
    written.sql = labels.sql(written.sql);
    written.missing = labels.missing(written.missing);
    if (take(answer, written, feedback) == Next::kAnswered || answer.turns >= options_.n_turns)
      break;
    messages.push_back({"assistant", said(completion.text)});
    messages.push_back({"user", std::move(feedback)});
  }
  if (!answer.stopped && !answer.declined && answer.sql.empty())
    answer.error = fmt::format("no answer after {} turn{}: {}", answer.turns,
                               answer.turns == 1 ? "" : "s", answer.failed.back().why);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  answer.seconds = took.count();
  return answer;
}

Result<AnalysisAnswer> Analyst::run_sql(std::string_view sql) {
  FATHOM_ASSIGN_OR_RETURN(QueryResult result, database_->query(sql, options_.limits));
  AnalysisAnswer answer;
  answer.seconds = result.seconds;
  set_result(answer, *database_, std::string(sql), std::move(result));
  return answer;
}

}  // namespace fathom
