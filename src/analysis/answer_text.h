// The answer in words, made from the result by the program: every number in it is one that the
// engine computed, and the model writes none.
#pragma once

#include <string>
#include <vector>

#include "analysis/people_value.h"
#include "toolbox/sql.h"

namespace fathom {

/// One sentence: a value, a row, a list, a grouped result with its ends, or that nothing matches.
/// columns: result_columns() of the result.
std::string answer_text(const std::vector<ResultColumn>& columns, const QueryResult& result);

/// No row, or one row of nothing but NULL: a sum over no rows.
bool is_empty_result(const QueryResult& result);

}  // namespace fathom
