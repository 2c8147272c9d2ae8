// See table_labels.h.
#include "toolbox/table_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/text_hash.h"
#include "toolbox/asking_words.h"
#include "toolbox/question_words_impl.h"
#include "toolbox/sql_outline_impl.h"
#include "toolbox/table_plan.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

using LiteralKind = MarkedLiteral::Kind;

constexpr std::string_view kTableLabels = "TUVW", kLiteralLabels = "pqrsvwxyz",
                           kUnknownLabels = "bcdefghjklmno";
constexpr size_t kMaxShownColumns = 4;
constexpr char kEnd = '\xff';  // behind each hashed name: in no UTF-8 text

std::string label_at(std::string_view letters, uint64_t begin, size_t i) {
  const std::string letter(1, letters[(begin + i) % letters.size()]);
  return i < letters.size() ? letter : letter + std::to_string(i / letters.size() + 1);
}

bool same_number(std::string_view a, std::string_view b) {
  double x = 0, y = 0;
  const auto read = [](std::string_view t, double& v) {
    return std::from_chars(t.data(), t.data() + t.size(), v).ptr == t.data() + t.size();
  };
  return read(a, x) && read(b, y) && x == y;
}

// Text that holds these words, whatever their letter case.
std::string like_pattern(std::string_view words) {
  return in_quotes(fmt::format("%{}%", ascii_lower(words)), '\'');
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

// The column that the value at token `i` is compared with: C of "C = v", "C LIKE v", "C IN (u, v)";
// empty where there is none.
std::string_view compared_column(const SqlTokens& tokens, size_t i, std::string_view sql) {
  if (i > 0 && (tokens[i - 1].is("(") || tokens[i - 1].is(","))) {
    while (i > 0 && !tokens[i - 1].is("in")) --i;
  }
  if (i < 2) return {};
  const SqlToken& column = tokens[i - 2].is("not") && i > 2 ? tokens[i - 3] : tokens[i - 2];
  return sql.substr(column.begin, column.end - column.begin);
}

// Runs of words that no mark overlaps and that do not ask, between them nothing but a space.
std::vector<std::pair<size_t, size_t>> unknown_runs(std::string_view question,
                                                    const std::vector<QuestionMark>& marks,
                                                    const Database& database) {
  std::vector<std::string> tables;
  for (const SqlTable& t : database.tables())
    tables.push_back(stems_of(question_words(name_words(t.name))));
  std::vector<std::pair<size_t, size_t>> runs;
  for (const QuestionWord& w : question_words(question)) {
    const auto covers = [&](const QuestionMark& m) { return m.begin < w.end && w.begin < m.end; };
    const bool number = std::any_of(w.key.begin(), w.key.end(), is_digit);
    if (number || is_asking_word(w.key) || std::any_of(marks.begin(), marks.end(), covers) ||
        std::find(tables.begin(), tables.end(), w.stem) != tables.end())
      continue;
    const bool goes_on =
        !runs.empty() && question.substr(runs.back().second, w.begin - runs.back().second) == " ";
    if (goes_on)
      runs.back().second = w.end;
    else
      runs.emplace_back(w.begin, w.end);
  }
  return runs;
}

}  // namespace

TableLabels::TableLabels(const Database& database, std::string_view asked, size_t max_values) {
  asked_ = one_line(asked, kMaxQuestionBytes);
  const auto& all = database.tables();
  std::string names;
  for (const SqlTable& t : all) {
    names += t.name + kEnd;
    for (const SqlColumn& c : t.columns) names += c.name + kEnd;
  }
  const uint64_t hash = text_hash(names);
  for (const SqlTable& t : all) {
    const std::string name = sql_identifier(t.name);
    tables_.push_back({&t, label_at(kTableLabels, 0, tables_.size()), name, name});
    for (const SqlColumn& c : t.columns) {
      const std::string column = sql_identifier(c.name);
      columns_.push_back({&c, label_at(kColumnLabels, hash >> 8, columns_.size()), column,
                          all.size() > 1 ? fmt::format("{}.{}", name, column) : column});
    }
  }
  const uint64_t begin = text_hash(names + asked_ + kEnd) >> 16;
  const std::vector<QuestionMark> marks = question_marks(database, asked_);
  mark(marks, unknown_runs(asked_, marks, database), begin, max_values);
}

