// Analyst: from a question about tables to an answer. The model sees the tables' schema and writes
// one SELECT, or what is missing; the query runs confined (toolbox/sql.h); an error or an empty
// result goes back to the model as a further turn. Answers are made of results, never of what the
// model says, and nothing that stands in a table or in a model's text can write, reach a file or
// run: it is text to the model and values to SQLite.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/answerer.h"
#include "analysis/people_value.h"
#include "base/status.h"
#include "toolbox/schema_text.h"
#include "toolbox/sql.h"
#include "toolbox/table_file.h"
#include "toolbox/table_task.h"

namespace fathom {

inline constexpr int kMaxSamples = 64;

struct AnalystOptions {
  TaskPrompt prompt = TaskPrompt::kFull;
  SchemaTextOptions schema = {};
  QueryLimits limits = {.max_seconds = 30};  // a person waits; a million rows take a second or two
  int n_turns = 3;  // most completions for one question, one after the other
  /// Completions of the first turn: the answer is the one whose result most of them have (Wang et
  /// al. 2022, self-consistency), each counted by answer_weight; of as much the first. 1: the
  /// model's likeliest answer alone.
  int n_samples = 1;
};

/// A turn of the model that led to no answer.
struct FailedTurn {
  std::string sql;  // empty: it wrote none
  std::string why;  // "SQL: no such column: regio", "no rows"
};

struct AnalysisAnswer {
  std::string question;
  bool declined = false;
  std::string missing;                     // what is missing, in the model's words, where declined
  std::string sql;                         // the query of the answer
  std::vector<ResultColumn> columns = {};  // of the result
  QueryResult result = {};
  std::string answer;  // in words; of a declined question, that it cannot be answered and why
  std::string error;   // why there is no answer; else empty
  /// Values and numbers that the question names and the query leaves out, as SQL writes them (of
  /// the short prompt alone).
  std::vector<std::string> unused = {};
  bool stopped = false;  // on_piece ended it
  std::vector<FailedTurn> failed = {};
  int turns = 0;
  int n_samples = 1, n_agreeing = 1;      // completions of the first turn; those with its result
  double seconds = 0;                     // from the question to the answer
  int64_t n_prompt = 0, n_tokens = 0;     // of all turns: read (without those reused), written
  int64_t n_computed = 0, n_decoded = 0;  // as Completion counts them
  double prefill_s = 0, decode_s = 0;

  bool ok() const { return error.empty(); }
};

/// What a user may watch; each may be empty.
struct AnalysisEvents {
  Answerer::OnPiece on_piece = {};                        // false ends the answer
  std::function<void(const FailedTurn&)> on_failed = {};  // another turn follows
};

/// Not thread-safe. Requires: answerer outlives it.
class Analyst {
 public:
  static Result<std::unique_ptr<Analyst>> create(Answerer& answerer, AnalystOptions options);

  /// Adds a file's tables. Error: load_table_file's; the tables are then as before.
  Result<LoadedFile> load(const std::filesystem::path& path, const TableFileOptions& options);

  /// An answer that is not ok() is the model's failure; an error is the program's: no table, a
  /// prompt that does not fit, logits that are not finite.
  Result<AnalysisAnswer> ask(std::string_view question, const AnalysisEvents& events = {});

  /// The user's own SELECT, confined like the model's.
  Result<AnalysisAnswer> run_sql(std::string_view sql);

  Database& database() { return *database_; }
  const AnalystOptions& options() const { return options_; }

 private:
  Analyst(Answerer& answerer, AnalystOptions options, std::unique_ptr<Database> database)
      : answerer_(answerer), options_(std::move(options)), database_(std::move(database)) {}
  Result<std::string> fitting_prompt(std::string_view question, const TableLabels& labels);
  enum class Next { kAnswered, kAgain };
  Result<Completion> elected(std::span<const ChatMessage> messages, const TableLabels& labels,
                             const Answerer::OnPiece& on_piece, AnalysisAnswer& answer);
  /// written: its SQL in the tables' names.
  Next take(AnalysisAnswer& answer, const TableAnswer& written, std::string& feedback);

  Answerer& answerer_;
  AnalystOptions options_;
  std::unique_ptr<Database> database_;
};

}  // namespace fathom
