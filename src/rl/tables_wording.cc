// See tables_wording_impl.h.
#include "rl/tables_wording_impl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace fathom {
namespace {

constexpr const char* kMonths[] = {"January",   "February", "March",    "April",
                                   "May",       "June",     "July",     "August",
                                   "September", "October",  "November", "December"};

std::string with_commas(double x) {
  std::string text = plain_number(x);
  const size_t end = std::min(text.find('.'), text.size());
  const size_t first = text[0] == '-' ? 1 : 0;
  for (size_t i = end; i > first + 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

bool is_multiple(double x, double unit) {
  return std::abs(x) >= unit && std::fmod(x, unit / 10) == 0;
}

std::string month_words(Draw& draw, const std::string& month) {
  const std::string name = kMonths[std::stoi(month) - 1];
  return draw.chance(0.2) ? name.substr(0, 3) : name;
}

std::string_view comparison_list(FilterOp op) {
  switch (op) {
    case FilterOp::kGreater:
      return "greater";
    case FilterOp::kAtLeast:
      return "at_least";
    case FilterOp::kLess:
      return "less";
    case FilterOp::kAtMost:
      return "at_most";
    case FilterOp::kBetween:
      return "between";
    default:
      return "number_equal";
  }
}

std::string_view date_list(FilterOp op) {
  switch (op) {
    case FilterOp::kYear:
      return "year";
    case FilterOp::kMonth:
    case FilterOp::kMonthOfYear:
      return "month";
    case FilterOp::kSinceYear:
      return "since_year";
    case FilterOp::kAfterYear:
      return "after_year";
    case FilterOp::kBeforeYear:
      return "before_year";
    case FilterOp::kYearRange:
      return "year_range";
    case FilterOp::kQuarter:
      return "quarter";
    case FilterOp::kAfterDate:
      return "after_date";
    case FilterOp::kBeforeDate:
      return "before_date";
    default:
      return "on_date";
  }
}

bool may_lead(std::string_view phrase) {
  for (const std::string_view word :
       {"in ", "for ", "during ", "since ", "after ", "before ", "between ", "at "})
    if (phrase.starts_with(word)) return true;
  return false;
}

// Without what stands for the value: "earning {cmp}" gives "earning".
std::string bare_words(std::string phrase) {
  const size_t open = phrase.find('{');
  if (open != phrase.npos) phrase.erase(open, phrase.find('}') + 1 - open);
  const size_t gap = phrase.find("  ");
  if (gap != phrase.npos) phrase.erase(gap, 1);
  for (const std::string_view word : {"that are ", "who are ", "that were ", "that ", "who "})
    if (phrase.starts_with(word)) phrase.erase(0, word.size());
  while (phrase.ends_with(' ')) phrase.pop_back();
  while (phrase.starts_with(' ')) phrase.erase(0, 1);
  return phrase;
}

}  // namespace

std::string number_words(Draw& draw, double x, bool is_year) {
  if (is_year) return plain_number(x);
  const double kind = draw.uniform();
  if (std::abs(x) >= 1000 && kind < 0.3) return with_commas(x);
  if (is_multiple(x, 1e6) && kind < 0.75)
    return plain_number(x / 1e6) + (draw.chance(0.7) ? " million" : "M");
  if (is_multiple(x, 1000) && std::abs(x) < 1e6 && kind < 0.55)
    return plain_number(x / 1000) + (draw.chance(0.8) ? "k" : " thousand");
  return plain_number(x);
}

std::string date_words(Draw& draw, FilterOp op, const std::string& value) {
  const std::string year = value.substr(0, 4);
  if (op == FilterOp::kMonthOfYear) return kMonths[std::stoi(value) - 1];
  if (value.size() == 4) return value;
  if (op == FilterOp::kMonth)
    return draw.chance(0.15) ? value
                             : fmt::format("{} {}", month_words(draw, value.substr(5)), year);
  if (op == FilterOp::kQuarter) {
    static const char* const kNames[] = {"first", "second", "third", "fourth"};
    const int quarter = (std::stoi(value.substr(5, 2)) - 1) / 3;
    if (draw.chance(0.7)) return fmt::format("Q{} {}", quarter + 1, year);
    return fmt::format("the {} quarter of {}", kNames[quarter], year);
  }
  const double kind = draw.uniform();
  const int day = std::stoi(value.substr(8));
  if (kind < 0.4) return value;
  const std::string month = month_words(draw, value.substr(5, 2));
  return kind < 0.7 ? fmt::format("{} {} {}", day, month, year)
                    : fmt::format("{} {}, {}", month, day, year);
}

Wording::Wording(Draw& draw, const TableSchema& schema, size_t base)
    : draw_(draw), schema_(schema), base_(base) {
  for (const SchemaTable& t : schema.tables) {
    nouns_.push_back(t.noun);
    for (const SchemaColumn& c : t.columns)
      n_dates_ += c.about != nullptr && c.about->kind == ConceptKind::kDate;
  }
  if (draw.chance(0.2)) nouns_[0] = draw.pick(schema.domain->nouns);
}

std::string Wording::one_of(std::string_view list) {
  const auto at = table_phrases().lists.find(list);
  FATHOM_CHECK(at != table_phrases().lists.end());
  return choose_alternatives(draw_, draw_.pick(at->second));
}

std::string Wording::column(const ColumnRef& ref) {
  const auto known = names_.find(ref);
  if (known != names_.end()) return known->second;
  const SchemaColumn& c = column_of(schema_, ref);
  std::string words = c.words;
  if (c.about != nullptr && !draw_.chance(0.55)) words = draw_.pick(c.about->names);
  // A synonym that is another column's name would mean that one.
  for (const SchemaTable& t : schema_.tables)
    for (const SchemaColumn& other : t.columns)
      if (&other != &c && other.words == words) words = c.words;
  if (c.about != nullptr && c.about->kind == ConceptKind::kName && ref.table != base_)
    words = nouns_[ref.table].one;
  because(ref, words);
  return names_[ref] = words;
}

std::string Wording::figure(const QueryFigure& f) {
  const std::string text = one_of(f.function);
  return *filled(text, [&](std::string_view key) -> std::optional<std::string> {
    if (key == "rows") return rows(base_);
    if (key == "row") return row(base_);
    const std::string c = column(*f.column);
    return key == "cs" ? plural_of(c) : c;
  });
}

std::string Wording::compared(FilterOp op, double a, double b, bool is_year) {
  return *filled(one_of(comparison_list(op)),
                 [&](std::string_view key) -> std::optional<std::string> {
                   return number_words(draw_, key == "x" ? a : b, is_year);
                 });
}

// A phrase of the list, with {c} and the values filled in.
std::optional<std::string> Wording::from_list(std::string_view list, const TableFilter& f) {
  return filled(one_of(list), [&](std::string_view key) -> std::optional<std::string> {
    const ColumnRef ref{f.table, f.column};
    if (key == "c") return column(ref);
    if (key == "v") return std::get<std::string>(f.a);
    if (key == "u") return std::get<std::string>(f.b);
    return std::nullopt;
  });
}

ConditionPhrase Wording::number_condition(const TableFilter& f, const SchemaColumn& c) {
  const ColumnRef ref{f.table, f.column};
  if (f.op == FilterOp::kAboveAverage) return {*from_list("above_average", f)};
  if (f.op == FilterOp::kBelowAverage) return {*from_list("below_average", f)};
  const auto value = [](const SqlValue& v) {
    const auto* i = std::get_if<int64_t>(&v);
    if (i != nullptr) return static_cast<double>(*i);
    const auto* real = std::get_if<double>(&v);
    return real == nullptr ? 0 : *real;
  };
  const std::string words = compared(f.op, value(f.a), value(f.b), c.about->is_year());
  std::string phrase = one_of("number");
  // A phrase of a joined table's column would be said of the first one's rows.
  if (!c.about->phrases.empty() && f.table == base_ && draw_.chance(0.5))
    phrase = draw_.pick(c.about->phrases);
  if (phrase.find("{c}") == phrase.npos)
    because(ref, bare_words(phrase).empty() ? c.words : bare_words(phrase));
  return {*filled(phrase, [&](std::string_view key) -> std::optional<std::string> {
    return key == "c" ? column(ref) : words;
  })};
}

ConditionPhrase Wording::text_condition(const TableFilter& f, const SchemaColumn& c) {
  const ColumnRef ref{f.table, f.column};
  if (f.op == FilterOp::kContains) {
    TableFilter lower = f;
    std::string& word = std::get<std::string>(lower.a);
    word = lower_text(word);
    return {*from_list("contains", lower)};
  }
  if (f.op == FilterOp::kNotEqual) {
    const std::string phrase = *from_list("category_not", f);
    because(ref, std::get<std::string>(f.a));
    return {phrase};
  }
  if (f.op == FilterOp::kIn) {
    const std::string phrase = *from_list("category_in", f);
    because(ref, std::get<std::string>(f.a));
    return {phrase};
  }
  if (c.about->phrases.empty() || f.table != base_ || draw_.chance(0.35))
    return {*from_list("category", f)};
  because(ref, std::get<std::string>(f.a));
  std::string phrase = draw_.pick(c.about->phrases);
  const bool before_noun = phrase[0] == '<';
  if (before_noun) phrase.erase(0, 1);
  phrase =
      *filled(phrase, [&](std::string_view) { return std::optional(std::get<std::string>(f.a)); });
  return {phrase, before_noun, may_lead(phrase)};
}

ConditionPhrase Wording::date_condition(const TableFilter& f) {
  const ColumnRef ref{f.table, f.column};
  const SchemaColumn& c = column_of(schema_, ref);
  const auto value = [&](const SqlValue& v) {
    const auto* text = std::get_if<std::string>(&v);
    return text == nullptr ? std::string() : date_words(draw_, f.op, *text);
  };
  for (int i = 0; i < 40; ++i) {
    const std::string phrase = one_of(date_list(f.op));
    const bool names_column =
        phrase.find("{c}") != phrase.npos || phrase.find("{verb}") != phrase.npos;
    const bool verb = phrase.find("{verb}") != phrase.npos;
    if (verb && (c.about->phrases.empty() || f.table != base_)) continue;
    if (!names_column && n_dates_ > 1) continue;
    const std::string text =
        *filled(phrase, [&](std::string_view key) -> std::optional<std::string> {
          if (key == "c") return column(ref);
          if (key == "verb") return draw_.pick(c.about->phrases);
          return value(key == "v" ? f.a : f.b);
        });
    because(ref, text);
    return {text, false, may_lead(text)};
  }
  const std::string text = fmt::format("with {} {}", column(ref), value(f.a));
  return {text};
}

ConditionPhrase Wording::bool_condition(const TableFilter& f, const SchemaColumn& c) {
  const bool yes = f.op == FilterOp::kTrue;
  const std::vector<std::string>& phrases = yes ? c.about->phrases : c.about->phrases_false;
  if (phrases.empty() || f.table != base_ || draw_.chance(0.15))
    return {*from_list(yes ? "true" : "false", f)};
  std::string phrase = draw_.pick(phrases);
  const bool before_noun = phrase[0] == '<';
  if (before_noun) phrase.erase(0, 1);
  because({f.table, f.column}, bare_words(phrase));
  return {phrase, before_noun, may_lead(phrase)};
}

ConditionPhrase Wording::condition(const TableFilter& f) {
  const SchemaColumn& c = column_of(schema_, {f.table, f.column});
  if (f.op == FilterOp::kIsNull) return {*from_list("is_null", f)};
  if (f.op == FilterOp::kNotNull) return {*from_list("not_null", f)};
  switch (c.about->kind) {
    case ConceptKind::kNumber:
      return number_condition(f, c);
    case ConceptKind::kDate:
      return date_condition(f);
    case ConceptKind::kBool:
      return bool_condition(f, c);
    default:
      return text_condition(f, c);
  }
}

}  // namespace fathom
