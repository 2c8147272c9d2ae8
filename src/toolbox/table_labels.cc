// See table_labels.h.
#include "toolbox/table_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/text_hash.h"
#include "toolbox/schema_text.h"
#include "toolbox/sql_outline_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

constexpr std::string_view kTableLabels = "TUVW", kLiteralLabels = "pqrsvwxyz";
constexpr char kEnd = '\xff';  // behind each hashed name: in no UTF-8 text

std::string label_at(std::string_view letters, uint64_t begin, size_t i) {
  const std::string letter(1, letters[(begin + i) % letters.size()]);
  return i < letters.size() ? letter : letter + std::to_string(i / letters.size() + 1);
}

bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

// The date (2024-03-05) or month (2024-03) that begins the text; empty where there is none.
std::string_view leading_date(std::string_view text) {
  static constexpr std::string_view kShape = "dddd-dd-dd";
  size_t n = 0;
  while (n < std::min(text.size(), kShape.size()) &&
         (kShape[n] == '-' ? text[n] == '-' : is_digit(text[n])))
    ++n;
  if (n != kShape.size()) n = n >= 7 ? 7 : 0;
  const bool ends = n == text.size() || !(is_digit(text[n]) || text[n] == '-');
  return text.substr(0, ends ? n : 0);
}

// The number that begins the text, and its bytes: "1200.5" of "1,200.50 a day".
std::string leading_number(std::string_view text, size_t& bytes) {
  std::string digits;
  bool fraction = false;
  const auto digit = [&](size_t i) { return i < text.size() && is_digit(text[i]); };
  for (bytes = 0; bytes < text.size(); ++bytes) {
    const char c = text[bytes];
    const size_t i = bytes;
    if (is_digit(c)) {
      digits += c;
    } else if (c == '.' && !fraction && digit(i + 1)) {
      fraction = true;
      digits += c;
    } else if (!(c == ',' && !fraction && digit(i + 1) && digit(i + 2) && digit(i + 3) &&
                 !digit(i + 4))) {
      break;
    }
  }
  return digits;
}

// Numbers, months and dates of the question in its order, each once. 0 and 1 are not among them:
// they also stand for no and yes.
std::vector<std::string> numbers_in(std::string_view question) {
  std::vector<std::string> found;
  const auto letter = [&](size_t i) { return is_word_byte(question[i]) && !is_digit(question[i]); };
  for (size_t i = 0; i < question.size(); ++i) {
    if (!is_digit(question[i])) continue;
    const bool in_name =
        i > 0 && (letter(i - 1) || (question[i - 1] == '-' && i > 1 && letter(i - 2)));
    std::string bare(leading_date(question.substr(i)));
    size_t bytes = bare.size();
    if (bare.empty()) bare = leading_number(question.substr(i), bytes);
    const size_t end = i + bytes;
    i = end - 1;
    if (in_name || (end < question.size() && letter(end))) continue;
    if (bare != "0" && bare != "1" && std::find(found.begin(), found.end(), bare) == found.end())
      found.push_back(bare);
  }
  return found;
}

bool same_number(std::string_view a, std::string_view b) {
  double x = 0, y = 0;
  const auto read = [](std::string_view t, double& v) {
    return std::from_chars(t.data(), t.data() + t.size(), v).ptr == t.data() + t.size();
  };
  return read(a, x) && read(b, y) && x == y;
}

// The token at `i` is compared with strftime(…), whose values are text.
bool beside_strftime(const SqlTokens& tokens, size_t i) {
  static constexpr std::string_view kComparisons[] = {"=", "<>", "<", ">", "<=", ">="};
  if (i < 2 || !tokens[i - 2].is(")") ||
      std::none_of(std::begin(kComparisons), std::end(kComparisons),
                   [&](std::string_view c) { return tokens[i - 1].is(c); }))
    return false;
  int depth = 0;
  for (size_t k = i - 2;; --k) {
    depth += tokens[k].is(")");
    depth -= tokens[k].is("(");
    if (depth == 0) return k > 0 && tokens[k - 1].is("strftime");
    if (k == 0) return false;
  }
}

}  // namespace

