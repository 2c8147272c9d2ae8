// See tables_query_impl.h: drawing.
#include "rl/tables_query_impl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace fathom {
namespace {

using S = QueryShape;

constexpr std::string_view kShapeNames[] = {
    "count",        "agg",       "latest",        "earliest", "count_distinct", "distinct",
    "list",         "list_two",  "lookup",        "sorted",   "top_row",        "topk_row",
    "group",        "top_group", "topk_group",    "bucket",   "top_bucket",     "having",
    "share",        "share_sum", "group_share",   "diff",     "growth",         "growth_percent",
    "growth_group", "two_aggs",  "two_aggs_group"};

struct Step {
  std::vector<S> shapes;
  int least_filters, most_filters;
};

// By difficulty. At 5 two tables are joined.
const std::vector<Step>& steps(int difficulty) {
  static const std::vector<Step> kSteps[] = {
      {{{S::kCount, S::kAgg, S::kAgg, S::kCountDistinct, S::kDistinct, S::kLatest, S::kEarliest,
         S::kList, S::kListTwo},
        0,
        0}},
      {{{S::kCount, S::kCount, S::kAgg, S::kAgg, S::kList, S::kListTwo, S::kCountDistinct}, 1, 1},
       {{S::kLookup, S::kSorted, S::kTopRow, S::kTopRow, S::kGroup, S::kGroup, S::kGroup}, 0, 0}},
      {{{S::kTopGroup, S::kTopGroup, S::kTopKRow, S::kTopKGroup, S::kBucket, S::kTwoAggs,
         S::kGroup},
        0,
        0},
       {{S::kTopRow, S::kGroup, S::kGroup, S::kDistinct, S::kTwoAggs, S::kSorted}, 1, 1},
       {{S::kCount, S::kAgg, S::kList, S::kListTwo}, 2, 2}},
      {{{S::kHaving, S::kShare, S::kDiff, S::kTopKGroup, S::kTopBucket, S::kTwoAggsGroup}, 0, 0},
       {{S::kTopGroup, S::kTopGroup, S::kTopKGroup, S::kTopKRow, S::kBucket}, 1, 1}},
      {{{S::kGrowth, S::kGrowthPercent, S::kGrowthGroup, S::kGroupShare, S::kShareSum, S::kHaving},
        0,
        0},
       {{S::kShare, S::kTopBucket, S::kGrowth}, 1, 1},
       {{S::kTopGroup, S::kTopKGroup, S::kGroup, S::kCount, S::kAgg}, 2, 3}},
      {{{S::kGroup, S::kTopGroup, S::kTopKGroup}, 0, 1},
       {{S::kCount, S::kAgg, S::kList, S::kListTwo, S::kShare}, 1, 2}},
  };
  return kSteps[difficulty];
}

const std::vector<Step>& held_out_steps(int difficulty) {
  static const std::vector<Step> kSteps = {
      {{S::kHaving, S::kGroupShare, S::kTwoAggsGroup, S::kDiff}, 1, 1},
      {{S::kTopKRow, S::kSorted, S::kCountDistinct}, 2, 2}};
  static const std::vector<Step> kJoined = {{{S::kHaving}, 0, 1}};
  return difficulty == kMaxDifficulty ? kJoined : kSteps;
}

Status no_column() { return Status::error("no such column in this schema"); }

class QueryMaker {
 public:
  QueryMaker(Draw& draw, const TableSchema& schema, std::optional<ColumnRef> wanted)
      : draw_(draw), schema_(schema), wanted_(wanted) {}

  Result<TableQuery> make(const Step& step, bool two_tables) {
    q_.shape = draw_.pick(step.shapes);
    q_.base = two_tables && draw_.chance(0.15) ? 1 : 0;
    for (size_t t = q_.base; t < schema_.tables.size(); ++t) tables_.push_back(t);
    FATHOM_RETURN_IF_ERROR(fill_shape());
    for (int64_t n = draw_.between(step.least_filters, step.most_filters); n > 0; --n)
      FATHOM_RETURN_IF_ERROR(add_filter());
    q_.joined = q_.base == 0 && schema_.tables.size() == 2 && uses_second_table();
    if (wanted_.has_value() && !is_used(*wanted_)) return no_column();
    if (two_tables && q_.base == 0 && !q_.joined && !draw_.chance(0.1)) return no_column();
    return q_;
  }

