// See tables_query_impl.h: the plan of a query.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "rl/tables_query_impl.h"

namespace fathom {
namespace {

using Op = FilterOp;
using Shape = QueryShape;

std::string_view comparison(Op op) {
  switch (op) {
    case Op::kGreater:
    case Op::kAboveAverage:
    case Op::kAfterYear:
    case Op::kAfterDate:
      return ">";
    case Op::kAtLeast:
    case Op::kSinceYear:
      return ">=";
    case Op::kLess:
    case Op::kBelowAverage:
    case Op::kBeforeYear:
    case Op::kBeforeDate:
      return "<";
    case Op::kAtMost:
      return "<=";
    case Op::kNotEqual:
      return "<>";
    default:
      return "=";
  }
}

std::string plan_literal(const SqlValue& v) {
  if (const auto* real = std::get_if<double>(&v)) return plain_number(*real);
  return sql_literal(v);
}

// Letter case aside; npos where they do not stand there.
size_t place_in(std::string_view question, std::string_view words) {
  return words.empty() ? question.npos : lower_text(question).find(lower_text(words));
}

class PlanMaker {
 public:
  PlanMaker(const TableSchema& schema, const TableQuery& q,
            const std::map<ColumnRef, std::string>& why, std::string_view question)
      : schema_(schema), q_(q), why_(why), question_(question) {}

  TablePlan make() {
    if (schema_.tables.size() == 2) plan_.table = table_identifier(q_.base);
    if (q_.joined) plan_.join = join();
    compute();
    std::vector<TableFilter> filters = q_.filters;
    std::stable_sort(filters.begin(), filters.end(), [&](const auto& a, const auto& b) {
      return place({a.table, a.column}) < place({b.table, b.column});
    });
    for (const TableFilter& f : filters) {
      for (std::string& c : conditions(f)) plan_.filters.push_back(std::move(c));
      take({f.table, f.column});
    }
    sort_by_question(plan_.columns, question_);
    order();
    if (q_.limit > 0) plan_.limit = std::to_string(q_.limit);
    plan_.check = plan_check(plan_);
    return std::move(plan_);
  }

 private:
  size_t place(const ColumnRef& r) const {
    const auto why = why_.find(r);
    return why == why_.end() ? question_.npos : place_in(question_, why->second);
  }

  std::string table_identifier(size_t t) const { return sql_identifier(schema_.tables[t].name); }

  std::string name(const ColumnRef& r) const {
    const std::string column = sql_identifier(column_of(schema_, r).name);
    if (!q_.joined || schema_.labelled) return column;
    return fmt::format("{}.{}", table_identifier(r.table), column);
  }

  // Into the plan's columns, once.
  std::string take(const ColumnRef& r) {
    const std::string n = name(r);
    const auto known = std::find_if(plan_.columns.begin(), plan_.columns.end(),
                                    [&](const PlannedColumn& c) { return c.name == n; });
    if (known != plan_.columns.end()) return n;
    const auto why = why_.find(r);
    plan_.columns.push_back({n, why == why_.end() ? "" : why->second});
    return n;
  }

  std::string join() const {
    const auto at = [&](size_t t, bool SchemaColumn::*flag) {
      const auto& columns = schema_.tables[t].columns;
      for (size_t c = 0; c < columns.size(); ++c)
        if (columns[c].*flag) return ColumnRef{t, c};
      FATHOM_CHECK(false);
    };
    return fmt::format("{} on {} = {}", table_identifier(1), name(at(0, &SchemaColumn::is_foreign)),
                       name(at(1, &SchemaColumn::is_id)));
  }

  std::vector<std::string> conditions(const TableFilter& f) const {
    const std::string n = name({f.table, f.column});
    const std::string_view c = comparison(f.op);
    const auto text = [](const SqlValue& v) { return std::get<std::string>(v); };
    switch (f.op) {
      case Op::kIn:
        return {fmt::format("{} IN ({}, {})", n, plan_literal(f.a), plan_literal(f.b))};
      case Op::kContains: {
        return {fmt::format("{} LIKE {}", n, sql_literal("%" + lower_text(text(f.a)) + "%"))};
      }
      case Op::kIsNull:
        return {n + " IS NULL"};
      case Op::kNotNull:
        return {n + " IS NOT NULL"};
      case Op::kBetween:
      case Op::kQuarter:
        return {fmt::format("{} BETWEEN {} AND {}", n, plan_literal(f.a), plan_literal(f.b))};
      case Op::kAboveAverage:
      case Op::kBelowAverage:
        return {fmt::format("{} {} (SELECT AVG({}) FROM {})", n, c, n, table_identifier(f.table))};
      case Op::kTrue:
        return {n + " = 1"};
      case Op::kFalse:
        return {n + " = 0"};
      case Op::kMonth:
        return {fmt::format("month of {} = {}", n, text(f.a))};
      case Op::kMonthOfYear:
        return {fmt::format("month number of {} = {}", n, text(f.a))};
      case Op::kYear:
      case Op::kSinceYear:
      case Op::kAfterYear:
      case Op::kBeforeYear:
        return {fmt::format("year of {} {} {}", n, c, text(f.a))};
      case Op::kYearRange:
        return {fmt::format("year of {} >= {}", n, text(f.a)),
                fmt::format("year of {} <= {}", n, text(f.b))};
      default:
        return {fmt::format("{} {} {}", n, c, plan_literal(f.a))};
    }
  }

