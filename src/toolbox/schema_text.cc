// See schema_text.h.
#include "toolbox/schema_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "toolbox/question_words_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

struct Match {
  NamedValue named;
  size_t n_words;
};

// Lines up to a number of bytes; what does not fit is left out, and its kind counted by the caller.
class BoundedText {
 public:
  explicit BoundedText(size_t max_bytes) : max_bytes_(max_bytes) {}
  bool add(const std::string& line) {
    if (text_.size() + line.size() + 1 > max_bytes_) return false;
    text_ += line + "\n";
    return true;
  }
  void add_always(const std::string& line) { text_ += line + "\n"; }
  std::string take() { return std::move(text_); }

 private:
  size_t max_bytes_;
  std::string text_;
};

std::string column_line(const SqlColumn& c) {
  std::string line = fmt::format("  {} {}", sql_identifier(c.name), column_type_name(c.type));
  if (c.type == ColumnType::kBoolean) line += ", 1 = yes, 0 = no";
  if (!c.unit.empty()) line += ", in " + c.unit;
  return line;
}

std::string row_line(const std::vector<SqlValue>& row, size_t max_cell_bytes) {
  std::string line;
  for (const SqlValue& v : row) {
    if (&v != row.data()) line += " | ";
    line += std::holds_alternative<std::monostate>(v) ? "NULL"
                                                      : one_line(value_text(v), max_cell_bytes);
  }
  return line;
}

Result<QueryResult> first_rows(Database& database, const SqlTable& table, size_t n_columns,
                               const SchemaTextOptions& options) {
  std::string columns;
  for (size_t i = 0; i < n_columns; ++i)
    columns += (i == 0 ? "" : ", ") + in_quotes(table.columns[i].name, '"');
  const std::string sql = fmt::format("SELECT {} FROM {} LIMIT {}", columns,
                                      in_quotes(table.name, '"'), options.n_sample_rows);
  return database.query(sql, {.max_value_bytes = 1 << 30, .max_sql_bytes = 1 << 30});
}

// The first values of a text column that differ; of another, the first of the sampled rows.
std::string first_values(const SqlColumn& c, const QueryResult& rows, size_t i,
                         const SchemaTextOptions& options) {
  std::string text;
  const auto add = [&](std::string_view value) {
    text += (text.empty() ? ": " : " | ") + one_line(value, options.max_cell_bytes);
  };
  for (size_t k = 0; k < std::min<size_t>(c.values.size(), 2); ++k) add(c.values[k]);
  for (size_t k = 0; text.empty() && k < rows.rows.size(); ++k)
    if (rows.rows[k][i].index() != 0) add(value_text(rows.rows[k][i]));
  return text;
}

std::string in_words(std::string_view name, const SchemaTextOptions& options) {
  const std::string words = name_words(name);
  return one_line(words.empty() ? name : words, 2 * options.max_cell_bytes);
}

Status add_labelled_table(Database& database, const SqlTable& table, const TableLabels& labels,
                          const SchemaTextOptions& options, BoundedText& text) {
  text.add_always(fmt::format("table {} = {}", in_words(table.name, options), labels.table(table)));
  const size_t n_columns = std::min(table.columns.size(), options.max_columns);
  QueryResult rows;
  if (options.n_sample_rows > 0) {
    FATHOM_ASSIGN_OR_RETURN(rows, first_rows(database, table, n_columns, options));
  }
  size_t n_shown = 0;
  for (; n_shown < n_columns; ++n_shown) {
    const SqlColumn& c = table.columns[n_shown];
    const std::string unit = c.unit.empty() ? "" : " " + one_line(c.unit, options.max_cell_bytes);
    if (!text.add(fmt::format(" {} = {} {}{}{}", in_words(c.name, options), labels.column(c),
                              column_type_name(c.type), unit,
                              first_values(c, rows, n_shown, options))))
      break;
  }
  if (n_shown < table.columns.size())
    text.add_always(fmt::format("{} more columns", table.columns.size() - n_shown));
  return {};
}

