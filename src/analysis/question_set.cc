// See question_set.h.
#include "analysis/question_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "toolbox/result_compare.h"

namespace fathom {
namespace {

Result<AskedQuestion> read_question(std::string_view line, const std::string& where) {
  const nlohmann::json j = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto wrong = [&](std::string_view key, std::string_view wanted) {
    return Status::error(fmt::format("{}: {}: {} wanted, not found", where, key, wanted));
  };
  if (!j.is_object())
    return Status::error(fmt::format("{}: a JSON object wanted, not found", where));
  const auto is_text = [&](const char* key) { return j.contains(key) && j[key].is_string(); };
  if (!is_text("table")) return wrong("table", "a file's name");
  if (!is_text("question")) return wrong("question", "text");
  if (!j.contains("sql") || !(j["sql"].is_string() || j["sql"].is_null()))
    return wrong("sql", "a query or null");
  AskedQuestion q;
  q.table = j["table"];
  q.question = j["question"];
  if (j["sql"].is_string()) q.right.push_back(j["sql"]);
  if (j.contains("also") && !j["also"].is_array()) return wrong("also", "a list of queries");
  for (const auto& also : j.value("also", nlohmann::json::array())) {
    if (!also.is_string() || q.right.empty()) return wrong("also", "queries beside sql");
    q.right.push_back(also);
  }
  if (j.contains("ordered") && !j["ordered"].is_boolean()) return wrong("ordered", "true or false");
  q.ordered = j.value("ordered", false);
  return q;
}

Result<bool> is_right(const AskedQuestion& q, const AnalysisAnswer& answer, Analyst& analyst) {
  if (!answer.ok() || answer.declined || q.should_decline())
    return answer.ok() && answer.declined && q.should_decline();
  for (const std::string& sql : q.right) {
    auto wanted = analyst.database().query(sql);
    if (!wanted.ok())
      return Status::error(fmt::format("{}: {}: {}", q.table, q.question, wanted.message()));
    if (same_result(answer.result, wanted.value(), {.ordered = q.ordered})) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<AskedQuestion>> read_question_set(const std::filesystem::path& path) {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  std::vector<AskedQuestion> questions;
  int64_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view row = std::string_view(text).substr(at, end - at);
    ++line;
    if (row.find_first_not_of(" \t\r") != row.npos) {
      FATHOM_ASSIGN_OR_RETURN(AskedQuestion q,
                              read_question(row, fmt::format("{}:{}", path.string(), line)));
      questions.push_back(std::move(q));
    }
    at = end + 1;
  }
  if (questions.empty())
    return Status::error(fmt::format("{}: questions wanted, none found", path.string()));
  return questions;
}

void QuestionScores::add(const QuestionVerdict& v) {
  ++n;
  n_right += v.right;
  const bool declined = v.answer.ok() && v.answer.declined;
  n_declined += declined;
  if (v.asked->should_decline()) {
    ++n_should_decline;
    n_rightly_declined += declined;
  } else {
    ++n_answerable;
    n_answerable_right += v.right;
  }
  n_tokens += v.answer.n_tokens;
  seconds += v.answer.seconds;
}

Result<QuestionScores> ask_question_set(
    const std::filesystem::path& folder, const std::vector<AskedQuestion>& questions,
    const std::function<Result<std::unique_ptr<Analyst>>()>& make_analyst,
    const std::function<bool(const QuestionVerdict&)>& told) {
  QuestionScores scores;
  std::map<std::string, std::unique_ptr<Analyst>> analysts;  // by table
  for (const AskedQuestion& q : questions) {
    std::unique_ptr<Analyst>& analyst = analysts[q.table];
    if (analyst == nullptr) {
      FATHOM_ASSIGN_OR_RETURN(analyst, make_analyst());
      FATHOM_RETURN_IF_ERROR(analyst->load(folder / q.table, {}).status());
    }
    QuestionVerdict verdict;
    verdict.asked = &q;
    FATHOM_ASSIGN_OR_RETURN(verdict.answer, analyst->ask(q.question));
    FATHOM_ASSIGN_OR_RETURN(verdict.right, is_right(q, verdict.answer, *analyst));
    scores.add(verdict);
    if (told && !told(verdict)) return Status::error("stopped");
  }
  return scores;
}

}  // namespace fathom
