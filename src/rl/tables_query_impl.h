// What a question of the `tables` environment asks for: conditions, figures, groups, order, drawn
// for a schema, and the plan (toolbox/table_plan.h) that answers it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rl/environment.h"
#include "rl/tables_schema_impl.h"
#include "toolbox/table_task.h"

namespace fathom {

enum class QueryShape {
  kCount,
  kAgg,
  kLatest,
  kEarliest,
  kCountDistinct,
  kDistinct,
  kList,
  kListTwo,
  kLookup,
  kSorted,
  kTopRow,
  kTopKRow,
  kGroup,
  kTopGroup,
  kTopKGroup,
  kBucket,
  kTopBucket,
  kHaving,
  kShare,
  kShareSum,
  kGroupShare,
  kDiff,
  kGrowth,
  kGrowthPercent,
  kGrowthGroup,
  kTwoAggs,
  kTwoAggsGroup,
};
/// As in data/tables_phrases.txt: "count", "top_group".
std::string_view shape_name(QueryShape shape);

struct ColumnRef {
  size_t table = 0, column = 0;
  auto operator<=>(const ColumnRef&) const = default;
};

struct QueryFigure {
  std::string function = "count";  // count, sum, avg, min, max
  std::optional<ColumnRef> column = {};
};

struct TableQuery {
  QueryShape shape = QueryShape::kCount;
  size_t base = 0;  // the table whose rows are spoken of
  std::vector<TableFilter> filters = {};
  QueryFigure figure = {}, second = {};
  std::optional<ColumnRef> group = {}, name = {}, measure = {}, date = {};
  std::string bucket = {};  // "year", "month"
  bool ordered = false, descending = false;
  bool by_group = false;  // the order is that of the group's names
  int limit = 0;
  FilterOp having = FilterOp::kGreater;
  double having_value = 0;
  std::optional<TableFilter> part = {};  // of a share
  std::string a = {}, z = {};            // of a difference; years of a growth: from a to z
  bool joined = false;
};

/// Error: this schema has not the columns, or chance did not find them; draw again.
/// `wanted`: a column that the query shall use.
Result<TableQuery> sample_query(Draw& draw, const TableSchema& schema, int difficulty, Split split,
                                std::optional<ColumnRef> wanted = std::nullopt);

/// Whether this composition of operators is kept out of training.
bool is_held_out_composition(const TableQuery& query);

/// `why` gives the question's words for each column. Columns and filters come in the order of these
/// words, so that a model reads the question once from front to back.
TablePlan plan_of_query(const TableSchema& schema, const TableQuery& query,
                        const std::map<ColumnRef, std::string>& why, std::string_view question);
/// Into the order of their words in the question; those that do not stand there come last.
void sort_by_question(std::vector<PlannedColumn>& columns, std::string_view question);
/// The SQL of the plan.
std::string query_sql(const TableSchema& schema, const TablePlan& plan);

/// Conditions that rows should meet now and then: the filters, and what the figures compare.
std::vector<TableFilter> row_filters(const TableQuery& query);

/// A number as SQL and plan write it: 12.5, 250.
std::string plain_number(double x);

const SchemaColumn& column_of(const TableSchema& schema, const ColumnRef& ref);

}  // namespace fathom
