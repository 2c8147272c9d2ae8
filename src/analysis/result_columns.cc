// See result_columns.h.
#include "analysis/result_columns.h"

#include <algorithm>

#include "analysis/cell_text.h"
#include "analysis/sql_units_impl.h"

namespace fathom {
namespace {

bool has_numbers_alone(const QueryResult& result, size_t i) {
  bool any = false;
  for (const auto& row : result.rows) {
    if (std::holds_alternative<std::string>(row[i])) return false;
    any |= !std::holds_alternative<std::monostate>(row[i]);
  }
  return any;
}

/// Its own name says so, of an alias as well: no amount of a year lies outside these.
bool is_year_or_identity(const Database& database, const std::string& name,
                         const QueryResult& result, size_t i) {
  if (!named_unit(database, name).plain) return false;
  return std::all_of(result.rows.begin(), result.rows.end(), [i](const auto& row) {
    const auto* integer = std::get_if<int64_t>(&row[i]);
    return integer == nullptr || (*integer >= 1000 && *integer < 3000);
  });
}

bool is_name(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
    return std::string_view("()*/+<>='\"|,").find(c) != std::string_view::npos;
  });
}

/// "cost usd" beside $490,000,000 says it twice.
void drop_unit_word(std::string& words) {
  for (const std::string_view w : {" usd", " eur", " gbp", " percent", " pct"})
    if (words.ends_with(w)) words.erase(words.size() - w.size());
}

std::string spaced(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '_', ' ');
  return cell_text(out, 60);
}

/// A name in double quotes without them; empty where it is none.
std::string_view quoted_name(std::string_view text) {
  const bool quoted =
      text.size() > 2 && text.front() == '"' && text.find('"', 1) == text.size() - 1;
  return quoted ? text.substr(1, text.size() - 2) : std::string_view();
}

}  // namespace

std::string column_words(std::string_view name) {
  if (is_name(name)) return spaced(name);
  if (const auto inner = quoted_name(name); !inner.empty()) return spaced(inner);
  struct Function {
    std::string_view sql, words;
  };
  static constexpr Function kFunctions[] = {
      {"sum", "sum of "},      {"avg", "average of "}, {"min", "smallest "}, {"max", "largest "},
      {"count", "number of "}, {"total", "sum of "},   {"round", ""}};
  const size_t open = name.find('(');
  if (open == name.npos || !name.ends_with(')')) return cell_text(name, 60);
  std::string function(name.substr(0, open));
  for (char& c : function) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  std::string_view inner = name.substr(open + 1, name.size() - open - 2);
  for (const Function& f : kFunctions) {
    if (f.sql != function) continue;
    if (function == "count" && inner == "*") return "count";
    if (function == "round") return column_words(inner.substr(0, inner.rfind(',')));
    std::string_view distinct;
    for (const std::string_view d : {"DISTINCT ", "distinct "}) {
      if (!inner.starts_with(d)) continue;
      inner.remove_prefix(d.size());
      distinct = "different ";
    }
    if (const auto unquoted = quoted_name(inner); !unquoted.empty())
      return std::string(f.words) + std::string(distinct) + spaced(unquoted);
    if (is_name(inner)) return std::string(f.words) + std::string(distinct) + spaced(inner);
  }
  return cell_text(name, 60);
}

std::vector<ResultColumn> result_columns(const Database& database, std::string_view sql,
                                         const QueryResult& result) {
  std::vector<ColumnUnit> units = sql_units(database, sql);
  if (units.size() != result.columns.size()) {  // SELECT *: by their names
    units.clear();
    for (const std::string& name : result.columns) units.push_back(named_unit(database, name));
  }
  std::vector<ResultColumn> columns;
  for (size_t i = 0; i < result.columns.size(); ++i) {
    ResultColumn c{.name = result.columns[i], .words = column_words(result.columns[i])};
    c.numeric = has_numbers_alone(result, i);
    if (c.numeric) c.unit = units[i].unit;
    c.plain =
        c.numeric && c.unit.empty() &&
        (units[i].plain || (is_name(c.name) && is_year_or_identity(database, c.name, result, i)));
    if (!c.unit.empty()) drop_unit_word(c.words);
    columns.push_back(std::move(c));
  }
  return columns;
}

}  // namespace fathom
