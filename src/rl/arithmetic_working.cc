// See arithmetic_working_impl.h.
#include "rl/arithmetic_working_impl.h"

#include <fmt/format.h>

#include "base/check.h"

namespace fathom {
namespace {

// The digit of the text that stands `i` from the right; 0 beyond its front.
int digit_at(const std::string& number, size_t i) {
  return i < number.size() ? number[number.size() - 1 - i] - '0' : 0;
}

char letter_of(size_t i) {
  FATHOM_CHECK(i < 26);
  return static_cast<char>('a' + i);
}

// "d3c2b0a3" and a line's end: 3203, each digit behind the letter of its place, a the ones.
std::string lettered(const std::string& number) {
  std::string out;
  for (size_t i = number.size(); i-- > 0;) {
    out += letter_of(i);
    out += number[number.size() - 1 - i];
  }
  return out + '\n';
}

// One row of a product: a number times a digit.
std::string times_digit(const std::string& a, int digit, std::string& result) {
  std::string working;
  int carry = 0;
  result.clear();
  for (size_t i = 0; i < a.size(); ++i) {
    const int d = digit_at(a, i), v = d * digit + carry;
    const bool last = i + 1 == a.size();
    result = (last ? std::to_string(v) : std::to_string(v % 10)) + result;
    working += fmt::format("{}{}*{}", letter_of(i), d, digit);
    if (carry > 0) working += fmt::format("+{}", carry);
    working += fmt::format("={}|{}\n", v, result);
    carry = v / 10;
  }
  return working;
}

}  // namespace

std::string addition_working(int64_t a, int64_t b) {
  FATHOM_CHECK(a >= 0 && b >= 0);
  const std::string x = std::to_string(a), y = std::to_string(b);
  std::string working = lettered(x) + lettered(y), result;
  int carry = 0;
  for (size_t i = 0; i < std::max(x.size(), y.size()); ++i) {
    const int v = digit_at(x, i) + digit_at(y, i) + carry;
    const bool last = i + 1 == std::max(x.size(), y.size());
    result = (last ? std::to_string(v) : std::to_string(v % 10)) + result;
    working += fmt::format("{}{}+{}", letter_of(i), digit_at(x, i), digit_at(y, i));
    if (carry > 0) working += "+1";
    working += fmt::format("={}|{}\n", v, result);
    carry = v / 10;
  }
  return working;
}

std::string subtraction_working(int64_t a, int64_t b) {
  FATHOM_CHECK(a >= b && b >= 0);
  const std::string x = std::to_string(a), y = std::to_string(b);
  std::string working = lettered(x) + lettered(y), result;
  int borrow = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    int v = digit_at(x, i) - digit_at(y, i) - borrow;
    working += fmt::format("{}{}-{}", letter_of(i), digit_at(x, i), digit_at(y, i));
    if (borrow > 0) working += "-1";
    borrow = v < 0 ? 1 : 0;
    if (borrow > 0) {
      v += 10;
      working += "+10";
    }
    result = std::to_string(v) + result;
    working += fmt::format("={}|{}\n", v, result);
  }
  return working;
}

std::string multiplication_working(int64_t a, int64_t b) {
  FATHOM_CHECK(a >= 0 && b >= 0);
  const std::string x = std::to_string(a), y = std::to_string(b);
  std::string working = lettered(x) + (y.size() > 1 ? lettered(y) : "");
  int64_t total = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    if (digit_at(y, i) == 0 && y.size() > 1) continue;
    std::string row;
    working += times_digit(x, digit_at(y, i), row);
    const std::string shifted = row + std::string(i, '0');
    const int64_t value = std::stoll(shifted);
    if (i > 0) working += fmt::format("{}*{}={}\n", row, "1" + std::string(i, '0'), shifted);
    if (total > 0) {
      working += fmt::format("{}+{}\n", total, value);
      working += addition_working(total, value);
    }
    total += value;
  }
  return working;
}

std::string division_working(int64_t a, int64_t b) {
  FATHOM_CHECK(a >= 0 && b >= 1 && b <= 99);
  const std::string x = std::to_string(a);
  std::string working = lettered(x), result;
  int64_t rest = 0;
  for (size_t i = x.size(); i-- > 0;) {
    const int64_t v = rest * 10 + digit_at(x, i);
    rest = v % b;
    if (!result.empty() || v >= b) {
      result += std::to_string(v / b);
      working += fmt::format("{}{}/{}={}r{}|{}\n", letter_of(i), v, b, v / b, rest, result);
    }
  }
  return working;
}

}  // namespace fathom
