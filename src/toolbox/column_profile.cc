// See column_profile_impl.h.
#include "toolbox/column_profile_impl.h"

#include <fmt/format.h>

#include "toolbox/text_impl.h"

namespace fathom {
namespace {

constexpr std::string_view kMissing[] = {"na", "n/a", "#n/a", "null", "none", "nan", "nil",
                                         "-",  "--",  "–",    "—",    "?",    "."};

// Pairs of no and yes. A single letter counts only where both of the pair occur: F may stand for
// female.
constexpr std::string_view kYesNo[] = {"false", "true", "no", "yes", "f",
                                       "t",     "n",    "y",  "off", "on"};
constexpr size_t kFirstLetter = 4, kLastLetter = 7;

bool is_missing(std::string_view text) {
  if (text.size() > 4) return false;
  if (text.empty()) return true;
  const std::string word = ascii_lower(text);
  for (const std::string_view m : kMissing)
    if (word == m) return true;
  return false;
}

// The place in kYesNo, or -1.
int yes_no(std::string_view text) {
  if (text.empty() || text.size() > 5) return -1;
  const std::string word = ascii_lower(text);
  for (size_t i = 0; i < std::size(kYesNo); ++i)
    if (word == kYesNo[i]) return static_cast<int>(i);
  return -1;
}

bool is_iso(std::string_view text, const DateText& d) {
  return d.orders == kYearMonthDay && text.size() >= 10 && text[4] == '-' && text[7] == '-' &&
         !d.has_zone;
}

bool one_bit(unsigned bits) { return bits != 0 && (bits & (bits - 1)) == 0; }

}  // namespace

void ColumnProfile::observe(const SqlCell& cell, int64_t line) {
  if (std::holds_alternative<int64_t>(cell)) {
    ++n_integers_;
  } else if (std::holds_alternative<double>(cell)) {
    ++n_reals_;
  } else if (const auto* text = std::get_if<std::string_view>(&cell)) {
    observe_text(*text, line);
  }
}

void ColumnProfile::observe_text(std::string_view text, int64_t line) {
  if (!typed_ && is_missing(text)) {
    ++n_missing_;
    return;
  }
  ++n_texts_;
  if (const NumberText n = scan_number(text); n.styles != 0 && !typed_) {
    ++n_numbers_;
    styles_ &= n.styles;
    integers_ &= n.integers;
    n_percent_ += n.percent;
    if (!n.currency.empty()) {
      ++n_units_;
      mixed_currency_ |= !currency_.empty() && currency_ != n.currency;
      if (currency_.empty()) currency_ = n.currency;
    }
  } else if (other_line_ == 0) {
    other_line_ = line;
    other_ = one_line(text, 40);
  }
  if (n_dates_ + 3 > n_texts_) {  // a column with three texts that are no dates is none
    const DateText d = scan_date(text);
    if (d.orders != 0) {
      ++n_dates_;
      n_times_ += d.has_time;
      n_zones_ += d.has_zone;
      n_iso_ += is_iso(text, d) && text.size() == 10;
      n_iso_times_ += is_iso(text, d) && text.size() >= 19 && text[10] == ' ' && text[13] == ':';
      orders_ &= d.orders;
    } else if (undated_line_ == 0) {
      undated_line_ = line;
      undated_ = one_line(text, 40);
    }
  }
  if (const int word = yes_no(text); word >= 0) ++n_words_[static_cast<size_t>(word)];
}

bool ColumnProfile::numbers() const {
  if (n_numbers_ == 0 || n_numbers_ != n_texts_ || styles_ == 0 || mixed_currency_) return false;
  return n_percent_ == 0 || n_percent_ == n_texts_;  // 12% and 0.5 in one column mean two things
}

bool ColumnProfile::dates() const {
  return n_dates_ > 0 && n_dates_ == n_texts_ && orders_ != 0 && n_integers_ + n_reals_ == 0 &&
         (n_zones_ == 0 || n_zones_ == n_texts_);
}

bool ColumnProfile::booleans() const {
  if (n_texts_ == 0 || n_integers_ + n_reals_ > 0) return false;
  for (size_t pair = 0; pair < n_words_.size(); pair += 2) {
    const int64_t no = n_words_[pair], yes = n_words_[pair + 1];
    const bool letter = pair >= kFirstLetter && pair <= kLastLetter;
    if (no + yes == n_texts_ && (!letter || (no > 0 && yes > 0))) return true;
  }
  return false;
}

void ColumnProfile::add_habits(FileHabits& habits) const {
  if (numbers() && one_bit(styles_)) habits.styles |= styles_;
  if (dates() && one_bit(orders_)) habits.orders |= orders_;
}

ColumnReading ColumnProfile::decide_typed() const {
  ColumnReading r{.verbatim = true};
  const bool all_text = n_integers_ + n_reals_ == 0;
  if (n_texts_ == 0 && n_values() > 0)
    r.type = n_reals_ > 0 ? ColumnType::kReal : ColumnType::kInteger;
  else if (!all_text)
    r.type = ColumnType::kAny;
  else if (n_texts_ > 0 && n_iso_ == n_texts_)
    r.type = ColumnType::kDate;
  else if (n_texts_ > 0 && n_iso_times_ == n_texts_)
    r.type = ColumnType::kDatetime;
  return r;
}

ColumnReading ColumnProfile::number_reading(const FileHabits& habits) const {
  ColumnReading r;
  const bool comma = one_bit(habits.styles) ? habits.styles == kDecimalComma : habits.semicolons;
  r.style = one_bit(styles_) ? static_cast<NumberStyle>(styles_)
            : comma          ? kDecimalComma
                             : kDecimalPoint;
  const bool integers = (integers_ & r.style) != 0 && n_reals_ == 0;
  r.type = integers ? ColumnType::kInteger : ColumnType::kReal;
  r.unit = n_percent_ > 0 ? "%" : currency_;
  return r;
}

ColumnReading ColumnProfile::date_reading(const FileHabits& habits, const std::string& column,
                                          std::vector<std::string>& notes) const {
  ColumnReading r;
  r.type = n_times_ > 0 ? ColumnType::kDatetime : ColumnType::kDate;
  if (one_bit(orders_)) {
    r.order = static_cast<DateOrder>(orders_);
  } else if ((orders_ & kYearMonthDay) != 0) {
    r.order = kYearMonthDay;  // months by name: the order is in each cell
  } else if (one_bit(habits.orders & orders_)) {
    r.order = static_cast<DateOrder>(habits.orders & orders_);
  } else {
    r.order = habits.semicolons ? kDayMonthYear : kMonthDayYear;
    notes.push_back(
        fmt::format("column {}: read as {}; no row tells which comes first", column,
                    r.order == kDayMonthYear ? "day, month, year" : "month, day, year"));
  }
  if (n_zones_ > 0) notes.push_back(fmt::format("column {}: times turned into UTC", column));
  return r;
}

void ColumnProfile::note_exceptions(const char* place, const std::string& column,
                                    std::vector<std::string>& notes) const {
  const int64_t n = n_texts_;
  const auto few = [&](int64_t fitting) { return fitting < n && fitting * 10 >= n * 9; };
  if (few(n_numbers_))
    notes.push_back(
        fmt::format("column {} is text: {} of {} values are not numbers, the first "
                    "at {} {}: {}",
                    column, n - n_numbers_, n, place, other_line_, other_));
  else if (n_numbers_ == n && n > 0 && mixed_currency_)
    notes.push_back(
        fmt::format("column {} is text: it holds amounts in more than one currency", column));
  else if (n_numbers_ == n && n > 0 && !numbers())
    notes.push_back(
        fmt::format("column {} is text: its numbers are written in more than one way", column));
  else if (few(n_dates_))
    notes.push_back(
        fmt::format("column {} is text: {} of {} values are not dates, the first at "
                    "{} {}: {}",
                    column, n - n_dates_, n, place, undated_line_, undated_));
  else if (n_dates_ == n && n > 0 && !dates())
    notes.push_back(
        fmt::format("column {} is text: its dates are written in more than one way", column));
}

ColumnReading ColumnProfile::decide(const FileHabits& habits, const std::string& column,
                                    std::vector<std::string>& notes) const {
  if (typed_) return decide_typed();
  if (n_texts_ == 0 && n_values() > 0) {  // JSON's numbers
    ColumnReading r;
    r.type = n_reals_ > 0 ? ColumnType::kReal : ColumnType::kInteger;
    return r;
  }
  if (numbers()) return number_reading(habits);
  if (dates()) return date_reading(habits, column, notes);
  ColumnReading r;
  if (booleans()) {
    r.type = ColumnType::kBoolean;
    return r;
  }
  if (n_integers_ + n_reals_ > 0) {
    r.type = ColumnType::kAny;
    r.verbatim = true;
    return r;
  }
  note_exceptions(habits.place, column, notes);
  return r;
}

SqlCell ColumnReading::value(const SqlCell& cell, std::string& scratch) const {
  const auto* text = std::get_if<std::string_view>(&cell);
  if (verbatim || text == nullptr || type == ColumnType::kText) return cell;
  if (is_missing(*text)) return std::monostate();
  switch (type) {
    case ColumnType::kInteger:
    case ColumnType::kReal:
      return read_number(*text, style);
    case ColumnType::kBoolean:
      return static_cast<int64_t>(yes_no(*text) % 2);
    default:
      scratch.clear();
      append_iso_date(scratch, *text, order, type == ColumnType::kDatetime);
      return std::string_view(scratch);
  }
}

}  // namespace fathom
