// See people_value.h.
#include "analysis/people_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/cell_text.h"

namespace fathom {
namespace {

constexpr size_t kMaxTextWidth = 120;
constexpr double kWholeFrom = 1e6;  // decimals no longer matter

/// Commas between groups of three, in the digits before the point.
std::string grouped(std::string digits) {
  const size_t begin = digits.starts_with('-') ? 1 : 0;
  size_t end = std::min(digits.find_first_not_of("0123456789", begin), digits.size());
  while (end > begin + 3) {
    end -= 3;
    digits.insert(end, ",");
  }
  return digits;
}

std::string without_zeros(std::string digits) {
  if (digits.find('.') == digits.npos) return digits;
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.ends_with('.')) digits.pop_back();
  return digits == "-0" ? "0" : digits;
}

/// "$" stands before the number, "EUR" and "%" behind it.
bool stands_before(std::string_view unit) {
  return std::none_of(unit.begin(), unit.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::string with_unit(std::string number, std::string_view unit) {
  if (unit.empty()) return number;
  if (unit == "%") return number + "%";
  if (!stands_before(unit)) return fmt::format("{} {}", number, unit);
  if (number.starts_with('-')) return fmt::format("-{}{}", unit, number.substr(1));
  return fmt::format("{}{}", unit, number);
}

/// Cents are written in full or not at all: $12.50, not $12.5.
std::string money(double x) {
  if (std::abs(x) >= kWholeFrom || (x != 0 && std::abs(x) < 0.005)) return people_number(x);
  std::string digits = fmt::format("{:.2f}", x);
  if (digits.ends_with(".00")) digits.erase(digits.size() - 3);
  return digits == "-0" ? "0" : grouped(digits);
}

}  // namespace

std::string people_integer(int64_t x) { return grouped(std::to_string(x)); }

std::string people_number(double x) {
  if (!std::isfinite(x)) return std::isnan(x) ? "not a number" : x > 0 ? "infinite" : "-infinite";
  const double size = std::abs(x);
  if (size >= 1e15) return fmt::format("{:.4g}", x);
  if (size >= kWholeFrom) return grouped(fmt::format("{:.0f}", x));
  if (size >= 1 || x == 0) return grouped(without_zeros(fmt::format("{:.2f}", x)));
  if (size < 1e-6) return fmt::format("{:.3g}", x);
  const int decimals = 2 - static_cast<int>(std::floor(std::log10(size)));
  return without_zeros(fmt::format("{:.{}f}", x, decimals));
}

std::string people_value(const SqlValue& value, const ResultColumn& column) {
  if (const auto* text = std::get_if<std::string>(&value)) return cell_text(*text, kMaxTextWidth);
  const std::string unit = cell_text(column.unit);
  if (const auto* integer = std::get_if<int64_t>(&value))
    return column.plain ? std::to_string(*integer) : with_unit(people_integer(*integer), unit);
  const auto* real = std::get_if<double>(&value);
  if (real == nullptr) return "";
  if (column.plain && *real == std::floor(*real) && std::abs(*real) < 1e15)
    return fmt::format("{:.0f}", *real);
  return with_unit(unit.empty() || unit == "%" ? people_number(*real) : money(*real), unit);
}

}  // namespace fathom