  std::string figure(const QueryFigure& f) {
    if (!f.column.has_value()) return "count rows";
    return fmt::format("{} {}", f.function, take(*f.column));
  }

  void group() {
    if (!q_.bucket.empty())
      plan_.group = {fmt::format("{} of {}", q_.bucket, take(*q_.date))};
    else if (q_.group.has_value())
      plan_.group = {take(*q_.group)};
  }

  // One condition, also where the query has a range of years.
  std::string one_condition(const TableFilter& f) {
    take({f.table, f.column});
    return fmt::format("{}", fmt::join(conditions(f), " AND "));
  }

  void compute() {
    switch (q_.shape) {
      case Shape::kCountDistinct:
        plan_.compute = {"count distinct " + take(*q_.group)};
        return;
      case Shape::kDistinct:
        plan_.compute = {"distinct " + take(*q_.group)};
        return;
      case Shape::kLatest:
        plan_.compute = {"max " + take(*q_.date)};
        return;
      case Shape::kEarliest:
        plan_.compute = {"min " + take(*q_.date)};
        return;
      case Shape::kLookup:
        take(*q_.name);
        plan_.compute = {"list " + take(*q_.measure)};
        return;
      case Shape::kList:
      case Shape::kListTwo:
      case Shape::kSorted:
      case Shape::kTopRow:
      case Shape::kTopKRow:
        plan_.compute = {"list " + take(*q_.name)};
        if (q_.measure.has_value()) plan_.compute.push_back(take(*q_.measure));
        return;
      case Shape::kShare:
      case Shape::kShareSum: {
        const std::string f = figure(q_.figure);
        plan_.compute = {fmt::format("share % of {} where {}", f, one_condition(*q_.part))};
        return;
      }
      case Shape::kDiff: {
        const std::string g = take(*q_.group), f = figure(q_.figure);
        plan_.compute = {fmt::format("{} where {} = {} minus {} where {} = {}", f, g,
                                     sql_literal(q_.a), f, g, sql_literal(q_.z))};
        return;
      }
      case Shape::kGrowth:
      case Shape::kGrowthGroup: {
        if (q_.group.has_value()) group();
        const std::string f = figure(q_.figure), d = take(*q_.date);
        plan_.compute = {fmt::format("{} where year of {} = {} minus {} where year of {} = {}", f,
                                     d, q_.z, f, d, q_.a)};
        return;
      }
      case Shape::kGrowthPercent: {
        const std::string f = figure(q_.figure), d = take(*q_.date);
        plan_.compute = {fmt::format("change % of {} from year of {} = {} to year of {} = {}", f, d,
                                     q_.a, d, q_.z)};
        return;
      }
      default:
        group();
        plan_.compute = {(q_.shape == Shape::kGroupShare ? "share % of " : "") + figure(q_.figure)};
        if (q_.shape == Shape::kTwoAggs || q_.shape == Shape::kTwoAggsGroup)
          plan_.compute.push_back(figure(q_.second));
        if (q_.shape == Shape::kHaving)
          plan_.having = fmt::format("{} {} {}", plan_.compute[0], comparison(q_.having),
                                     plain_number(q_.having_value));
    }
  }

  void order() {
    if (!q_.ordered) return;
    if (q_.shape == Shape::kBucket || q_.by_group)
      plan_.order = plan_.group[0];
    else
      plan_.order = q_.measure.has_value() ? name(*q_.measure) : "figure";
    if (q_.descending) plan_.order += " desc";
  }

  const TableSchema& schema_;
  const TableQuery& q_;
  const std::map<ColumnRef, std::string>& why_;
  std::string question_;
  TablePlan plan_;
};

}  // namespace

std::string plain_number(double x) {
  std::string text = fmt::format("{:.2f}", x);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

TablePlan plan_of_query(const TableSchema& schema, const TableQuery& query,
                        const std::map<ColumnRef, std::string>& why, std::string_view question) {
  return PlanMaker(schema, query, why, question).make();
}

void sort_by_question(std::vector<PlannedColumn>& columns, std::string_view question) {
  std::stable_sort(columns.begin(), columns.end(), [&](const auto& a, const auto& b) {
    return place_in(question, a.why) < place_in(question, b.why);
  });
}

std::string query_sql(const TableSchema& schema, const TablePlan& plan) {
  Result<std::string> sql = plan_sql(plan, sql_identifier(schema.tables[0].name));
  FATHOM_CHECK(sql.ok());
  return std::move(sql).value();
}

}  // namespace fathom
