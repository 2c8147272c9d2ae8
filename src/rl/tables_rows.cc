// See tables_schema_impl.h: rows.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "rl/tables_schema_impl.h"

namespace fathom {
namespace {

double as_number(const SqlValue& v) {
  const auto* i = std::get_if<int64_t>(&v);
  return i != nullptr ? static_cast<double>(*i) : std::get<double>(v);
}

SqlValue number_value(const SchemaColumn& c, double x) {
  if (c.type == ColumnType::kInteger) return static_cast<int64_t>(std::llround(x));
  return std::round(x * 100) / 100;
}

class RowMaker {
 public:
  RowMaker(Draw& draw, const TableSchema& schema, const RowWish& wish)
      : draw_(draw), schema_(schema), wish_(wish) {}

  std::unique_ptr<Database> make() {
    auto database = Database::create({.max_bytes = 16 << 20});
    FATHOM_CHECK(database.ok());
    for (size_t t = 0; t < schema_.tables.size(); ++t) add_table(*database.value(), t);
    return std::move(database).value();
  }

 private:
  using Forced = std::vector<std::pair<uint64_t, std::string>>;  // row and its value

  int64_t n_rows(size_t table) const {
    return table == 1 ? std::max<int64_t>(3, wish_.n_rows / 4) : wish_.n_rows;
  }

  void add_table(Database& database, size_t t) {
    const SchemaTable& table = schema_.tables[t];
    std::vector<SqlColumn> columns;
    for (const SchemaColumn& c : table.columns) columns.push_back({c.name, c.type, c.unit, {}});
    auto writer = database.new_table(table.name, std::move(columns));
    FATHOM_CHECK(writer.ok());
    choose_values(t);
    std::vector<SqlValue> row(table.columns.size());
    std::vector<SqlCell> cells(row.size());
    for (int64_t i = 0; i < n_rows(t); ++i) {
      for (size_t c = 0; c < row.size(); ++c) {
        row[c] = value(t, c, i);
        cells[c] = std::visit([](const auto& v) { return SqlCell(v); }, row[c]);
      }
      FATHOM_CHECK(writer.value()->append(cells).ok());
    }
    FATHOM_CHECK(writer.value()->finish().ok());
  }

  // The part of each pool that this database has. What the question names stays.
  void choose_values(size_t t) {
    pools_.assign(schema_.tables[t].columns.size(), {});
    forced_.assign(pools_.size(), {});
    for (size_t c = 0; c < pools_.size(); ++c) {
      std::vector<std::string> pool = schema_.tables[t].columns[c].pool;
      if (pool.empty()) continue;
      draw_.shuffle(pool);
      const bool name = schema_.tables[t].columns[c].about->kind == ConceptKind::kName;
      if (!wish_.all_values && !name) {
        const size_t least = std::min<size_t>(pool.size(), 2);
        pool.resize(static_cast<size_t>(
            draw_.between(static_cast<int64_t>(least), static_cast<int64_t>(pool.size()))));
      }
      for_filters(t, c, [&](const TableFilter& f) {
        for (const SqlValue* v : {&f.a, &f.b}) {
          const auto* text = std::get_if<std::string>(v);
          if (text == nullptr || f.op == FilterOp::kContains) continue;
          if (std::find(pool.begin(), pool.end(), *text) == pool.end()) pool.push_back(*text);
          forced_[c].emplace_back(draw_.below(static_cast<uint64_t>(n_rows(t))), *text);
        }
      });
      if (name) pool = with_forced(std::move(pool), forced_[c]);
      pools_[c] = std::move(pool);
    }
  }

  // Names come row by row, so a name that must be there takes its row's place.
  static std::vector<std::string> with_forced(std::vector<std::string> pool, const Forced& forced) {
    for (const auto& [row, text] : forced)
      std::swap(pool[std::min<size_t>(row, pool.size() - 1)],
                *std::find(pool.begin(), pool.end(), text));
    return pool;
  }

  template <typename F>
  void for_filters(size_t t, size_t c, F use) const {
    if (wish_.filters == nullptr) return;
    for (const TableFilter& f : *wish_.filters)
      if (f.table == t && f.column == c) use(f);
  }

