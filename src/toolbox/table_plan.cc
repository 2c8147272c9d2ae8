// See table_plan.h. Comparing goes through plan_sql: what the plan stands for, beside what was
// written.
#include "toolbox/table_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "toolbox/sql_outline_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

using Texts = std::vector<std::string>;

Status not_a(std::string_view what, std::string_view found) {
  return Status::error(fmt::format("plan: {} wanted, \"{}\" found", what, one_line(found, 80)));
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

struct DateWord {
  std::string_view word, format;
};
constexpr DateWord kDateWords[] = {
    {"month number of ", "%m"}, {"month of ", "%Y-%m"}, {"year of ", "%Y"}};

// "year of sold_on" as SQL; what begins otherwise stays.
std::string expression_sql(std::string_view e) {
  for (const DateWord& d : kDateWords)
    if (take_prefix(e, d.word)) return fmt::format("strftime('{}', {})", d.format, e);
  return std::string(e);
}

// "year of sold_on >= 2024" as SQL. The value of a date expression is text; a label stays bare.
std::string condition_sql(std::string_view condition) {
  for (const DateWord& d : kDateWords) {
    std::string_view c = condition;
    if (!take_prefix(c, d.word)) continue;
    const size_t value_at = c.rfind(' ');
    const size_t operator_at = value_at == c.npos ? c.npos : c.rfind(' ', value_at - 1);
    if (operator_at == c.npos || operator_at == 0) return std::string(condition);
    const std::string_view value = c.substr(value_at + 1);
    const bool digits = !value.empty() && is_digit(value[0]);
    return fmt::format("strftime('{}', {}){} {}", d.format, c.substr(0, operator_at),
                       c.substr(operator_at, value_at - operator_at),
                       digits ? in_quotes(value, '\'') : std::string(value));
  }
  return std::string(condition);
}

// The function and argument of a figure: {"SUM", "amount"}, {"COUNT", "*"}.
struct Figure {
  std::string function, argument;
  // A column stands behind a space, as in the schema and the plan: a tokenizer that takes the space
  // into the token then writes its name in the same tokens everywhere, and a small model copies it.
  std::string sql() const {
    const bool column = argument != "*" && !argument.starts_with("DISTINCT ");
    return fmt::format(column ? fmt::runtime("{}( {} )") : fmt::runtime("{}({})"), function,
                       argument);
  }
  // Over the rows for which `condition` holds. A sum over none of a group's rows is 0.
  std::string sql_where(std::string_view condition) const {
    const std::string c = condition_sql(condition);
    if (function == "COUNT" && argument == "*")
      return fmt::format("COUNT(CASE WHEN {} THEN 1 END)", c);
    std::string_view column = argument;
    const bool distinct = take_prefix(column, "DISTINCT ");
    return fmt::format("{}({}CASE WHEN {} THEN {}{} END)", function, distinct ? "DISTINCT " : "", c,
                       column, function == "SUM" ? " ELSE 0" : "");
  }
};

Result<Figure> read_figure(std::string_view text) {
  if (text == "count rows") return Figure{"COUNT", "*"};
  if (take_prefix(text, "count distinct "))
    return Figure{"COUNT", fmt::format("DISTINCT {}", text)};
  constexpr std::pair<std::string_view, std::string_view> kFunctions[] = {
      {"count ", "COUNT"}, {"sum ", "SUM"}, {"avg ", "AVG"}, {"min ", "MIN"}, {"max ", "MAX"}};
  for (const auto& [word, function] : kFunctions)
    if (take_prefix(text, word)) return Figure{std::string(function), std::string(text)};
  return not_a("a figure (count rows, sum X, …)", text);
}

// `text` in two at `word`, which stands in no quotes.
bool cut(std::string_view text, std::string_view word, std::string_view& left,
         std::string_view& right) {
  bool single_quoted = false, double_quoted = false;
  for (size_t i = 0; i + word.size() <= text.size(); ++i) {
    single_quoted ^= text[i] == '\'' && !double_quoted;
    double_quoted ^= text[i] == '"' && !single_quoted;
    if (single_quoted || double_quoted || text.substr(i, word.size()) != word) continue;
    left = text.substr(0, i);
    right = text.substr(i + word.size());
    return true;
  }
  return false;
}

Result<std::string> share_sql(std::string_view text) {
  std::string_view figure_text = text, condition;
  const bool part = cut(text, " where ", figure_text, condition);
  FATHOM_ASSIGN_OR_RETURN(const Figure f, read_figure(figure_text));
  if (part) return fmt::format("100.0 * {} / {}", f.sql_where(condition), f.sql());
  return fmt::format("100.0 * {0} / SUM({0}) OVER ()", f.sql());
}

Result<std::string> change_sql(std::string_view text) {
  std::string_view figure_text, rest, from, to;
  if (!cut(text, " from ", figure_text, rest) || !cut(rest, " to ", from, to))
    return not_a("change % of FIGURE from CONDITION to CONDITION", text);
  FATHOM_ASSIGN_OR_RETURN(const Figure f, read_figure(figure_text));
  return fmt::format("100.0 * ({0} - {1}) / {1}", f.sql_where(to), f.sql_where(from));
}

Result<std::string> figure_where_sql(std::string_view text) {
  std::string_view figure_text, condition;
  if (!cut(text, " where ", figure_text, condition)) return not_a("FIGURE where CONDITION", text);
  FATHOM_ASSIGN_OR_RETURN(const Figure f, read_figure(figure_text));
  return f.sql_where(condition);
}

Result<std::string> figure_sql(std::string_view text) {
  if (take_prefix(text, "share % of ")) return share_sql(text);
  if (take_prefix(text, "change % of ")) return change_sql(text);
  std::string_view left, right;
  if (cut(text, " minus ", left, right)) {
    FATHOM_ASSIGN_OR_RETURN(const std::string a, figure_where_sql(left));
    FATHOM_ASSIGN_OR_RETURN(const std::string b, figure_where_sql(right));
    return fmt::format("{} - {}", a, b);
  }
  FATHOM_ASSIGN_OR_RETURN(const Figure f, read_figure(text));
  return f.sql();
}

// The select list: groups, then figures; or columns.
struct SelectList {
  Texts plan_names, sql;  // of each item
  size_t n_groups = 0;
  bool distinct = false, lists_rows = false;
};

Result<SelectList> select_list(const TablePlan& plan) {
  SelectList list;
  list.n_groups = plan.group.size();
  for (const std::string& g : plan.group) {
    list.plan_names.push_back(g);
    list.sql.push_back(expression_sql(g));
  }
  for (size_t i = 0; i < plan.compute.size(); ++i) {
    std::string_view text = plan.compute[i];
    if (i == 0) {
      list.distinct = take_prefix(text, "distinct ");
      list.lists_rows = take_prefix(text, "list ") || list.distinct;
    }
    list.plan_names.emplace_back(text);
    if (list.lists_rows) {
      list.sql.push_back(expression_sql(text));
      continue;
    }
    FATHOM_ASSIGN_OR_RETURN(std::string sql, figure_sql(text));
    list.sql.push_back(std::move(sql));
  }
  if (list.sql.empty()) return Status::error("plan: something to compute wanted, nothing found");
  return list;
}

// ORDER BY by the place in the select list where the ordered thing stands there.
std::string order_sql(const TablePlan& plan, const SelectList& list) {
  std::string_view what = plan.order;
  const bool desc = what.ends_with(" desc");
  if (desc) what.remove_suffix(5);
  std::string place;
  if (what == "figure") {
    place = std::to_string(list.n_groups + 1);
  } else {
    const auto at = std::find(list.plan_names.begin(), list.plan_names.end(), what);
    place = at == list.plan_names.end() ? expression_sql(what)
                                        : std::to_string(at - list.plan_names.begin() + 1);
  }
  // Without NULLS LAST the three lowest would be those that have no value.
  return place + (desc ? " DESC" : plan.limit.empty() ? "" : " NULLS LAST");
}

Result<std::string> having_sql(const std::string& having) {
  const size_t value_at = having.rfind(' ');
  const size_t operator_at =
      value_at == having.npos ? having.npos : having.rfind(' ', value_at - 1);
  if (operator_at == having.npos) return not_a("FIGURE OPERATOR NUMBER", having);
  FATHOM_ASSIGN_OR_RETURN(const Figure f, read_figure(having.substr(0, operator_at)));
  return f.sql() + having.substr(operator_at);
}

const PlannedColumn* missing_column(const TablePlan& plan) {
  for (const PlannedColumn& c : plan.columns)
    if (c.name.empty()) return &c;
  return nullptr;
}

Result<PlannedColumn> read_column(std::string_view text) {
  PlannedColumn column;
  std::string_view why = text, name = text;
  if (cut(text, " = ", why, name)) column.why = why;
  if (name.empty()) return not_a("words = column", text);
  if (name != "none") column.name = name;
  return column;
}

Status read_line(std::string_view line, TablePlan& plan) {
  const auto single = [&](std::string_view key, std::string& field) {
    std::string_view rest = line;
    if (!take_prefix(rest, key)) return false;
    field = rest;
    return true;
  };
  const auto list = [&](std::string_view key, Texts& field) {
    std::string_view rest = line;
    if (!take_prefix(rest, key)) return false;
    field = split_list(rest);
    return true;
  };
  Texts columns;
  if (list("columns: ", columns)) {
    for (const std::string& c : columns) {
      FATHOM_ASSIGN_OR_RETURN(PlannedColumn column, read_column(c));
      plan.columns.push_back(std::move(column));
    }
    return {};
  }
  const bool known = single("table: ", plan.table) || single("join: ", plan.join) ||
                     list("filter: ", plan.filters) || list("compute: ", plan.compute) ||
                     list("group: ", plan.group) || single("having: ", plan.having) ||
                     single("order: ", plan.order) || single("limit: ", plan.limit) ||
                     single("check: ", plan.check);
  return known ? Status() : not_a("a line of the plan", line);
}

void compare_lists(std::string_view what, Texts planned, Texts written, Texts& out) {
  for (const std::string& p : planned) {
    const auto at = std::find(written.begin(), written.end(), p);
    if (at == written.end())
      out.push_back(fmt::format("the plan's {} {} is not in the SQL", what, p));
    else
      written.erase(at);
  }
  for (const std::string& w : written)
    out.push_back(fmt::format("the SQL's {} {} is not in the plan", what, w));
}

Texts planned_names(const TablePlan& plan) {
  Texts names;
  for (const PlannedColumn& c : plan.columns) {
    const SqlTokens tokens = sql_tokens(c.name);
    if (!tokens.empty()) names.push_back(tokens.back().text);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void compare_columns(const TablePlan& plan, std::string_view sql, Texts& out) {
  Texts planned = planned_names(plan), written = sql_column_names(sql);
  const Texts keys = sql_column_names("JOIN " + plan.join);  // the ON's: they need no reason
  std::erase_if(written, [&](const std::string& w) {
    return std::find(keys.begin(), keys.end(), w) != keys.end() &&
           std::find(planned.begin(), planned.end(), w) == planned.end();
  });
  compare_lists("column", std::move(planned), std::move(written), out);
}

}  // namespace

std::string plan_words(std::string_view words) {
  std::string out;
  for (const char c : words)
    if (std::string_view("()'\",=\n").find(c) == std::string_view::npos) out += c;
  return out;
}

std::string plan_text(const TablePlan& plan) {
  std::string text;
  const auto line = [&](std::string_view key, std::string_view value) {
    if (!value.empty()) text += fmt::format("{}: {}\n", key, value);
  };
  std::string columns;
  for (const PlannedColumn& c : plan.columns) {
    if (!columns.empty()) columns += ", ";
    if (!c.why.empty()) columns += plan_words(c.why) + " = ";
    columns += c.name.empty() ? "none" : c.name;
  }
  line("table", plan.table);
  line("join", plan.join);
  line("columns", columns);
  line("filter", fmt::format("{}", fmt::join(plan.filters, ", ")));
  line("compute", fmt::format("{}", fmt::join(plan.compute, ", ")));
  line("group", fmt::format("{}", fmt::join(plan.group, ", ")));
  line("having", plan.having);
  line("order", plan.order);
  line("limit", plan.limit);
  line("check", plan.check);
  return text;
}

Result<TablePlan> read_plan(std::string_view thought) {
  TablePlan plan;
  while (!thought.empty()) {
    const size_t end = std::min(thought.find('\n'), thought.size());
    const std::string_view line = trimmed(thought.substr(0, end));
    if (!line.empty()) FATHOM_RETURN_IF_ERROR(read_line(line, plan));
    thought.remove_prefix(std::min(end + 1, thought.size()));
  }
  return plan;
}

Result<std::string> plan_sql(const TablePlan& plan, std::string_view table) {
  if (const PlannedColumn* none = missing_column(plan))
    return Status::error(fmt::format("plan: no column for {}", none->why));
  FATHOM_ASSIGN_OR_RETURN(const SelectList list, select_list(plan));
  std::string sql = fmt::format("SELECT {}{} FROM {}", list.distinct ? "DISTINCT " : "",
                                fmt::join(list.sql, ", "), plan.table.empty() ? table : plan.table);
  if (!plan.join.empty()) {
    std::string_view other, on;
    if (!cut(plan.join, " on ", other, on)) return not_a("TABLE on KEY = KEY", plan.join);
    sql += fmt::format(" JOIN {} ON {}", other, on);
  }
  Texts conditions;
  for (const std::string& f : plan.filters) conditions.push_back(condition_sql(f));
  if (!conditions.empty()) sql += fmt::format(" WHERE {}", fmt::join(conditions, " AND "));
  if (list.n_groups > 0)
    sql += fmt::format(" GROUP BY {}",
                       fmt::join(list.sql.begin(), list.sql.begin() + list.n_groups, ", "));
  if (!plan.having.empty()) {
    FATHOM_ASSIGN_OR_RETURN(const std::string having, having_sql(plan.having));
    sql += " HAVING " + having;
  }
  if (!plan.order.empty()) sql += " ORDER BY " + order_sql(plan, list);
  if (!plan.limit.empty()) sql += " LIMIT " + plan.limit;
  return sql;
}

std::string plan_check(const TablePlan& plan) {
  if (missing_column(plan) != nullptr) return "cannot";
  if (plan.limit == "1") return "1 row";
  if (!plan.limit.empty()) return plan.limit + " rows";
  if (!plan.group.empty()) return fmt::format("a row per {}", fmt::join(plan.group, " and "));
  const bool rows = !plan.compute.empty() && (plan.compute[0].starts_with("list ") ||
                                              plan.compute[0].starts_with("distinct "));
  if (rows) return "rows";
  return plan.compute.size() == 1 ? "1 number" : fmt::format("{} numbers", plan.compute.size());
}

std::vector<std::string> plan_disagreements(const TablePlan& plan, std::string_view sql) {
  Texts out;
  const PlannedColumn* none = missing_column(plan);
  if (sql.empty()) {
    if (none == nullptr) out.push_back("the plan misses no column, and the answer declines");
    return out;
  }
  if (none != nullptr)
    return {fmt::format("the plan has no column for {}, and there is SQL", none->why)};
  const Result<std::string> stands_for = plan_sql(plan, "");
  if (!stands_for.ok()) return {stands_for.message()};
  const SqlOutline p = sql_outline(stands_for.value()), s = sql_outline(sql);
  if ((!plan.table.empty() || !plan.join.empty()) && p.from != s.from)
    out.push_back(fmt::format("the plan reads {}, the SQL {}", p.from, s.from));
  compare_columns(plan, sql, out);
  compare_lists("filter", p.where, s.where, out);
  compare_lists("select item", p.select, s.select, out);
  compare_lists("group", p.group, s.group, out);
  compare_lists("having", p.having, s.having, out);
  if (p.order != s.order)
    out.push_back(fmt::format("the plan orders by {}, the SQL by {}", fmt::join(p.order, ", "),
                              fmt::join(s.order, ", ")));
  if (p.limit != s.limit)
    out.push_back(fmt::format("the plan's limit is \"{}\", the SQL's \"{}\"", p.limit, s.limit));
  if (p.distinct != s.distinct) out.push_back("only one of plan and SQL is DISTINCT");
  if (!plan.check.empty() && plan.check != plan_check(plan))
    out.push_back(
        fmt::format("the check says {}, the plan gives {}", plan.check, plan_check(plan)));
  return out;
}

}  // namespace fathom