 private:
  const SchemaColumn& at(const ColumnRef& r) const { return column_of(schema_, r); }

  bool is_used(const ColumnRef& r) const {
    const auto same = [&](const std::optional<ColumnRef>& o) { return o.has_value() && *o == r; };
    for (const TableFilter& f : q_.filters)
      if (ColumnRef{f.table, f.column} == r) return true;
    if (q_.part.has_value() && ColumnRef{q_.part->table, q_.part->column} == r) return true;
    return same(q_.group) || same(q_.name) || same(q_.measure) || same(q_.date) ||
           same(q_.figure.column) || same(q_.second.column);
  }

  bool uses_second_table() const {
    const auto second = [](const std::optional<ColumnRef>& o) {
      return o.has_value() && o->table == 1;
    };
    for (const TableFilter& f : q_.filters)
      if (f.table == 1) return true;
    if (q_.part.has_value() && q_.part->table == 1) return true;
    return second(q_.group) || second(q_.name) || second(q_.measure) || second(q_.date) ||
           second(q_.figure.column) || second(q_.second.column);
  }

  template <typename F>
  std::optional<ColumnRef> find(F fits) {
    std::vector<ColumnRef> all;
    for (const size_t t : tables_) {
      for (size_t c = 0; c < schema_.tables[t].columns.size(); ++c) {
        const SchemaColumn& column = schema_.tables[t].columns[c];
        if (column.about != nullptr && !is_used({t, c}) && fits(column, t)) all.push_back({t, c});
      }
    }
    if (all.empty()) return std::nullopt;
    if (wanted_.has_value() && std::find(all.begin(), all.end(), *wanted_) != all.end())
      return wanted_;
    return draw_.pick(all);
  }

  std::optional<ColumnRef> number(bool additive) {
    return find([&](const SchemaColumn& c, size_t t) {
      // Sums of a joined parent's numbers would count its rows more than once.
      return c.about->kind == ConceptKind::kNumber &&
             (!additive || (c.about->additive && t == q_.base));
    });
  }

  Status need(std::optional<ColumnRef>& field, std::optional<ColumnRef> found) {
    field = found;
    return found.has_value() ? Status() : no_column();
  }

  Status need_group() {
    return need(q_.group, find([&](const SchemaColumn& c, size_t t) {
                  // A name is a group where other rows point to it.
                  return c.about->kind == ConceptKind::kCategory ||
                         (c.about->kind == ConceptKind::kName && t != q_.base) ||
                         (c.about->kind == ConceptKind::kBool && q_.shape == S::kGroup &&
                          draw_.chance(0.2));
                }));
  }

  Status need_date() {
    return need(q_.date, find([](const SchemaColumn& c, size_t) {
                  return c.about->kind == ConceptKind::kDate;
                }));
  }

  Status need_name() {
    return need(q_.name, find([&](const SchemaColumn& c, size_t t) {
                  return c.about->kind == ConceptKind::kName && t == q_.base;
                }));
  }

  Status draw_figure(QueryFigure& f, double p_count) {
    static const std::vector<std::string> kFunctions = {"sum", "sum", "sum", "avg",
                                                        "avg", "min", "max"};
    if (draw_.chance(p_count)) return {};
    f.function = draw_.pick(kFunctions);
    f.column = number(f.function == "sum");
    if (!f.column.has_value() && f.function == "sum") {
      f.function = "avg";
      f.column = number(false);
    }
    if (!f.column.has_value()) return no_column();
    const SchemaColumn& c = at(*f.column);
    if (c.about->is_year() && f.function == "avg") f.function = "max";
    // Of few possible values the least is nearly always there.
    const bool narrow = c.type == ColumnType::kInteger && c.high - c.low < 15;
    if (narrow && (f.function == "min" || f.function == "max")) f.function = "avg";
    return {};
  }