TableLabels::TableLabels(const Database& database, std::string_view question, size_t max_values) {
  const auto& all = database.tables();
  std::string names;
  for (const SqlTable& t : all) {
    names += t.name + kEnd;
    for (const SqlColumn& c : t.columns) names += c.name + kEnd;
  }
  const uint64_t hash = text_hash(names);
  for (const SqlTable& t : all) {
    const std::string name = sql_identifier(t.name);
    tables_.push_back({&t, label_at(kTableLabels, hash >> 32, tables_.size()), name, name});
    for (const SqlColumn& c : t.columns) {
      const std::string column = sql_identifier(c.name);
      columns_.push_back({&c, label_at(kColumnLabels, hash >> 8, columns_.size()), column,
                          all.size() > 1 ? fmt::format("{}.{}", name, column) : column});
    }
  }
  const uint64_t begin = text_hash(names + std::string(question) + kEnd) >> 16;
  const auto add = [&](std::string sql, std::string bare) -> Literal& {
    literals_.push_back(
        {label_at(kLiteralLabels, begin, literals_.size()), std::move(sql), std::move(bare)});
    return literals_.back();
  };
  for (const NamedValue& v : values_in_question(database, question, max_values)) {
    const std::string text = sql_literal(v.value);
    const auto known = std::find_if(literals_.begin(), literals_.end(),
                                    [&](const Literal& l) { return l.sql == text; });
    (known == literals_.end() ? add(text, "") : *known).columns.push_back(column(*v.column));
  }
  for (const std::string& bare : numbers_in(question)) {
    if (literals_.size() >= max_values) break;
    add(bare.find('-') == bare.npos ? bare : in_quotes(bare, '\''), bare);
  }
}

const std::string& TableLabels::table(const SqlTable& table) const {
  for (const Name& n : tables_)
    if (n.what == &table) return n.label;
  FATHOM_CHECK(false);
}

const std::string& TableLabels::column(const SqlColumn& column) const {
  for (const Name& n : columns_)
    if (n.what == &column) return n.label;
  FATHOM_CHECK(false);
}

const TableLabels::Name* TableLabels::find(std::string_view label) const {
  for (const auto* names : {&columns_, &tables_})
    for (const Name& n : *names)
      if (n.label == label) return &n;
  return nullptr;
}

std::string TableLabels::sql(std::string_view labelled) const {
  const SqlTokens tokens = sql_tokens(labelled);
  std::string out;
  size_t done = 0;
  const auto put = [&](const SqlToken& t, std::string_view text) {
    out += labelled.substr(done, t.begin - done);
    out += text;
    done = t.end;
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    const SqlToken& t = tokens[i];
    if (t.kind != SqlTokenKind::kWord) continue;
    const std::string_view word = labelled.substr(t.begin, t.end - t.begin);
    const bool call = i + 1 < tokens.size() && tokens[i + 1].is("(");
    if (call) continue;
    if (const Name* n = find(word)) {
      put(t, i > 0 && tokens[i - 1].is(".") ? n->name : n->qualified);
      continue;
    }
    for (const Literal& l : literals_) {
      if (l.label != word) continue;
      const bool text = !l.bare.empty() && l.sql == l.bare && beside_strftime(tokens, i);
      put(t, text ? in_quotes(l.bare, '\'') : l.sql);
      break;
    }
  }
  return out + std::string(labelled.substr(done));
}

std::string TableLabels::plan(std::string_view labelled) const {
  std::string out;
  while (!labelled.empty()) {
    const size_t end = std::min(labelled.find('\n'), labelled.size() - 1) + 1;
    const std::string_view line = labelled.substr(0, end);
    labelled.remove_prefix(end);
    if (!line.starts_with("columns: ")) {
      out += sql(line);
      continue;
    }
    // "in the north = C, sold = A": what stands behind " = ".
    for (size_t at = 0; at < line.size();) {
      const size_t equal = std::min(line.find(" = ", at), line.size());
      const size_t name = std::min(equal + 3, line.size());
      const size_t stop = std::min(line.find_first_of(",\n", name), line.size());
      out += line.substr(at, name - at);
      out += sql(line.substr(name, stop - name));
      at = stop;
    }
  }
  return out;
}

std::string TableLabels::with_literals(std::string_view text) const {
  const SqlTokens tokens = sql_tokens(text);
  std::string out;
  size_t done = 0, seen = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const SqlToken& t = tokens[i];
    if (t.begin < seen) continue;  // the month of 2024-03
    seen = t.end;
    if (t.kind == SqlTokenKind::kNumber)
      while (seen < text.size() && (is_digit(text[seen]) || text[seen] == '-')) ++seen;
    const std::string_view run = text.substr(t.begin, seen - t.begin);
    // "month number of sold_on = 05": no question writes it so.
    const bool month = i >= 4 && tokens[i - 4].is("number") && tokens[i - 3].is("of");
    for (const Literal& l : literals_) {
      const bool number = t.kind == SqlTokenKind::kNumber && !month && !l.bare.empty() &&
                          (l.bare == run || same_number(l.bare, run));
      if (!number && !(t.kind == SqlTokenKind::kString && l.sql == run)) continue;
      out += text.substr(done, t.begin - done);
      out += l.label;
      done = seen;
      break;
    }
  }
  return out + std::string(text.substr(done));
}

}  // namespace fathom
