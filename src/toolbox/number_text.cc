// See number_text_impl.h.
#include <array>
#include <charconv>
#include <cstring>

#include "toolbox/number_text_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

constexpr size_t kMaxBytes = 60;

// Longer ones before those that they begin with.
constexpr std::string_view kCurrencies[] = {
    "US$", "CA$", "AU$", "NZ$", "HK$", "R$",  "$",   "€",   "£",   "¥",   "₹",
    "₽", "₩",   "₺",   "₴",   "₫",   "฿",   "USD", "EUR", "GBP", "JPY", "CNY",
    "CHF", "INR", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "AUD", "CAD", "NZD",
    "BRL", "MXN", "ZAR", "KRW", "TRY", "SGD", "HKD", "Fr.", "kr",  "zł",  "Kč"};

bool has_digit(std::string_view text) {
  for (const char c : text)
    if (is_digit(c)) return true;
  return false;
}

// A cell without its sign, currency and percent sign.
struct Stripped {
  std::string_view body;
  bool negative = false, percent = false, ok = true;
  std::string_view currency;
};

void strip_spaces(std::string_view& s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  while (s.ends_with("\xC2\xA0")) s.remove_suffix(2);      // no-break space
  while (s.ends_with("\xE2\x80\xAF")) s.remove_suffix(3);  // the narrow one
  while (s.starts_with("\xC2\xA0")) s.remove_prefix(2);
}

bool strip_sign(Stripped& s) {
  if (s.body.empty()) return false;
  const bool minus = s.body.front() == '-' || s.body.starts_with("\xE2\x88\x92");  // U+2212
  if (!minus && s.body.front() != '+') return false;
  s.body.remove_prefix(s.body.front() == '\xE2' ? 3 : 1);
  s.negative = minus;
  return true;
}

// The first bytes are compared before the rest: most cells of a table are words, and all come here.
void strip_currency(Stripped& s) {
  const bool at_front = !is_digit(s.body.front()), at_back = !is_digit(s.body.back());
  for (const std::string_view c : kCurrencies) {
    if (at_front && c.front() == s.body.front() && s.body.starts_with(c)) {
      s.currency = s.body.substr(0, c.size());
      s.body.remove_prefix(c.size());
      return;
    }
    if (at_back && c.back() == s.body.back() && s.body.ends_with(c)) {
      s.currency = s.body.substr(s.body.size() - c.size());
      s.body.remove_suffix(c.size());
      return;
    }
  }
}

Stripped strip(std::string_view cell) {
  Stripped s{.body = cell, .currency = {}};
  strip_spaces(s.body);
  if (s.body.size() > 2 && s.body.front() == '(' && s.body.back() == ')') {  // accounting's minus
    s.body = s.body.substr(1, s.body.size() - 2);
    s.negative = true;
    s.ok = is_digit(s.body.front()) || static_cast<unsigned char>(s.body.front()) >= 0x80 ||
           (s.body.front() != '-' && s.body.front() != '+' && s.body.front() != '(');
  }
  bool sign = strip_sign(s);
  if (s.body.empty() || (is_digit(s.body.front()) && is_digit(s.body.back()))) return s;
  if (s.body.back() == '%') {
    s.body.remove_suffix(1);
    s.percent = true;
  } else {
    strip_currency(s);
  }
  strip_spaces(s.body);
  if (!sign && !s.currency.empty()) strip_sign(s);
  return s;
}

// The bytes of a sign between groups that is neither point nor comma: spaces, apostrophes.
size_t separator_bytes(std::string_view s) {
  if (s.front() == ' ' || s.front() == '\'') return 1;
  if (s.starts_with("\xC2\xA0")) return 2;
  if (s.starts_with("\xE2\x80\xAF") || s.starts_with("\xE2\x80\x99")) return 3;
  return 0;
}

// Digits with one '.', for from_chars, and whether the body was a number at all.
struct Plain {
  std::array<char, kMaxBytes + 2> text;
  size_t n = 0;
  bool ok = false, integer = true;
};

// Groups of three, behind a first one of 1 to 3 digits; or India's (12,34,567).
struct Groups {
  int n = 0;         // closed so far
  int n_digits = 0;  // of the one that is open
  bool twos = true, threes = true;
  std::string_view separator;

  bool close(std::string_view sign) {
    if (n == 0 ? n_digits < 1 || n_digits > 3 : sign != separator) return false;
    separator = sign;
    if (n == 0 && n_digits > 2) twos = false;
    if (n > 0) {
      twos &= n_digits == 2;
      threes &= n_digits == 3;
    }
    ++n;
    n_digits = 0;
    return true;
  }
  bool good() const { return n == 0 || (n_digits == 3 && (threes || twos)); }
};

