// An answer as JSON, and as a page.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "analysis/analyst.h"
#include "cost/cost_page.h"

namespace fathom {

/// {question, declined, sql, columns: names, rows: lists of values as the engine gave them,
/// truncated, answer, missing, error, tokens: written by the model, prompt_tokens, turns, seconds};
/// what there is not is null.
nlohmann::ordered_json analysis_json(const AnalysisAnswer& answer);

/// A section for each answer: in words, its chart, its query, its table (the first rows), what the
/// model thought not among it. The page loads nothing and has no script.
CostPage analysis_page(std::span<const AnalysisAnswer> answers, const std::string& about,
                       const std::string& made_by);

}  // namespace fathom
