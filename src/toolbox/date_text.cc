// See date_text_impl.h.
#include <array>
#include <chrono>
#include <optional>

#include "toolbox/date_text_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The three parts in the order of the text, and the time behind them.
struct Parts {
  std::array<int, 3> value{};
  std::array<int, 3> digits{};  // 0: a month's name
  bool named = false, points = false;
  bool has_time = false, has_zone = false;
  int hour = 0, minute = 0, second = 0, zone_minutes = 0;
  std::string_view fraction;  // digits behind the seconds
};

// Takes what it is asked for from the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  char front() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(char c) {
    if (front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // 1 to `most` digits, at least `least`.
  bool number(int* value, int* n_digits, int least, int most) {
    int n = 0;
    *value = 0;
    while (n < most && is_digit(front())) {
      *value = *value * 10 + (front() - '0');
      rest_.remove_prefix(1);
      ++n;
    }
    *n_digits = n;
    return n >= least && !is_digit(front());
  }
  std::string_view letters() { return run(is_letter); }
  std::string_view digits() { return run(is_digit); }

 private:
  std::string_view run(bool (*wanted)(char)) {
    size_t n = 0;
    while (n < rest_.size() && wanted(rest_[n])) ++n;
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  std::string_view rest_;
};

bool numeric_date(Scanner& s, Parts& p) {
  if (!s.number(&p.value[0], &p.digits[0], 1, 4) || p.digits[0] == 3) return false;
  const char sign = s.front();
  if (sign != '-' && sign != '/' && sign != '.') return false;
  s.take(sign);
  p.points = sign == '.';
  if (!s.number(&p.value[1], &p.digits[1], 1, 2) || !s.take(sign)) return false;
  if (!s.number(&p.value[2], &p.digits[2], 1, 4) || p.digits[2] == 3) return false;
  if (p.digits[0] == 4) return p.digits[2] <= 2;
  if (p.digits[0] > 2 || p.digits[2] < 2) return false;
  // "1.2.10" is a version; with points, a short year needs two digits everywhere.
  return sign != '.' || p.digits[2] == 4 || (p.digits[0] == 2 && p.digits[1] == 2);
}

// Between the parts of a date with a month's name: a space, a hyphen, a comma or point and a space.
void take_gap(Scanner& s) {
  if (!s.take('.')) s.take(',');
  if (!s.take('-')) s.take(' ');
}

// 5 Jan 2024, 5-Jan-24: day, month, year. Jan 5, 2024: month, day, year.
bool named_date(Scanner& s, Parts& p) {
  p.named = true;
  const bool month_first = is_letter(s.front());
  const int month_at = month_first ? 0 : 1, day_at = month_first ? 1 : 0;
  for (int i = 0; i < 2; ++i) {
    if (i == month_at) {
      p.value[month_at] = month_of(s.letters());
      if (p.value[month_at] == 0) return false;
    } else if (!s.number(&p.value[day_at], &p.digits[day_at], 1, 2)) {
      return false;
    }
    take_gap(s);
  }
  return s.number(&p.value[2], &p.digits[2], 2, 4) && p.digits[2] != 3;
}

bool half_of_day(Scanner& s, Parts& p) {
  const std::string half = ascii_lower(s.letters());
  if (half != "am" && half != "pm") return false;
  if (p.hour < 1 || p.hour > 12) return false;
  p.hour = p.hour % 12 + (half == "pm" ? 12 : 0);
  return true;
}

bool zone(Scanner& s, Parts& p) {
  p.has_zone = true;
  if (s.take('Z')) return true;
  const bool west = s.front() == '-';
  if (!s.take('+') && !s.take('-')) return false;
  const std::string_view hours = s.digits();
  const bool colon = s.take(':');
  const std::string_view minutes = colon ? s.digits() : std::string_view();
  const auto two = [](std::string_view d) { return (d[0] - '0') * 10 + (d[1] - '0'); };
  if (hours.size() != 2 && (hours.size() != 4 || colon)) return false;
  if (colon && minutes.size() != 2) return false;
  const int m = colon ? two(minutes) : hours.size() == 4 ? two(hours.substr(2)) : 0;
  if (two(hours) > 14 || m > 59) return false;
  p.zone_minutes = (two(hours) * 60 + m) * (west ? -1 : 1);
  return true;
}

// HH:MM[:SS[.fff]][ AM|PM][Z|+HH:MM]
bool time_of_day(Scanner& s, Parts& p) {
  int n;
  p.has_time = true;
  if (!s.number(&p.hour, &n, 1, 2) || !s.take(':')) return false;
  if (!s.number(&p.minute, &n, 2, 2)) return false;
  if (s.take(':')) {
    if (!s.number(&p.second, &n, 2, 2)) return false;
    if (s.take('.') || s.take(',')) {
      p.fraction = s.digits();
      if (p.fraction.empty() || p.fraction.size() > 9) return false;
    }
  }
  if (p.hour > 23 || p.minute > 59 || p.second > 59) return false;
  if (s.done()) return true;
  s.take(' ');
  if (is_letter(s.front()) && s.front() != 'Z' && !half_of_day(s, p)) return false;
  if (!s.done() && !zone(s, p)) return false;
  return s.done();
}

std::optional<Parts> split(std::string_view cell) {
  cell = trimmed(cell);
  if (cell.size() < 6 || cell.size() > 45) return std::nullopt;
  if (!is_digit(cell[0]) && !is_letter(cell[0])) return std::nullopt;
  Parts p;
  Scanner numeric(cell), named(cell);
  Scanner* s = &numeric;
  if (is_letter(cell[0]) || !numeric_date(numeric, p)) {
    p = Parts();
    if (!named_date(named, p)) return std::nullopt;
    s = &named;
  }
  if (s->done()) return p;
  s->take(',');
  if (!s->take('T') && !s->take(' ')) return std::nullopt;
  return time_of_day(*s, p) ? std::optional<Parts>(p) : std::nullopt;
}

std::optional<std::chrono::sys_days> day_of(const Parts& p, DateOrder order) {
  const int year_at = order == kYearMonthDay ? 0 : 2;
  const int month_at = order == kMonthDayYear ? 0 : 1;
  int year = p.value[static_cast<size_t>(year_at)];
  if (p.digits[static_cast<size_t>(year_at)] == 2) year += year < 70 ? 2000 : 1900;
  const std::chrono::year_month_day day{
      std::chrono::year(year),
      std::chrono::month(static_cast<unsigned>(p.value[static_cast<size_t>(month_at)])),
      std::chrono::day(
          static_cast<unsigned>(p.value[static_cast<size_t>(3 - year_at - month_at)]))};
  if (!day.ok() || year < 1) return std::nullopt;
  return std::chrono::sys_days(day);
}

unsigned orders_of(const Parts& p) {
  constexpr unsigned kAll = kYearMonthDay | kDayMonthYear | kMonthDayYear;
  if (p.named) {  // the name settles it, so any order of other cells goes with it
    return day_of(p, p.digits[0] == 0 ? kMonthDayYear : kDayMonthYear) ? kAll : 0;
  }
  if (p.digits[0] == 4) return day_of(p, kYearMonthDay) ? unsigned{kYearMonthDay} : 0;
  unsigned orders = 0;
  for (const DateOrder order : {kDayMonthYear, kMonthDayYear})
    if (day_of(p, order)) orders |= order;
  // Points are written where the day comes first.
  return p.points && (orders & kDayMonthYear) != 0 ? unsigned{kDayMonthYear} : orders;
}

}  // namespace

