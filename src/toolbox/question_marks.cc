// See question_marks.h.
#include "toolbox/question_marks.h"

#include <algorithm>
#include <set>
#include <utility>

#include "toolbox/date_text_impl.h"
#include "toolbox/question_words_impl.h"
#include "toolbox/schema_text.h"
#include "toolbox/text_impl.h"
#include "toolbox/thesaurus_impl.h"

namespace fathom {
namespace {

using Kind = QuestionMark::Kind;

// A run of the question's words that something answers to.
struct Candidate {
  Kind kind;
  size_t first, n;  // words
  const SqlColumn* column;
  std::string_view value = {};
  bool akin_whole = false;  // to all of the name, not to some of its words
};

// Behind a name's other words it tells the unit: "cost usd" is named by "cost".
bool is_unit(std::string_view key) {
  static constexpr std::string_view kUnits[] = {
      "billion", "bn",  "c",   "celsius",  "chf",      "cm",  "eur", "g",   "gb",      "gbp",
      "gwh",     "ha",  "hr",  "hrs",      "jpy",      "kg",  "km",  "km2", "kmh",     "kw",
      "kwh",     "lb",  "lbs", "m2",       "m3",       "mb",  "mg",  "mi",  "million", "mins",
      "ml",      "mm",  "mph", "ms",       "mw",       "mwh", "oz",  "pct", "ppm",     "sec",
      "sqft",    "sqm", "tb",  "thousand", "trillion", "usd"};
  return std::find(std::begin(kUnits), std::end(kUnits), key) != std::end(kUnits);
}

// The words of a column's name without the unit at its end.
std::vector<QuestionWord> words_of_name(const SqlColumn& column) {
  std::vector<QuestionWord> own = question_words(name_words(column.name));
  while (own.size() > 1 && is_unit(own.back().key)) own.pop_back();
  return own;
}

// Words that say what to compute or by what; alone they are no part of a name.
bool is_of_the_task(std::string_view stem) {
  static constexpr std::string_view kWords[] = {"average", "count", "day",   "month", "number",
                                                "quarter", "sum",   "total", "week",  "year"};
  return std::find(std::begin(kWords), std::end(kWords), stem) != std::end(kWords);
}

bool may_be_part(const QuestionWord& w) {
  return w.key.size() >= 3 && !is_digit(w.key[0]) && !is_frequent_word(w.key) &&
         !is_of_the_task(w.stem) && !is_unit(w.key);
}

void add_column(const SqlColumn& column, const std::vector<QuestionWord>& words,
                std::vector<Candidate>& out) {
  const std::vector<QuestionWord> own = question_words(name_words(column.name));
  if (std::all_of(own.begin(), own.end(), [](const auto& w) { return is_frequent_word(w.key); }))
    return;
  const size_t without_unit = words_of_name(column).size();
  for (size_t i = 0; i < words.size(); ++i) {
    size_t best = 0, first = 0;  // of the name from any word on, and from its first
    for (size_t k = 0; k < own.size(); ++k) {
      size_t n = 0;
      while (i + n < words.size() && k + n < own.size() && is_same_word(own[k + n], words[i + n]))
        ++n;
      best = std::max(best, n);
      if (k == 0) first = n;
    }
    if (best == 0) continue;
    const bool whole = first >= without_unit;
    if (!whole && std::none_of(words.begin() + i, words.begin() + i + best, may_be_part)) continue;
    out.push_back({whole ? Kind::kColumn : Kind::kPart, i, whole ? first : best, &column});
  }
}

bool share_a_group(std::span<const uint16_t> a, std::span<const uint16_t> b) {
  return std::any_of(a.begin(), a.end(),
                     [&](uint16_t g) { return std::binary_search(b.begin(), b.end(), g); });
}

// Words that stand in many names and alone say nothing of a column.
bool is_of_any_name(const std::string& stems) {
  static constexpr std::string_view kWords[] = {"code", "id", "name", "number", "type", "value"};
  return std::find(std::begin(kWords), std::end(kWords), stems) != std::end(kWords);
}

// The groups of the thesaurus in which the name stands, or some of its words.
std::vector<uint16_t> groups_of_name(const std::vector<QuestionWord>& own) {
  std::vector<uint16_t> all;
  for (size_t i = 0; i < own.size(); ++i) {
    for (size_t n = 1; n <= std::min(kMaxThesaurusWords, own.size() - i); ++n) {
      const std::string stems = stems_of({own.data() + i, n});
      if (n < own.size() && is_of_any_name(stems)) continue;
      const auto groups = thesaurus_groups(stems);
      all.insert(all.end(), groups.begin(), groups.end());
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

void add_akin(const SqlColumn& column, const std::vector<QuestionWord>& words,
              std::vector<Candidate>& out) {
  const std::vector<QuestionWord> name = words_of_name(column);
  const std::vector<uint16_t> own = groups_of_name(name);
  if (own.empty()) return;
  const auto of_all = thesaurus_groups(stems_of(name));
  for (size_t i = 0; i < words.size(); ++i) {
    for (size_t n = 1; n <= std::min(kMaxThesaurusWords, words.size() - i); ++n) {
      if (n == 1 && is_of_the_task(words[i].stem)) continue;
      const auto asked = thesaurus_groups(stems_of({words.data() + i, n}));
      if (share_a_group(asked, own))
        out.push_back({Kind::kAkin, i, n, &column, {}, share_a_group(asked, of_all)});
    }
  }
}

void add_values(const SqlColumn& column, std::string_view question, const QuestionPhrases& phrases,
                std::vector<Candidate>& out) {
  for (const std::string& value : column.values)
    for (const QuestionPhrases::Place& p : phrases.find(question, value))
      out.push_back({Kind::kValue, p.first, p.n, &column, value});
}

// What is written first; then more words; a part last among as many.
bool goes_first(const Candidate& a, const Candidate& b) {
  const bool a_akin = a.kind == Kind::kAkin, b_akin = b.kind == Kind::kAkin;
  if (a_akin != b_akin) return b_akin;
  if (a.n != b.n) return a.n > b.n;
  return (a.kind == Kind::kPart) < (b.kind == Kind::kPart);
}

class MarkChooser {
 public:
  explicit MarkChooser(const std::vector<QuestionWord>& words) : words_(words) {}

  void choose(std::vector<Candidate> all) {
    std::stable_sort(all.begin(), all.end(), goes_first);
    for (const Candidate& c : all) add(c);
    for (QuestionMark& m : marks_)
      if (m.kind == Kind::kAkin && m.columns.size() > kMaxPartColumns)
        std::erase_if(m.columns, [&](const SqlColumn* c) {
          return !whole_.contains({m.begin, c});
        });
    std::erase_if(marks_, [](const QuestionMark& m) {
      return !m.is_certain() && (m.columns.empty() || m.columns.size() > kMaxPartColumns);
    });
  }

  void add_where_free(QuestionMark mark) {
    const auto overlaps = [&](const QuestionMark& m) {
      return m.begin < mark.end && mark.begin < m.end;
    };
    if (std::none_of(marks_.begin(), marks_.end(), overlaps)) marks_.push_back(std::move(mark));
  }

  std::vector<QuestionMark> take() {
    std::stable_sort(marks_.begin(), marks_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.begin, a.kind) < std::pair(b.begin, b.kind);
    });
    return std::move(marks_);
  }

 private:
  void add(const Candidate& c) {
    const size_t begin = words_[c.first].begin, end = words_[c.first + c.n - 1].end;
    if (c.akin_whole) whole_.insert({begin, c.column});
    for (QuestionMark& m : marks_) {
      if (m.end <= begin || end <= m.begin) continue;
      if (m.begin != begin || m.end != end) return;
      if (m.kind == c.kind) {
        if (std::find(m.columns.begin(), m.columns.end(), c.column) != m.columns.end()) return;
        if (c.kind != Kind::kValue || m.literals[0].bare == c.value) {
          m.columns.push_back(c.column);
          return;
        }
      } else if (!may_stand_beside(c.kind, m.kind)) {
        return;
      }
    }
    QuestionMark mark{c.kind, begin, end, {c.column}, {}};
    if (c.kind == Kind::kValue) {
      const std::string value(c.value);
      mark.literals.push_back({MarkedLiteral::Kind::kText, sql_literal(value), value});
    }
    marks_.push_back(std::move(mark));
  }

  // Words that name a column, or are part of its name, may be a value too.
  static bool may_stand_beside(Kind added, Kind known) {
    if (added == Kind::kValue) return known == Kind::kColumn;
    return added != Kind::kAkin && known == Kind::kValue;
  }

  const std::vector<QuestionWord>& words_;
  std::vector<QuestionMark> marks_;
  std::set<std::pair<size_t, const SqlColumn*>> whole_;  // words akin to all of a name
};

}  // namespace

std::vector<QuestionMark> question_marks(const Database& database, std::string_view question) {
  const std::vector<QuestionWord> words = question_words(question);
  if (words.empty()) return {};
  const QuestionPhrases phrases(words);
  std::vector<Candidate> candidates;
  for (const SqlTable& t : database.tables()) {
    for (const SqlColumn& c : t.columns) {
      add_column(c, words, candidates);
      add_akin(c, words, candidates);
      add_values(c, question, phrases, candidates);
    }
  }
  MarkChooser chooser(words);
  chooser.choose(std::move(candidates));
  for (QuestionMark& l : question_literals(question, words)) chooser.add_where_free(std::move(l));
  return chooser.take();
}

}  // namespace fathom