  SqlValue value(size_t t, size_t c, int64_t row) {
    const SchemaColumn& column = schema_.tables[t].columns[c];
    if (column.is_id) return row + 1;
    if (column.is_foreign) return draw_.between(1, n_rows(1));
    if (column.about->kind == ConceptKind::kName) return name_value(c, row);
    for (const auto& [forced_row, text] : forced_.size() > c ? forced_[c] : Forced())
      if (forced_row == static_cast<uint64_t>(row) && column.type == ColumnType::kText) return text;
    const TableFilter* filter = nullptr;
    for_filters(t, c, [&](const TableFilter& f) { filter = &f; });
    const double kind = draw_.uniform();
    if (filter != nullptr && kind < 0.7) {
      SqlValue v = fitting(*filter, column, c);
      if (kind < 0.12) v = beside(std::move(v), *filter, column);
      return v;
    }
    const bool null_asked = filter != nullptr && filter->op == FilterOp::kNotNull;
    if ((column.nullable || null_asked) && draw_.chance(0.12)) return std::monostate();
    return any_value(column, c);
  }

  // Each name once, as long as there are enough.
  SqlValue name_value(size_t c, int64_t row) const {
    const std::vector<std::string>& pool = pools_[c];
    const size_t i = static_cast<size_t>(row);
    if (i < pool.size()) return pool[i];
    return fmt::format("{} {}", pool[i % pool.size()], i / pool.size() + 1);
  }

  SqlValue any_value(const SchemaColumn& column, size_t c) {
    switch (column.about->kind) {
      case ConceptKind::kNumber:
        return number_value(column, random_number(draw_, column));
      case ConceptKind::kDate:
        return random_date(draw_, schema_);
      case ConceptKind::kBool:
        return draw_.between(0, 1);
      default:
        return draw_.pick(pools_[c]);
    }
  }

  std::string date_with(const std::string& begin, size_t at) {
    std::string d = random_date(draw_, schema_);
    d.replace(at, begin.size(), begin);
    if (d.substr(5) > "12-28" || d.substr(8) > "28") d.replace(8, 2, "28");
    return d;
  }

  // A value for which the condition holds.
  SqlValue fitting(const TableFilter& f, const SchemaColumn& column, size_t c) {
    const auto within = [&](double low, double high) {
      return number_value(column, low + (high - low) * draw_.uniform());
    };
    const double step = column.type == ColumnType::kInteger ? 1 : 0.01;
    switch (f.op) {
      case FilterOp::kIsNull:
        return std::monostate();
      case FilterOp::kEqual:
      case FilterOp::kNumberEqual:
      case FilterOp::kOnDate:
        return f.a;
      case FilterOp::kIn:
        return draw_.chance(0.5) ? f.a : f.b;
      case FilterOp::kContains: {
        std::vector<std::string> fit;
        for (const std::string& v : pools_[c])
          if (v.find(std::get<std::string>(f.a)) != v.npos) fit.push_back(v);
        return fit.empty() ? any_value(column, c) : draw_.pick(fit);
      }
      case FilterOp::kGreater:
        return within(as_number(f.a) + step, std::max(column.high, as_number(f.a) + 5 * step));
      case FilterOp::kAtLeast:
        return within(as_number(f.a), std::max(column.high, as_number(f.a) + 5 * step));
      case FilterOp::kLess:
        return within(std::min(column.low, as_number(f.a) - 5 * step), as_number(f.a) - step);
      case FilterOp::kAtMost:
        return within(std::min(column.low, as_number(f.a) - 5 * step), as_number(f.a));
      case FilterOp::kBetween:
        return within(as_number(f.a), as_number(f.b));
      case FilterOp::kTrue:
        return int64_t{1};
      case FilterOp::kFalse:
        return int64_t{0};
      case FilterOp::kYear:
      case FilterOp::kMonth:
        return date_with(std::get<std::string>(f.a), 0);
      case FilterOp::kMonthOfYear:
        return date_with(std::get<std::string>(f.a), 5);
      default:
        return any_value(column, c);
    }
  }

  // At the border of the condition, or just not fulfilling it.
  SqlValue beside(SqlValue v, const TableFilter& f, const SchemaColumn& column) {
    if (column.about->kind == ConceptKind::kNumber && f.a.index() != 0)
      return draw_.chance(0.5) || f.b.index() == 0 ? f.a : f.b;
    if (f.op == FilterOp::kAfterDate || f.op == FilterOp::kBeforeDate) return f.a;
    return v;
  }

  Draw& draw_;
  const TableSchema& schema_;
  const RowWish& wish_;
  std::vector<std::vector<std::string>> pools_;
  std::vector<Forced> forced_;
};

}  // namespace

std::unique_ptr<Database> make_database(Draw& draw, const TableSchema& schema,
                                        const RowWish& wish) {
  return RowMaker(draw, schema, wish).make();
}

}  // namespace fathom