const std::string& TableLabels::literal(const MarkedLiteral& literal, uint64_t begin) {
  for (const Literal& l : literals_)
    if (l.sql == literal.sql) return l.label;
  literals_.push_back(
      {label_at(kLiteralLabels, begin, literals_.size()), literal.sql, literal.bare, literal.kind});
  return literals_.back().label;
}

// The question, with labels behind what it names and behind what nothing answers to.
void TableLabels::mark(const std::vector<QuestionMark>& marks,
                       const std::vector<std::pair<size_t, size_t>>& unknown, uint64_t begin,
                       size_t max_values) {
  const std::string_view question = asked_;
  size_t done = 0, n_unknown = 0;
  const auto put_unknown = [&](size_t before) {
    for (; n_unknown < unknown.size() && unknown[n_unknown].second <= before; ++n_unknown) {
      const auto [from, to] = unknown[n_unknown];
      question_ += question.substr(done, to - done);
      done = to;
      if (n_unknown >= kUnknownLabels.size()) continue;
      const std::string label = label_at(kUnknownLabels, begin >> 8, n_unknown);
      question_ += "? " + label;
      pointers_.push_back({from, to, label, std::string(question.substr(from, to - from)), true});
    }
  };
  for (const QuestionMark& m : marks) {
    put_unknown(m.begin);
    question_ += question.substr(done, m.end - done);
    done = m.end;
    if (literals_.size() + m.literals.size() > max_values) continue;
    const std::string words(question.substr(m.begin, m.end - m.begin));
    if (m.kind != QuestionMark::Kind::kLiteral) question_ += m.is_certain() ? " =" : " ~";
    for (size_t i = 0; i < std::min(m.columns.size(), kMaxShownColumns); ++i) {
      question_ += " " + column(*m.columns[i]);
      if (words_for(*m.columns[i]).empty()) words_.emplace_back(m.columns[i], words);
    }
    for (const MarkedLiteral& l : m.literals) {
      question_ += " " + literal(l, begin);
      pointers_.push_back({m.begin, m.end, literal(l, begin), words, false});
    }
    if (m.literals.empty())
      pointers_.push_back({m.begin, m.end, column(*m.columns[0]), words, false});
    if (m.is_certain()) remember(m, question, begin);
  }
  put_unknown(question.size());
  question_ += question.substr(done);
}

std::string_view TableLabels::label_in(size_t begin, size_t end) const {
  for (const bool unknown : {true, false})
    for (const Pointer& p : pointers_)
      if (p.unknown == unknown && p.begin < end && begin < p.end && words_of(p.label) == p.words)
        return p.label;
  return {};
}

std::string_view TableLabels::label_of(std::string_view words) const {
  const size_t at = words.empty() ? asked_.npos : ascii_lower(asked_).find(ascii_lower(words));
  if (at != asked_.npos) {
    const std::string_view label = label_in(at, at + words.size());
    if (!label.empty()) return label;
  }
  const std::vector<QuestionWord> asked = question_words(asked_);
  for (const QuestionWord& w : question_words(words)) {
    if (is_asking_word(w.key)) continue;
    for (const QuestionWord& a : asked) {
      if (a.stem != w.stem) continue;
      const std::string_view label = label_in(a.begin, a.end);
      if (!label.empty()) return label;
    }
  }
  return {};
}

std::string_view TableLabels::words_of(std::string_view label) const {
  for (const auto& [c, words] : words_)
    if (column(*c) == label) return words;
  for (const Pointer& p : pointers_)
    if (p.label == label) return p.words;
  return {};
}

void TableLabels::remember(const QuestionMark& m, std::string_view question, uint64_t begin) {
  if (m.kind == QuestionMark::Kind::kLiteral) {  // a quarter's two days are both wanted
    for (const MarkedLiteral& l : m.literals)
      named_.push_back({m.begin, m.end, {literal(l, begin)}, {}, {}, l.sql, "", true});
    return;
  }
  const bool is_value = !m.literals.empty();
  const std::string stems = stems_of(question_words(question.substr(m.begin, m.end - m.begin)));
  const bool same = !named_.empty() && named_.back().begin == m.begin && named_.back().end == m.end;
  if (!same) named_.push_back({m.begin, m.end, {}, {}, {}, m.columns[0]->name, stems, false});
  Named& n = named_.back();
  for (const SqlColumn* c : m.columns) (is_value ? n.columns : n.labels).push_back(column(*c));
  if (!is_value) return;
  n.values.push_back(literal(m.literals[0], begin));
  if (!n.is_literal) n.text = m.literals[0].sql;
  n.is_literal = true;
}

