// The words for one thing at a time: a number, a date, a column, a condition.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "rl/tables_phrases_impl.h"

namespace fathom {

/// 50000: "50000", "50,000", "50k", "50 thousand".
std::string number_words(Draw& draw, double x, bool is_year);
/// Of a date condition: "March 2024", "Q1 2024", "5 March 2024".
std::string date_words(Draw& draw, FilterOp op, const std::string& value);
/// `text` with each {key} filled in; the first key without a filling is the error.
template <typename F>
std::optional<std::string> filled(std::string_view text, F filling) {
  std::string out;
  while (!text.empty()) {
    const size_t open = text.find('{');
    out += text.substr(0, open);
    if (open == text.npos) break;
    const size_t close = text.find('}', open);
    const std::optional<std::string> value = filling(text.substr(open + 1, close - open - 1));
    if (!value.has_value()) return std::nullopt;
    out += *value;
    text.remove_prefix(close + 1);
  }
  return out;
}

struct ConditionPhrase {
  std::string text;
  bool before_noun = false;  // "unpaid"
  bool may_lead = false;     // "in 2024"
};

class Wording {
 public:
  Wording(Draw& draw, const TableSchema& schema, size_t base);

  std::string one_of(std::string_view list);
  /// The column's noun; the same at each call.
  std::string column(const ColumnRef& ref);
  std::string row(size_t table) { return nouns_[table].one; }
  std::string rows(size_t table) { return nouns_[table].many; }
  std::string figure(const QueryFigure& figure);
  ConditionPhrase condition(const TableFilter& filter);
  /// "over 50"
  std::string compared(FilterOp op, double a, double b, bool is_year);
  void because(const ColumnRef& ref, const std::string& words) { why_.emplace(ref, words); }
  size_t n_dates() const { return n_dates_; }
  std::map<ColumnRef, std::string> take_why() { return std::move(why_); }

 private:
  std::optional<std::string> from_list(std::string_view list, const TableFilter& f);
  ConditionPhrase number_condition(const TableFilter& f, const SchemaColumn& c);
  ConditionPhrase text_condition(const TableFilter& f, const SchemaColumn& c);
  ConditionPhrase date_condition(const TableFilter& f);
  ConditionPhrase bool_condition(const TableFilter& f, const SchemaColumn& c);

  Draw& draw_;
  const TableSchema& schema_;
  size_t base_, n_dates_ = 0;
  std::vector<Noun> nouns_;
  std::map<ColumnRef, std::string> names_, why_;
};

}  // namespace fathom
