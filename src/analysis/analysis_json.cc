// See analysis_json.h.
#include "analysis/analysis_json.h"

#include <nlohmann/json.hpp>

namespace fathom {
namespace {

using nlohmann::ordered_json;

ordered_json json_value(const SqlValue& v) {
  if (const auto* integer = std::get_if<int64_t>(&v)) return *integer;
  if (const auto* real = std::get_if<double>(&v)) return *real;
  if (const auto* text = std::get_if<std::string>(&v)) return *text;
  return nullptr;
}

ordered_json text_or_null(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

}  // namespace

ordered_json analysis_json(const AnalysisAnswer& answer) {
  ordered_json rows = ordered_json::array();
  for (const auto& row : answer.result.rows) {
    ordered_json& cells = rows.emplace_back(ordered_json::array());
    for (const SqlValue& v : row) cells.push_back(json_value(v));
  }
  return {{"question", answer.question},
          {"declined", answer.declined},
          {"sql", text_or_null(answer.sql)},
          {"columns", answer.result.columns},
          {"rows", std::move(rows)},
          {"truncated", answer.result.truncated},
          {"answer", text_or_null(answer.answer)},
          {"missing", text_or_null(answer.missing)},
          {"error", text_or_null(answer.error)},
          {"unused", answer.unused},
          {"tokens", answer.n_tokens},
          {"prompt_tokens", answer.n_prompt},
          {"turns", answer.turns},
          {"samples", answer.n_samples},
          {"agreeing", answer.n_agreeing},
          {"seconds", answer.seconds}};
}

}  // namespace fathom