void add_values(const std::vector<NamedValue>& values, BoundedText& text) {
  bool shown = !values.empty() && text.add("values in the question:");
  for (const NamedValue& v : values)
    shown = shown && text.add(fmt::format("  {}.{} = {}", sql_identifier(v.table->name),
                                          sql_identifier(v.column->name), sql_literal(v.value)));
}

Status add_table(Database& database, const SqlTable& table, const SchemaTextOptions& options,
                 BoundedText& text) {
  text.add_always(fmt::format("table {}: {} rows", sql_identifier(table.name), table.n_rows));
  size_t n_shown = 0;
  while (n_shown < std::min(table.columns.size(), options.max_columns) &&
         text.add(column_line(table.columns[n_shown])))
    ++n_shown;
  if (n_shown < table.columns.size())
    text.add_always(fmt::format("  {} more columns", table.columns.size() - n_shown));
  if (n_shown == 0 || options.n_sample_rows == 0) return {};
  FATHOM_ASSIGN_OR_RETURN(const QueryResult rows, first_rows(database, table, n_shown, options));
  bool shown = text.add("first rows:");
  for (const auto& row : rows.rows)
    shown = shown && text.add("  " + row_line(row, options.max_cell_bytes));
  return {};
}

}  // namespace

std::vector<NamedValue> values_in_question(const Database& database, std::string_view question,
                                           size_t max_values) {
  question = question.substr(0, kMaxQuestionBytes);
  const std::vector<QuestionWord> words = question_words(question);
  const QuestionPhrases phrases(words);
  std::vector<Match> matches;
  for (const SqlTable& t : database.tables())
    for (const SqlColumn& c : t.columns)
      for (const std::string& value : c.values)
        if (const auto places = phrases.find(question, value); !places.empty())
          matches.push_back({{&t, &c, value}, places[0].n});
  std::stable_sort(matches.begin(), matches.end(),
                   [](const Match& a, const Match& b) { return a.n_words > b.n_words; });
  std::vector<NamedValue> values;
  for (Match& m : matches)
    if (values.size() < max_values) values.push_back(std::move(m.named));
  return values;
}

Result<std::string> labelled_schema_text(Database& database, const TableLabels& labels,
                                         const SchemaTextOptions& options) {
  BoundedText text(options.max_bytes);
  for (const SqlTable& t : database.tables())
    FATHOM_RETURN_IF_ERROR(add_labelled_table(database, t, labels, options, text));
  return text.take();
}

Result<std::string> schema_text(Database& database, std::string_view question,
                                const SchemaTextOptions& options) {
  if (options.layout == SchemaLayout::kColumns)
    return labelled_schema_text(database, TableLabels(database, question, options.max_values),
                                options);
  BoundedText text(options.max_bytes);
  for (const SqlTable& t : database.tables())
    FATHOM_RETURN_IF_ERROR(add_table(database, t, options, text));
  add_values(values_in_question(database, question, options.max_values), text);
  return text.take();
}

std::string result_text(const QueryResult& result, const ResultTextOptions& options) {
  BoundedText text(options.max_bytes);
  std::vector<SqlValue> names(result.columns.begin(), result.columns.end());
  text.add_always(row_line(names, options.max_cell_bytes));
  size_t n_shown = 0;
  while (n_shown < std::min(result.rows.size(), options.max_rows) &&
         text.add(row_line(result.rows[n_shown], options.max_cell_bytes)))
    ++n_shown;
  std::string last = fmt::format("({}{} row{}", result.truncated ? "more than " : "",
                                 result.rows.size(), result.rows.size() == 1 ? "" : "s");
  if (n_shown < result.rows.size()) last += fmt::format(", {} shown", n_shown);
  text.add_always(last + ")");
  return text.take();
}

}  // namespace fathom
