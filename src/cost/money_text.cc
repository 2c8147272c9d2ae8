#include "cost/money_text.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

namespace fathom {
namespace {

struct Scaled {
  std::string digits, suffix;
};

/// Three significant digits without an exponent: 5.58, 55.8, 558.
std::string three_digits(double x) {
  if (x == 0) return "0";
  if (!std::isfinite(x)) return fmt::format("{}", x);
  const int whole = static_cast<int>(std::floor(std::log10(std::fabs(x)))) + 1;
  std::string text = fmt::format("{:.{}f}", x, std::max(0, 3 - whole));
  if (text.find('.') == std::string::npos) return text;
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

Scaled scaled(double x) {
  static constexpr std::array<std::pair<double, const char*>, 5> kSteps = {
      {{1e15, "Q"}, {1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "K"}}};
  for (const auto& [step, suffix] : kSteps) {
    if (std::fabs(x) >= step * 0.9995) return {three_digits(x / step), suffix};
  }
  return {three_digits(x), ""};
}

std::string spread(const Scaled& low, const Scaled& high, const char* before) {
  if (low.digits == high.digits && low.suffix == high.suffix)
    return before + low.digits + low.suffix;
  const std::string first = low.suffix == high.suffix ? low.digits : low.digits + low.suffix;
  return before + first + "-" + high.digits + high.suffix;
}

std::string two_decimals(std::string text) {  // $2.4 reads as a slip; $2.40 does not
  const size_t dot = text.find('.');
  return dot != std::string::npos && text.size() - dot == 2 ? text + "0" : text;
}

Scaled money(double usd) {
  Scaled s = scaled(usd);
  if (s.suffix.empty()) s.digits = two_decimals(s.digits);
  return s;
}

Scaled count(double n) {
  if (n < 9999.5 && n >= 1000 && n == std::floor(n)) {
    return {fmt::format("{},{:03}", static_cast<int>(n) / 1000, static_cast<int>(n) % 1000), ""};
  }
  return scaled(n);
}

}  // namespace

std::string usd_text(double usd) {
  const Scaled s = money(usd);
  return "$" + s.digits + s.suffix;
}
std::string usd_range_text(const Range& usd) {
  return spread(money(usd.low), money(usd.high), "$");
}
std::string usd_spread_text(const Range& usd) {
  const std::string ends = usd_range_text(usd), mid = usd_text(usd.mid);
  return ends == mid ? mid : fmt::format("{} ({})", mid, ends);
}
std::string count_text(double n) {
  const Scaled s = count(n);
  return s.digits + s.suffix;
}
std::string count_range_text(const Range& n) { return spread(count(n.low), count(n.high), ""); }
std::string range_text(const Range& x) {
  return spread({three_digits(x.low), ""}, {three_digits(x.high), ""}, "");
}
std::string percent_range_text(const Range& x) { return range_text(x * 100) + " %"; }
std::string usd_or_unknown(const std::optional<Range>& usd) {
  return usd ? usd_spread_text(*usd) : "unknown";
}
std::string factor_text(const Range& f) {
  return f.exact() ? fmt::format("{:.3g}", f.mid)
                   : fmt::format("{:.3g} ({:.3g}-{:.3g})", f.mid, f.low, f.high);
}

}  // namespace fathom
