// What the columns of a query's result are, from the query and from the tables: names in words, and
// units. SUM(price) is in the unit of price, price * quantity too, 100.0 * a / b of two like
// amounts is a percentage, a count has no unit. Where the SQL does not tell, there is no unit: a
// missing unit is better than a wrong one.
#pragma once

#include <string_view>
#include <vector>

#include "analysis/people_value.h"
#include "toolbox/sql.h"

namespace fathom {

/// One for each column of `result`, the result of `sql` on `database`.
std::vector<ResultColumn> result_columns(const Database& database, std::string_view sql,
                                         const QueryResult& result);

/// "sum of price" for SUM(price), "total revenue" for total_revenue; other expressions as they are.
std::string column_words(std::string_view name);

}  // namespace fathom