  Status fill_second() {
    FATHOM_RETURN_IF_ERROR(draw_figure(q_.second, 0.15));
    if (draw_.chance(0.6) && q_.figure.column.has_value()) {  // of the same column
      static const std::vector<std::string> kOthers = {"min", "max", "avg"};
      q_.second.column = q_.figure.column;
      q_.second.function = draw_.pick(kOthers);
    }
    const bool same =
        q_.second.function == q_.figure.function && q_.second.column == q_.figure.column;
    return same ? no_column() : Status();
  }

  // A growing of minima says little; a year or a temperature has no total.
  Status summing_figure() {
    FATHOM_RETURN_IF_ERROR(draw_figure(q_.figure, 0.3));
    if (q_.figure.function == "min" || q_.figure.function == "max") return no_column();
    return {};
  }

  void draw_years() {
    const int64_t first = draw_.between(schema_.first_year, schema_.last_year - 1);
    q_.a = std::to_string(first);
    q_.z = std::to_string(draw_.between(first + 1, schema_.last_year));
  }

  Status fill_rows_shape() {
    FATHOM_RETURN_IF_ERROR(need_name());
    if (q_.shape == S::kList) return {};
    const bool date = q_.shape != S::kListTwo && draw_.chance(0.15);
    FATHOM_RETURN_IF_ERROR(need(q_.measure, find([&](const SchemaColumn& c, size_t t) {
                                  if (t != q_.base) return false;
                                  if (q_.shape == S::kListTwo)
                                    return c.about->kind != ConceptKind::kBool;
                                  return c.about->kind ==
                                         (date ? ConceptKind::kDate : ConceptKind::kNumber);
                                })));
    q_.descending = draw_.chance(0.65);
    q_.ordered = q_.shape != S::kListTwo;
    if (q_.shape == S::kTopRow) q_.limit = 1;
    if (q_.shape == S::kTopKRow) q_.limit = static_cast<int>(draw_.between(2, 10));
    return {};
  }

  Status fill_lookup() {
    FATHOM_RETURN_IF_ERROR(need_name());
    FATHOM_RETURN_IF_ERROR(need(q_.measure, find([&](const SchemaColumn& c, size_t t) {
                                  return c.about->kind != ConceptKind::kBool && t == q_.base;
                                })));
    TableFilter f{q_.name->table, q_.name->column, FilterOp::kEqual, {}, {}};
    f.a = draw_.pick(at(*q_.name).pool);
    q_.filters.push_back(f);
    return {};
  }

  void draw_having() {
    static const std::vector<FilterOp> kOps = {FilterOp::kGreater, FilterOp::kGreater,
                                               FilterOp::kAtLeast, FilterOp::kLess};
    q_.having = draw_.pick(kOps);
    if (!q_.figure.column.has_value()) {
      const bool less = q_.having == FilterOp::kLess;  // of some eight rows a group
      q_.having_value = static_cast<double>(less ? draw_.between(6, 12) : draw_.between(3, 9));
      return;
    }
    const SchemaColumn& c = at(*q_.figure.column);
    const double spread = 0.3 + 0.4 * draw_.uniform();
    double x = c.low + (c.high - c.low) * spread;
    if (q_.figure.function == "sum") x *= 7;
    if (q_.figure.function == "min") x = c.low + (c.high - c.low) * 0.1;
    if (q_.figure.function == "max") x = c.low + (c.high - c.low) * 0.9;
    q_.having_value = nice(x, c);
    const bool of_one_row = q_.figure.function != "sum";
    if (of_one_row && (q_.having_value <= c.low || q_.having_value >= c.high))
      q_.having_value = c.type == ColumnType::kInteger ? std::round(x) : std::round(x * 100) / 100;
  }

