// A result as an aligned table of text.
#pragma once

#include <string>
#include <vector>

#include "analysis/people_value.h"
#include "toolbox/sql.h"

namespace fathom {

struct ResultTableOptions {
  size_t width = 80;     // of the terminal; wider text is cut, and columns that do not fit counted
  size_t max_rows = 20;  // the rest is counted
  size_t max_cell_width = 60;
};

/// Names, a rule, and a line a row; numbers to the right, as people read them; at the end what is
/// not shown. Every line ends in a newline, and none holds a control character of a cell.
std::string result_table(const std::vector<ResultColumn>& columns, const QueryResult& result,
                         const ResultTableOptions& options = {});

}  // namespace fathom
