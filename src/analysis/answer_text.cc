// See answer_text.h.
#include "analysis/answer_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace fathom {
namespace {

constexpr size_t kMaxNamed = 8;  // rows that a sentence spells out

bool is_null(const SqlValue& v) { return std::holds_alternative<std::monostate>(v); }

std::string value_or_empty(const SqlValue& v, const ResultColumn& column) {
  return is_null(v) ? "no value" : people_value(v, column);
}

std::string capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

double number_in(const SqlValue& v) {
  if (const auto* integer = std::get_if<int64_t>(&v)) return static_cast<double>(*integer);
  return std::get<double>(v);
}

std::string count_text(const QueryResult& result) {
  return fmt::format("{}{} rows", result.truncated ? "more than " : "",
                     people_integer(static_cast<int64_t>(result.rows.size())));
}

std::string joined(const std::vector<std::string>& parts, const char* last) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i)
    out += (i == 0 ? "" : i + 1 == parts.size() ? last : ", ") + parts[i];
  return out;
}

/// "North: total 1,234, share 12%"; without a name in front "count 3, average price $4".
std::string row_text(const std::vector<ResultColumn>& columns, const std::vector<SqlValue>& row) {
  std::vector<std::string> parts;
  const bool named = !columns[0].numeric && !is_null(row[0]);
  for (size_t i = named ? 1 : 0; i < row.size(); ++i)
    parts.push_back(fmt::format("{} {}", columns[i].words, value_or_empty(row[i], columns[i])));
  const std::string rest = joined(parts, ", ");
  return named ? fmt::format("{}: {}", people_value(row[0], columns[0]), rest) : capital(rest);
}

std::string list_text(const ResultColumn& column, const QueryResult& result) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < std::min(result.rows.size(), kMaxNamed); ++i)
    parts.push_back(value_or_empty(result.rows[i][0], column));
  if (parts.size() == result.rows.size()) return joined(parts, " and ") + ".";
  return fmt::format("{}: {}, …", capital(count_text(result)), joined(parts, ", "));
}

/// The rows with the largest and the smallest number in column `i`.
std::string ends_text(const std::vector<ResultColumn>& columns, const QueryResult& result,
                      size_t i) {
  const std::vector<SqlValue>*low = nullptr, *high = nullptr;
  for (const auto& row : result.rows) {
    if (is_null(row[i])) continue;
    if (low == nullptr || number_in(row[i]) < number_in((*low)[i])) low = &row;
    if (high == nullptr || number_in(row[i]) > number_in((*high)[i])) high = &row;
  }
  return fmt::format("{}. Highest {}: {} ({}); lowest: {} ({}).", capital(count_text(result)),
                     columns[i].words, value_or_empty((*high)[0], columns[0]),
                     people_value((*high)[i], columns[i]), value_or_empty((*low)[0], columns[0]),
                     people_value((*low)[i], columns[i]));
}

std::string pairs_text(const std::vector<ResultColumn>& columns, const QueryResult& result) {
  std::vector<std::string> parts;
  for (const auto& row : result.rows)
    parts.push_back(fmt::format("{} {}", value_or_empty(row[0], columns[0]),
                                value_or_empty(row[1], columns[1])));
  return fmt::format("{}: {}.", capital(columns[1].words), joined(parts, ", "));
}

/// Of several rows and columns.
std::string grouped_text(const std::vector<ResultColumn>& columns, const QueryResult& result) {
  const bool named = !columns[0].numeric || columns[0].plain;
  if (columns.size() == 2 && named && columns[1].numeric && result.rows.size() <= kMaxNamed &&
      !result.truncated)
    return pairs_text(columns, result);
  const auto number = std::find_if(columns.begin() + 1, columns.end(),
                                   [](const ResultColumn& c) { return c.numeric && !c.plain; });
  if (!named || number == columns.end() || columns.size() > 3)
    return fmt::format("{} of {} columns.", capital(count_text(result)), columns.size());
  if (result.truncated) return capital(count_text(result)) + ".";
  return ends_text(columns, result, static_cast<size_t>(number - columns.begin()));
}

}  // namespace

bool is_empty_result(const QueryResult& result) {
  if (result.rows.empty()) return true;
  return result.rows.size() == 1 &&
         std::all_of(result.rows[0].begin(), result.rows[0].end(), is_null);
}

std::string answer_text(const std::vector<ResultColumn>& columns, const QueryResult& result) {
  if (is_empty_result(result)) return "Nothing in the table matches.";
  const size_t n_columns = columns.size();
  if (result.rows.size() > 1)
    return n_columns == 1 ? list_text(columns[0], result) : grouped_text(columns, result);
  const std::vector<SqlValue>& row = result.rows[0];
  if (n_columns > 1) return row_text(columns, row) + ".";
  const std::string value = value_or_empty(row[0], columns[0]);
  if (!columns[0].numeric) return value + ".";
  return fmt::format("{}: {}.", capital(columns[0].words), value);
}

}  // namespace fathom