  Status fill_group_shape() {
    if (q_.shape == S::kBucket || q_.shape == S::kTopBucket) {
      FATHOM_RETURN_IF_ERROR(need_date());
      q_.bucket = draw_.chance(0.5) ? "year" : "month";
    } else {
      FATHOM_RETURN_IF_ERROR(need_group());
    }
    FATHOM_RETURN_IF_ERROR(draw_figure(q_.figure, 0.35));
    q_.descending = draw_.chance(0.75);
    q_.ordered = q_.shape != S::kGroup || draw_.chance(0.35);
    if (q_.shape == S::kGroup && q_.ordered) q_.by_group = draw_.chance(0.15);
    if (q_.by_group) q_.descending = false;
    if (q_.shape == S::kBucket) q_.descending = false;
    if (q_.shape == S::kTopGroup || q_.shape == S::kTopBucket) q_.limit = 1;
    if (q_.shape == S::kTopKGroup) q_.limit = static_cast<int>(draw_.between(2, 5));
    if (q_.shape == S::kHaving) {
      q_.ordered = false;
      draw_having();
    }
    return {};
  }

  Status fill_compared() {
    if (q_.shape == S::kShare || q_.shape == S::kShareSum) {
      if (q_.shape == S::kShareSum) {
        q_.figure.function = "sum";
        FATHOM_RETURN_IF_ERROR(need(q_.figure.column, number(true)));
      }
      FATHOM_RETURN_IF_ERROR(add_filter());
      q_.part = q_.filters.back();
      q_.filters.pop_back();
      return q_.part->op == FilterOp::kYearRange ? no_column() : Status();  // two conditions
    }
    if (q_.shape == S::kGroupShare) {
      FATHOM_RETURN_IF_ERROR(need_group());
      if (draw_.chance(0.5)) return {};
      q_.figure.function = "sum";
      return need(q_.figure.column, number(true));
    }
    if (q_.shape == S::kDiff) {
      FATHOM_RETURN_IF_ERROR(need_group());
      FATHOM_RETURN_IF_ERROR(summing_figure());
      if (at(*q_.group).pool.size() < 2) return no_column();
      q_.a = draw_.pick(at(*q_.group).pool);
      q_.z = draw_.pick(at(*q_.group).pool);
      return q_.a == q_.z ? no_column() : Status();
    }
    FATHOM_RETURN_IF_ERROR(need_date());
    if (find([](const SchemaColumn& c, size_t) {
          return c.about->kind == ConceptKind::kDate;
        }).has_value())
      return no_column();  // "from 2023 to 2024" must mean one date
    FATHOM_RETURN_IF_ERROR(summing_figure());
    draw_years();
    if (q_.shape != S::kGrowthGroup) return {};
    q_.limit = 1;
    q_.descending = draw_.chance(0.75);
    q_.ordered = true;
    return need_group();
  }

  Status fill_shape() {
    switch (q_.shape) {
      case S::kCount:
        return {};
      case S::kAgg:
        return draw_figure(q_.figure, 0);
      case S::kTwoAggs:
      case S::kTwoAggsGroup:
        if (q_.shape == S::kTwoAggsGroup) FATHOM_RETURN_IF_ERROR(need_group());
        FATHOM_RETURN_IF_ERROR(draw_figure(q_.figure, q_.shape == S::kTwoAggs ? 0.1 : 0.3));
        return fill_second();
      case S::kLatest:
      case S::kEarliest:
        return need_date();
      case S::kCountDistinct:
      case S::kDistinct:
        return need(q_.group, find([](const SchemaColumn& c, size_t) {
                      return c.about->kind == ConceptKind::kCategory;
                    }));
      case S::kList:
      case S::kListTwo:
      case S::kSorted:
      case S::kTopRow:
      case S::kTopKRow:
        return fill_rows_shape();
      case S::kLookup:
        return fill_lookup();
      case S::kGroup:
      case S::kTopGroup:
      case S::kTopKGroup:
      case S::kBucket:
      case S::kTopBucket:
      case S::kHaving:
        return fill_group_shape();
      default:
        return fill_compared();
    }
  }

  // Of one to three digits that count, as people take them.
  double nice(double x, const SchemaColumn& c) {
    if (c.about->is_year()) return std::floor(x);
    if (x == 0) return 0;
    const int digits = static_cast<int>(draw_.between(1, 3));
    const double scale = std::pow(10.0, std::floor(std::log10(std::abs(x))) - digits + 1);
    const double y = std::round(x / scale) * scale;
    if (c.type == ColumnType::kInteger) return std::round(y);
    return std::round(y * 100) / 100;
  }