Plain plain_number(std::string_view body, char point, char comma) {
  Plain p;
  if (body.empty() || body.size() > kMaxBytes) return p;
  Groups groups;
  size_t i = 0;
  while (i < body.size() && body[i] != point) {
    if (is_digit(body[i])) {
      p.text[p.n++] = body[i++];
      ++groups.n_digits;
      continue;
    }
    const size_t bytes = body[i] == comma ? 1 : separator_bytes(body.substr(i));
    if (bytes == 0 || !groups.close(body.substr(i, bytes))) return p;
    i += bytes;
  }
  if (!groups.good()) return p;
  if (p.n > 1 && p.text[0] == '0') return p;  // a code, or 0,123 which is no group of a thousand
  const size_t whole = p.n;
  if (i < body.size()) {
    p.integer = false;
    p.text[p.n++] = '.';
    for (++i; i < body.size(); ++i) {
      if (!is_digit(body[i])) return p;
      p.text[p.n++] = body[i];
    }
    if (p.n == whole + 1 && whole == 0) return p;  // a point alone
  }
  p.ok = p.n > 0;
  return p;
}

// 1.2e-5: an exponent needs a point or a sign, since 12E4 is more often a code.
bool scientific(std::string_view body, double* value) {
  const size_t e = body.find_first_of("eE");
  if (e == body.npos || e == 0 || e + 1 >= body.size() || body.size() > kMaxBytes) return false;
  if (!is_digit(body.front()) || !is_digit(body.back())) return false;
  const bool sign = body[e + 1] == '+' || body[e + 1] == '-';
  if (!sign && body.find('.') >= e) return false;
  std::array<char, kMaxBytes> text;
  size_t n = 0;
  for (const char c : body)
    if (c != '+') text[n++] = c;
  const auto [end, error] = std::from_chars(text.data(), text.data() + n, *value);
  return error == std::errc() && end == text.data() + n;
}

bool fits_int64(const Plain& p) {
  int64_t ignored;
  return std::from_chars(p.text.data(), p.text.data() + p.n, ignored).ec == std::errc();
}

// Digits alone, the most frequent case: true under both styles.
bool short_integer(std::string_view cell) {
  if (!cell.empty() && cell.front() == '-') cell.remove_prefix(1);
  if (cell.empty() || cell.size() > 18 || (cell.front() == '0' && cell.size() > 1)) return false;
  for (const char c : cell)
    if (!is_digit(c)) return false;
  return true;
}

}  // namespace

NumberText scan_number(std::string_view cell) {
  NumberText out;
  constexpr unsigned kBoth = kDecimalPoint | kDecimalComma;
  if (short_integer(cell)) return {.styles = kBoth, .integers = kBoth, .currency = {}};
  if (cell.size() > kMaxBytes || !has_digit(cell)) return out;
  const Stripped s = strip(cell);
  if (!s.ok || s.body.empty() ||
      !(is_digit(s.body.front()) || s.body.front() == '.' || s.body.front() == ','))
    return out;
  out.percent = s.percent;
  out.currency = s.currency;
  double ignored;
  if (scientific(s.body, &ignored)) {
    out.styles = kDecimalPoint;
    return out;
  }
  const auto add = [&](unsigned style, const Plain& p) {
    if (!p.ok || (p.integer && !fits_int64(p))) return;
    out.styles |= style;
    if (p.integer) out.integers |= style;
  };
  add(kDecimalPoint, plain_number(s.body, '.', ','));
  add(kDecimalComma, plain_number(s.body, ',', '.'));
  return out;
}

SqlCell read_number(std::string_view cell, NumberStyle style) {
  if (short_integer(cell)) {
    int64_t value = 0;
    std::from_chars(cell.data(), cell.data() + cell.size(), value);
    return value;
  }
  const Stripped s = strip(cell);
  double real = 0;
  if (scientific(s.body, &real)) return s.negative ? -real : real;
  const Plain p =
      style == kDecimalPoint ? plain_number(s.body, '.', ',') : plain_number(s.body, ',', '.');
  if (p.integer) {
    int64_t value = 0;
    std::from_chars(p.text.data(), p.text.data() + p.n, value);
    return s.negative ? -value : value;
  }
  std::from_chars(p.text.data(), p.text.data() + p.n, real);
  return s.negative ? -real : real;
}

}  // namespace fathom