int month_of(std::string_view word) {
  static constexpr std::string_view kMonths[] = {"january",   "february", "march",    "april",
                                                 "may",       "june",     "july",     "august",
                                                 "september", "october",  "november", "december"};
  if (word.size() < 3 || word.size() > 9) return 0;
  const std::string w = ascii_lower(word);
  for (int i = 0; i < 12; ++i)
    if (w == kMonths[i] || (w.size() == 3 && kMonths[i].starts_with(w)) || (i == 8 && w == "sept"))
      return i + 1;
  return 0;
}

DateText scan_date(std::string_view cell) {
  const std::optional<Parts> p = split(cell);
  if (!p) return {};
  return {.orders = orders_of(*p), .has_time = p->has_time, .has_zone = p->has_zone};
}

void append_iso_date(std::string& out, std::string_view cell, DateOrder order, bool time) {
  const std::optional<Parts> p = split(cell);
  if (p->named) order = p->digits[0] == 0 ? kMonthDayYear : kDayMonthYear;
  std::chrono::sys_days day = *day_of(*p, order);
  int minutes = p->hour * 60 + p->minute - p->zone_minutes;
  if (minutes < 0) {
    minutes += 1440;
    day -= std::chrono::days(1);
  } else if (minutes >= 1440) {
    minutes -= 1440;
    day += std::chrono::days(1);
  }
  const std::chrono::year_month_day d(day);
  const auto put = [&out](int value, int n_digits) {
    for (int unit = n_digits == 4 ? 1000 : 10; unit > 0; unit /= 10)
      out += static_cast<char>('0' + value / unit % 10);
  };
  put(static_cast<int>(d.year()), 4);
  out += '-';
  put(static_cast<int>(static_cast<unsigned>(d.month())), 2);
  out += '-';
  put(static_cast<int>(static_cast<unsigned>(d.day())), 2);
  if (!time) return;
  out += ' ';
  put(minutes / 60, 2);
  out += ':';
  put(minutes % 60, 2);
  out += ':';
  put(p->second, 2);
  if (p->fraction.find_first_not_of('0') != std::string_view::npos)
    out.append(".").append(p->fraction);
}

}  // namespace fathom