  SqlValue number_for(double x, const SchemaColumn& c) const {
    if (c.type == ColumnType::kInteger) return static_cast<int64_t>(std::llround(x));
    return x;
  }

  Status number_filter(TableFilter& f, const SchemaColumn& c) {
    static const std::vector<FilterOp> kOps = {
        FilterOp::kGreater,      FilterOp::kGreater,      FilterOp::kGreater,    FilterOp::kLess,
        FilterOp::kLess,         FilterOp::kAtLeast,      FilterOp::kAtMost,     FilterOp::kBetween,
        FilterOp::kAboveAverage, FilterOp::kBelowAverage, FilterOp::kNumberEqual};
    f.op = draw_.pick(kOps);
    const bool average = f.op == FilterOp::kAboveAverage || f.op == FilterOp::kBelowAverage;
    if (average) return schema_.tables.size() == 1 && !c.about->is_year() ? Status() : no_column();
    double x = nice(c.low + (c.high - c.low) * (0.15 + 0.7 * draw_.uniform()), c);
    if (f.op == FilterOp::kNumberEqual) {
      if (c.type != ColumnType::kInteger || (c.high > 100 && !c.about->is_year()))
        f.op = FilterOp::kGreater;
    }
    f.a = number_for(x, c);
    if (f.op == FilterOp::kBetween) {
      double y = nice(x + (c.high - x) * (0.2 + 0.6 * draw_.uniform()), c);
      if (y <= x) return no_column();
      f.b = number_for(y, c);
    }
    return {};
  }

  void date_filter(TableFilter& f) {
    static const std::vector<FilterOp> kOps = {
        FilterOp::kYear,      FilterOp::kYear,       FilterOp::kYear,        FilterOp::kYear,
        FilterOp::kMonth,     FilterOp::kMonth,      FilterOp::kMonthOfYear, FilterOp::kSinceYear,
        FilterOp::kAfterYear, FilterOp::kBeforeYear, FilterOp::kYearRange,   FilterOp::kQuarter,
        FilterOp::kAfterDate, FilterOp::kBeforeDate, FilterOp::kOnDate};
    f.op = draw_.pick(kOps);
    const std::string d = random_date(draw_, schema_);
    f.a = d;
    if (f.op == FilterOp::kYear) f.a = d.substr(0, 4);
    if (f.op == FilterOp::kMonth) f.a = d.substr(0, 7);
    if (f.op == FilterOp::kMonthOfYear) f.a = d.substr(5, 2);
    if (f.op == FilterOp::kQuarter) {
      const int quarter = (std::stoi(d.substr(5, 2)) - 1) / 3;
      static const char* const kEnds[] = {"03-31", "06-30", "09-30", "12-31"};
      f.a = fmt::format("{}-{:02}-01", d.substr(0, 4), quarter * 3 + 1);
      f.b = fmt::format("{}-{}", d.substr(0, 4), kEnds[quarter]);
    }
    if (f.op == FilterOp::kSinceYear || f.op == FilterOp::kBeforeYear)
      f.a = std::to_string(draw_.between(schema_.first_year + 1, schema_.last_year));
    if (f.op == FilterOp::kAfterYear)
      f.a = std::to_string(draw_.between(schema_.first_year, schema_.last_year - 1));
    if (f.op == FilterOp::kYearRange) {
      const int64_t first = draw_.between(schema_.first_year, schema_.last_year - 1);
      f.a = std::to_string(first);
      f.b = std::to_string(draw_.between(first + 1, schema_.last_year));
    }
  }

  static bool is_word(const std::string& w) {
    return w.size() >= 3 &&
           w.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == w.npos;
  }

  Status text_filter(TableFilter& f, const SchemaColumn& c) {
    const double kind = draw_.uniform();
    f.a = draw_.pick(c.pool);
    if (c.about->kind == ConceptKind::kName || kind > 0.93) {
      const auto words = split_trimmed(std::get<std::string>(f.a), ' ');
      f.op = FilterOp::kContains;
      f.a = draw_.pick(words);
      return is_word(std::get<std::string>(f.a)) ? Status() : no_column();
    }
    if (kind > 0.86) f.op = FilterOp::kNotEqual;
    if (kind < 0.1) {
      f.op = FilterOp::kIn;
      f.b = draw_.pick(c.pool);
      if (f.a == f.b) return no_column();
    }
    return {};
  }

