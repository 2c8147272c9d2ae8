// A set of questions about tables, each with the queries that count as right, put to an Analyst:
// how many it answers. The format is that of tests/hand/README.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "analysis/analyst.h"
#include "base/status.h"

namespace fathom {

struct AskedQuestion {
  std::string table;  // a file beside the set
  std::string question;
  std::vector<std::string> right;  // queries; empty: the table cannot answer it
  bool ordered = false;
  bool should_decline() const { return right.empty(); }
};

/// Reads JSON Lines. Errors: file, line, wanted, found.
Result<std::vector<AskedQuestion>> read_question_set(const std::filesystem::path& path);

struct QuestionVerdict {
  const AskedQuestion* asked = nullptr;
  AnalysisAnswer answer;
  bool right = false;  // the result is that of one of `right`; or it should be declined and was
};

struct QuestionScores {
  int64_t n = 0, n_right = 0;
  int64_t n_answerable = 0, n_answerable_right = 0;
  int64_t n_should_decline = 0, n_declined = 0, n_rightly_declined = 0;
  int64_t n_tokens = 0;
  double seconds = 0;
  void add(const QuestionVerdict& verdict);
};

/// Puts each question to an analyst that knows its table alone. make_analyst makes one without
/// tables. `told` (may be empty) hears of each verdict; false ends it. Error: a table or a right
/// query that does not work, or the model's own.
Result<QuestionScores> ask_question_set(
    const std::filesystem::path& folder, const std::vector<AskedQuestion>& questions,
    const std::function<Result<std::unique_ptr<Analyst>>()>& make_analyst,
    const std::function<bool(const QuestionVerdict&)>& told = {});

}  // namespace fathom