std::string_view TableLabels::words_for(const SqlColumn& column) const {
  for (const auto& [c, words] : words_)
    if (c == &column) return words;
  return {};
}

bool TableLabels::names_column(std::string_view words) const {
  const std::string stems = stems_of(question_words(words));
  return std::any_of(named_.begin(), named_.end(),
                     [&](const Named& n) { return !n.is_literal && n.stems == stems; });
}

bool TableLabels::is_used(const Named& named, std::string_view sql) const {
  const SqlTokens tokens = sql_tokens(sql);
  const auto is = [](const std::vector<std::string>& list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string_view label = sql.substr(tokens[i].begin, tokens[i].end - tokens[i].begin);
    for (const Literal& l : literals_)
      if (named.is_literal && (l.sql == label || l.bare == label)) label = l.label;
    if (is(named.labels, label)) return true;
    if (is(named.values, label) && is(named.columns, compared_column(tokens, i, sql))) return true;
  }
  return false;
}

TableLabels::Unused TableLabels::unused(std::string_view labelled_sql) const {
  Unused out;
  for (const Named& n : named_) {
    if (is_used(n, labelled_sql)) continue;
    auto& list = n.is_literal ? out.literals : out.columns;
    if (std::find(list.begin(), list.end(), n.text) == list.end()) list.push_back(n.text);
  }
  return out;
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
      const bool number = l.kind == LiteralKind::kNumber;
      const bool like = l.kind == LiteralKind::kText && i > 0 && tokens[i - 1].is("like");
      put(t, number && beside_strftime(tokens, i) ? in_quotes(l.bare, '\'')
             : like                               ? like_pattern(l.bare)
                                                  : l.sql);
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
    constexpr std::string_view kColumns = "columns: ";
    if (!line.starts_with(kColumns)) {
      out += sql(line);
      continue;
    }
    // "in the north = C, d = A, B": names in place of what stands behind " = " or alone, and the
    // question's words of what stands before " = " or alone.
    out += kColumns;
    for (size_t at = kColumns.size(); at < line.size();) {
      const size_t stop = std::min(line.find_first_of(",\n", at), line.size());
      const size_t begin = std::min(line.find_first_not_of(' ', at), stop);
      const size_t equal = line.substr(0, stop).find(" = ", begin);
      const bool alone = equal == line.npos;
      const size_t name = alone ? begin : equal + 3;
      out += line.substr(at, begin - at);
      const std::string_view first = line.substr(begin, (alone ? stop : equal) - begin);
      const std::string_view words = words_of(first);
      if (!words.empty()) out += plan_words(words);
      if (words.empty() && !alone) out += first;
      if (!words.empty() || !alone) out += " = ";
      out += sql(line.substr(name, stop - name));
      if (stop < line.size()) out += line[stop];
      at = stop + 1;
    }
  }
  return out;
}

std::string TableLabels::missing(std::string_view labelled) const {
  const size_t space = labelled.rfind(' ') + 1;  // npos + 1: of a single word
  const std::string_view words = words_of(labelled.substr(space));
  return std::string(labelled.substr(0, space)) +
         std::string(words.empty() ? labelled.substr(space) : words);
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
    const bool month = i >= 4 && tokens[i - 4].is("number") && tokens[i - 3].is("of");
    const bool like = i > 0 && tokens[i - 1].is("like");
    for (const Literal& l : literals_) {
      const bool of_kind = month ? l.kind == LiteralKind::kMonthOfYear
                                 : l.kind == LiteralKind::kNumber || l.kind == LiteralKind::kDate;
      const bool number = t.kind == SqlTokenKind::kNumber && of_kind &&
                          (l.bare == run || (!month && same_number(l.bare, run)));
      const bool quoted =
          t.kind == SqlTokenKind::kString &&
          (like ? l.kind == LiteralKind::kText && like_pattern(l.bare) == run : l.sql == run);
      if (!number && !quoted) continue;
      out += text.substr(done, t.begin - done);
      out += l.label;
      done = seen;
      break;
    }
  }
  return out + std::string(text.substr(done));
}

}  // namespace fathom