  Status add_filter() {
    const double kind = draw_.uniform();
    const auto wanted = [&](const SchemaColumn& c) {
      switch (c.about->kind) {
        case ConceptKind::kCategory:
          return kind < 0.4;
        case ConceptKind::kNumber:
          return kind >= 0.4 && kind < 0.65;
        case ConceptKind::kDate:
          return kind >= 0.65 && kind < 0.83;
        case ConceptKind::kBool:
          return kind >= 0.83 && kind < 0.97;
        default:
          return kind >= 0.97;
      }
    };
    std::optional<ColumnRef> ref = find([&](const SchemaColumn& c, size_t) { return wanted(c); });
    if (!ref.has_value())
      ref = find([](const SchemaColumn& c, size_t) { return c.about->kind != ConceptKind::kName; });
    if (!ref.has_value()) return no_column();
    const SchemaColumn& c = at(*ref);
    TableFilter f{ref->table, ref->column, FilterOp::kEqual, {}, {}};
    if (c.nullable && c.about->kind != ConceptKind::kBool && draw_.chance(0.12)) {
      f.op = draw_.chance(0.7) ? FilterOp::kIsNull : FilterOp::kNotNull;
    } else if (c.about->kind == ConceptKind::kNumber) {
      FATHOM_RETURN_IF_ERROR(number_filter(f, c));
    } else if (c.about->kind == ConceptKind::kDate) {
      date_filter(f);
    } else if (c.about->kind == ConceptKind::kBool) {
      f.op = draw_.chance(0.6) ? FilterOp::kTrue : FilterOp::kFalse;
    } else {
      FATHOM_RETURN_IF_ERROR(text_filter(f, c));
    }
    q_.filters.push_back(std::move(f));
    return {};
  }

  Draw& draw_;
  const TableSchema& schema_;
  TableQuery q_;
  std::vector<size_t> tables_;
  std::optional<ColumnRef> wanted_;
};

}  // namespace

std::string_view shape_name(QueryShape shape) { return kShapeNames[static_cast<size_t>(shape)]; }

const SchemaColumn& column_of(const TableSchema& schema, const ColumnRef& ref) {
  return schema.tables[ref.table].columns[ref.column];
}

bool is_held_out_composition(const TableQuery& q) {
  const size_t n = q.filters.size();
  switch (q.shape) {
    case S::kHaving:
      return n >= 1 || q.joined;
    case S::kGroupShare:
    case S::kTwoAggsGroup:
    case S::kDiff:
      return n >= 1;
    case S::kTopKRow:
    case S::kSorted:
    case S::kCountDistinct:
      return n >= 2;
    default:
      return false;
  }
}

Result<TableQuery> sample_query(Draw& draw, const TableSchema& schema, int difficulty, Split split,
                                std::optional<ColumnRef> wanted) {
  const bool held_out = split == Split::kComposition;
  const std::vector<Step>& all = held_out ? held_out_steps(difficulty) : steps(difficulty);
  const bool two_tables = schema.tables.size() == 2;
  FATHOM_ASSIGN_OR_RETURN(TableQuery q,
                          QueryMaker(draw, schema, wanted).make(draw.pick(all), two_tables));
  if (is_held_out_composition(q) != held_out) return Status::error("another split's composition");
  return q;
}

std::vector<TableFilter> row_filters(const TableQuery& q) {
  std::vector<TableFilter> filters = q.filters;
  if (q.part.has_value()) filters.push_back(*q.part);
  if (q.shape == S::kDiff)
    filters.push_back({q.group->table, q.group->column, FilterOp::kIn, q.a, q.z});
  else if (!q.a.empty())
    filters.push_back({q.date->table, q.date->column, FilterOp::kYear, q.a, q.z});
  return filters;
}

}  // namespace fathom
