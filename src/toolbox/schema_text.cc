// See schema_text.h.
#include "toolbox/schema_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "toolbox/table_labels.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

constexpr size_t kMaxWords = 8;  // of a value that the question names
constexpr size_t kMaxQuestionBytes = 4000, kMaxLiteralBytes = 120;

bool is_frequent_word(std::string_view key) {
  static constexpr std::string_view kWords[] = {
      "a",     "all",   "an",    "and",   "any",  "are",  "as",  "at",   "be",   "by",   "can",
      "did",   "do",    "does",  "each",  "for",  "from", "get", "had",  "has",  "have", "he",
      "how",   "i",     "if",    "in",    "is",   "it",   "its", "last", "less", "many", "me",
      "more",  "most",  "much",  "my",    "no",   "none", "not", "of",   "on",   "one",  "or",
      "other", "our",   "per",   "s",     "she",  "show", "so",  "some", "t",    "than", "that",
      "the",   "them",  "then",  "there", "they", "this", "to",  "was",  "we",   "were", "what",
      "when",  "where", "which", "who",   "with", "you",  "your"};
  return std::find(std::begin(kWords), std::end(kWords), key) != std::end(kWords);
}

// The runs of 1 to kMaxWords words of the question, as match keys, each with its number of words.
std::unordered_map<std::string, size_t> phrases_of(std::string_view question) {
  const std::string key = match_key(question.substr(0, kMaxQuestionBytes));
  std::vector<size_t> begins;
  for (size_t i = 0; i < key.size(); ++i)
    if (i == 0 || key[i - 1] == ' ') begins.push_back(i);
  std::unordered_map<std::string, size_t> phrases;
  for (size_t i = 0; i < begins.size(); ++i) {
    for (size_t n = 1; n <= kMaxWords && i + n <= begins.size(); ++n) {
      const size_t end = i + n == begins.size() ? key.size() : begins[i + n] - 1;
      phrases.emplace(key.substr(begins[i], end - begins[i]), n);
    }
  }
  return phrases;
}

// The singular, or what is one for comparing: "cities" and "city", "sales" and "sale".
std::string stem(std::string word) {
  if (word.size() > 4 && word.ends_with("ies")) return word.substr(0, word.size() - 3) + "y";
  const auto sibilant = [&](std::string_view end) {
    return word.size() > 4 && word.ends_with(end);
  };
  if (sibilant("ses") || sibilant("xes") || sibilant("ches") || sibilant("shes"))
    return word.substr(0, word.size() - 2);
  if (word.size() > 2 && word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us"))
    word.pop_back();
  return word;
}

std::string stems(std::string_view key) {
  std::string out;
  while (!key.empty()) {
    const size_t end = std::min(key.find(' '), key.size());
    if (!out.empty()) out += ' ';
    out += stem(std::string(key.substr(0, end)));
    key.remove_prefix(std::min(end + 1, key.size()));
  }
  return out;
}

std::unordered_map<std::string, size_t> singular_phrases_of(std::string_view question) {
  return phrases_of(stems(match_key(question.substr(0, kMaxQuestionBytes))));
}

// "A" in "all sales of grade A": the value as it is written, as a word of its own.
bool stands_as_written(std::string_view question, std::string_view value) {
  if (ascii_lower(value) == value) return false;
  const auto letter = [&](size_t i) {
    const char c = i < question.size() ? question[i] : ' ';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  for (size_t i = question.find(value, 1); i != question.npos; i = question.find(value, i + 1))
    if (!letter(i - 1) && !letter(i + value.size())) return true;  // not the question's first word
  return false;
}

struct Match {
  NamedValue named;
  size_t n_words;
};

using Phrases = std::unordered_map<std::string, size_t>;

void match_column(const SqlTable& table, const SqlColumn& column, std::string_view question,
                  const Phrases& phrases, const Phrases& singular, std::vector<Match>& matches) {
  for (const std::string& value : column.values) {
    const std::string key = match_key(value);
    const Phrases& found_in = phrases.contains(key) ? phrases : singular;
    const auto at = found_in.find(&found_in == &phrases ? key : stems(key));
    if (at == found_in.end()) continue;
    if (is_frequent_word(key) && !stands_as_written(question, value)) continue;
    matches.push_back({{&table, &column, value}, at->second});
  }
}

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
    if (!text.add(fmt::format(" {} {}{}{} = {}", in_words(c.name, options),
                              column_type_name(c.type), unit,
                              first_values(c, rows, n_shown, options), labels.column(c))))
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

// What the question names, by labels.
void add_named(const std::vector<NamedColumn>& columns, const TableLabels& labels,
               BoundedText& text) {
  std::string line;
  for (const NamedColumn& c : columns)
    line += (line.empty() ? "named: " : ", ") + labels.column(*c.column);
  if (!line.empty()) text.add(line);
  line.clear();
  for (const TableLabels::Literal& l : labels.literals()) {
    line += line.empty() ? "values: " : ", ";
    line += one_line(l.sql, kMaxLiteralBytes);
    for (const std::string& column : l.columns) line += " " + column;
    line += " = " + l.label;
  }
  if (!line.empty()) text.add(line);
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
  const Phrases phrases = phrases_of(question), singular = singular_phrases_of(question);
  std::vector<Match> matches;
  for (const SqlTable& t : database.tables())
    for (const SqlColumn& c : t.columns) match_column(t, c, question, phrases, singular, matches);
  std::stable_sort(matches.begin(), matches.end(),
                   [](const Match& a, const Match& b) { return a.n_words > b.n_words; });
  std::vector<NamedValue> values;
  for (Match& m : matches)
    if (values.size() < max_values) values.push_back(std::move(m.named));
  return values;
}

std::vector<NamedColumn> columns_in_question(const Database& database, std::string_view question,
                                             size_t max_columns) {
  const Phrases phrases = singular_phrases_of(question);
  std::vector<std::pair<size_t, NamedColumn>> found;
  for (const SqlTable& t : database.tables()) {
    for (const SqlColumn& c : t.columns) {
      const std::string words = name_words(c.name);
      if (is_frequent_word(words)) continue;
      if (const auto at = phrases.find(stems(words)); at != phrases.end())
        found.push_back({at->second, {&t, &c}});
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<NamedColumn> columns;
  for (const auto& [n_words, column] : found)
    if (columns.size() < max_columns) columns.push_back(column);
  return columns;
}

Result<std::string> schema_text(Database& database, std::string_view question,
                                const SchemaTextOptions& options) {
  BoundedText text(options.max_bytes);
  if (options.layout == SchemaLayout::kColumns) {
    const TableLabels labels(database, question, options.max_values);
    for (const SqlTable& t : database.tables())
      FATHOM_RETURN_IF_ERROR(add_labelled_table(database, t, labels, options, text));
    add_named(columns_in_question(database, question, options.max_values), labels, text);
    return text.take();
  }
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
