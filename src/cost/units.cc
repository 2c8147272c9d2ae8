// See units.h. A text is a number, then scale and unit. Every spelling of a unit is a row of a
// table below; a text that fits no row of the wanted quantity is refused, so that tokens are never
// taken for hours.
#include "cost/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

namespace fathom {
namespace {

constexpr double kHour = kSecondsPerHour, kDay = 24 * kHour, kYear = 365 * kDay;  // a year of 8,760 h

struct Scale {
  std::string_view text;
  double factor;
};
/// How people count: 14.8T tokens, $5.576 million.
constexpr Scale kPeople[] = {
    {"", 1},     {"K", 1e3},        {"k", 1e3},       {"M", 1e6},       {"B", 1e9},
    {"T", 1e12}, {"thousand", 1e3}, {"million", 1e6}, {"billion", 1e9}, {"trillion", 1e12}};
constexpr Scale kSi[] = {{"", 1},     {"k", 1e3},  {"K", 1e3},  {"M", 1e6},  {"G", 1e9},
                         {"T", 1e12}, {"P", 1e15}, {"E", 1e18}, {"Z", 1e21}, {"Y", 1e24}};
constexpr Scale kBinary[] = {
    {"Ki", 0x1p10}, {"Mi", 0x1p20}, {"Gi", 0x1p30}, {"Ti", 0x1p40}, {"Pi", 0x1p50}};
constexpr Scale kNone[] = {{"", 1}};

/// One spelling of a unit, the scales that may stand before it, and what one of it is in the
/// quantity's own unit.
struct UnitRow {
  std::string_view unit;
  std::span<const Scale> scales;
  double factor;
};

struct QuantityRow {
  Quantity quantity;
  std::string_view unit, example;
  std::vector<UnitRow> units;
};

// In the order of the enumeration. Money is told apart by its dollar: see parse_money.
const std::vector<QuantityRow>& table() {
  static const std::vector<QuantityRow> rows = {
      {Quantity::kCount,
       "",
       "2048",
       {{"", kPeople, 1},
        {"x", kNone, 1},
        {"GPUs", kPeople, 1},
        {"GPU", kPeople, 1},
        {"TPUs", kPeople, 1},
        {"chips", kPeople, 1},
        {"devices", kPeople, 1}}},
      {Quantity::kFraction, "%", "43.7%", {{"", kNone, 1}, {"%", kNone, 0.01}}},
      {Quantity::kTokens,
       "tokens",
       "14.8T tokens",
       {{"tokens", kPeople, 1}, {"token", kPeople, 1}, {"tok", kPeople, 1}}},
      {Quantity::kTokensPerS,
       "tokens/s",
       "73.7K tokens/s",
       {{"tokens/s", kPeople, 1},
        {"tok/s", kPeople, 1},
        {"tokens/h", kPeople, 1 / kHour},
        {"tokens/hour", kPeople, 1 / kHour},
        {"tokens/d", kPeople, 1 / kDay},
        {"tokens/day", kPeople, 1 / kDay}}},
      {Quantity::kFlops, "FLOP", "3.41e24 FLOP", {{"FLOP", kSi, 1}, {"FLOPs", kSi, 1}}},
      {Quantity::kFlopsPerToken,
       "FLOP/token",
       "250 GFLOP/token",
       {{"FLOP/token", kSi, 1}, {"FLOPs/token", kSi, 1}}},
      {Quantity::kFlopsPerS,
       "FLOP/s",
       "989 TFLOP/s",
       {{"FLOP/s", kSi, 1}, {"FLOPs/s", kSi, 1}, {"FLOPS", kSi, 1}}},
      {Quantity::kDeviceHours,
       "h",
       "2.788M h",
       {{"h", kPeople, 1}, {"hour", kPeople, 1}, {"hours", kPeople, 1}}},
      {Quantity::kSeconds,
       "s",
       "54.2 d",
       {{"s", kNone, 1},
        {"ms", kNone, 1e-3},
        {"us", kNone, 1e-6},
        {"seconds", kNone, 1},
        {"min", kNone, 60},
        {"minutes", kNone, 60},
        {"h", kNone, kHour},
        {"hour", kNone, kHour},
        {"hours", kNone, kHour},
        {"d", kNone, kDay},
        {"day", kNone, kDay},
        {"days", kNone, kDay},
        {"week", kNone, 7 * kDay},
        {"weeks", kNone, 7 * kDay},
        {"month", kNone, kYear / 12},
        {"months", kNone, kYear / 12},
        {"year", kNone, kYear},
        {"years", kNone, kYear}}},
      {Quantity::kBytes,
       "B",
       "80 GB",
       {{"B", kSi, 1}, {"B", kBinary, 1}, {"byte", kNone, 1}, {"bytes", kNone, 1}}},
      {Quantity::kBytesPerS,
       "B/s",
       "3.35 TB/s",
       {{"B/s", kSi, 1},
        {"B/s", kBinary, 1},
        {"bytes/s", kNone, 1},
        {"bit/s", kSi, 0.125},
        {"bps", kSi, 0.125}}},
      {Quantity::kWatts, "W", "700 W", {{"W", kSi, 1}}},
      {Quantity::kJoules, "J", "3.33 GWh", {{"J", kSi, 1}, {"Wh", kSi, kHour}}},
      {Quantity::kUsd, "$", "$5.576M", {{"$", kPeople, 1}}},
      {Quantity::kUsdPerHour, "$/h", "$2/h", {{"$/h", kPeople, 1}, {"$/hour", kPeople, 1}}},
      {Quantity::kUsdPerKwh,
       "$/kWh",
       "$0.08/kWh",
       {{"$/kWh", kPeople, 1}, {"$/MWh", kPeople, 1e-3}}},
      {Quantity::kUsdPerMtok,
       "$/Mtok",
       "$2.19/Mtok",
       {{"$/Mtok", kPeople, 1},
        {"$/M tokens", kNone, 1},
        {"$/1M tokens", kNone, 1},
        {"$/million tokens", kNone, 1}}},
      {Quantity::kParameters,
       "parameters",
       "671B",
       {{"", kPeople, 1}, {"parameters", kPeople, 1}, {"params", kPeople, 1}}},
      {Quantity::kYears,
       "years",
       "4 years",
       {{"years", kNone, 1},
        {"year", kNone, 1},
        {"y", kNone, 1},
        {"months", kNone, 1.0 / 12},
        {"month", kNone, 1.0 / 12}}},
  };
  return rows;
}

const QuantityRow& row_of(Quantity q) {
  const QuantityRow& row = table()[static_cast<size_t>(q)];
  FATHOM_CHECK(row.quantity == q);
  return row;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

/// Takes the leading number off `text`: 5, 5.576, 3.41e24, 172,800. A comma must stand before three
/// digits and after one to three.
std::optional<double> take_number(std::string_view& text) {
  std::string digits;
  size_t i = 0, run = 0;  // run: digits since the last comma
  bool grouped = false;
  for (; i < text.size() && (is_digit(text[i]) || text[i] == ','); ++i) {
    if (text[i] != ',') {
      digits += text[i];
      ++run;
      continue;
    }
    if (grouped ? run != 3 : run < 1 || run > 3) return std::nullopt;
    grouped = true;
    run = 0;
  }
  if (digits.empty() || (grouped && run != 3)) return std::nullopt;
  if (i < text.size() && text[i] == '.') {
    if (i + 1 >= text.size() || !is_digit(text[i + 1])) return std::nullopt;
    for (digits += text[i++]; i < text.size() && is_digit(text[i]); ++i) digits += text[i];
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    size_t j = i + 1;
    if (j < text.size() && (text[j] == '+' || text[j] == '-')) ++j;
    if (j < text.size() && is_digit(text[j])) {
      digits += 'e';
      for (j = text[i + 1] == '+' ? i + 2 : i + 1;
           j < text.size() && (is_digit(text[j]) || text[j] == '-'); ++j)
        digits += text[j];
      i = j;
    }
  }
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value))
    return std::nullopt;
  text.remove_prefix(i);
  return value;
}

void replace_all(std::string& s, std::string_view from, std::string_view to) {
  for (size_t at = s.find(from); at != std::string::npos; at = s.find(from, at + to.size()))
    s.replace(at, from.size(), to);
}

/// "GPU", "chip", or a device's own name: a capital first and a digit in it (H800, TPUv4).
bool is_device_word(std::string_view word) {
  for (std::string_view known : {"GPU", "TPU", "chip", "device", "accelerator"}) {
    if (word == known) return true;
  }
  return !word.empty() && word[0] >= 'A' && word[0] <= 'Z' &&
         std::any_of(word.begin(), word.end(), is_digit) &&
         std::all_of(word.begin(), word.end(), [](char c) { return is_digit(c) || is_letter(c); });
}

/// "M H800 GPU-h" is "M h", "$/H100-h" is "$/h": hours of which device is the caller's to know.
std::string drop_device_words(const std::string& unit) {
  const size_t last = unit.find_last_of(" -");
  if (last == std::string::npos) return unit;
  const std::string_view tail = std::string_view(unit).substr(last + 1);
  if (tail != "h" && tail != "hour" && tail != "hours") return unit;
  std::string head = unit.substr(0, last);
  for (;;) {
    const size_t start = head.find_last_of(" -/");
    const size_t word = start == std::string::npos ? 0 : start + 1;
    if (!is_device_word(std::string_view(head).substr(word))) break;
    const bool slash = start != std::string::npos && head[start] == '/';
    head.resize(slash ? word : (start == std::string::npos ? 0 : start));
    if (slash) return head + std::string(tail);
  }
  return std::string(trim(head + " " + std::string(tail)));
}

/// One spelling for what means the same: "per" is "/", USD is $, and the dollar stands behind the
/// scale.
std::string normalized_unit(std::string_view rest, bool dollar) {
  std::string unit(trim(rest));
  replace_all(unit, " per ", "/");
  if (unit.starts_with("per ")) unit.replace(0, 4, "/");
  replace_all(unit, " /", "/");
  replace_all(unit, "/ ", "/");
  replace_all(unit, "USD", "$");
  if (dollar) {
    const size_t slash = unit.find('/');
    unit.insert(slash == std::string::npos ? unit.size() : slash, "$");
  }
  return drop_device_words(unit);
}

std::optional<double> unit_factor(const QuantityRow& row, std::string_view unit) {
  for (const UnitRow& u : row.units) {
    if (!unit.ends_with(u.unit)) continue;
    const std::string_view scale = trim(unit.substr(0, unit.size() - u.unit.size()));
    for (const Scale& s : u.scales) {
      if (scale == s.text) return s.factor * u.factor;
    }
  }
  return std::nullopt;
}

std::optional<double> parse(std::string_view text, const QuantityRow& row) {
  text = trim(text);
  bool dollar = false;
  if (text.starts_with("$") || text.starts_with("USD ")) {
    dollar = true;
    text = trim(text.substr(text[0] == '$' ? 1 : 4));
  }
  const std::optional<double> number = take_number(text);
  if (!number) return std::nullopt;
  std::string unit = normalized_unit(text, dollar);
  if (row.quantity == Quantity::kCount && is_device_word(unit)) unit.clear();  // 2048 H800
  const std::optional<double> factor = unit_factor(row, unit);
  if (!factor || !std::isfinite(*number * *factor)) return std::nullopt;
  return *number * *factor;
}

/// Four significant digits without trailing zeros: 2.788, 54.25, 0.08, 1979.
std::string digits(double x) {
  if (x == 0) return "0";
  if (!std::isfinite(x)) return fmt::format("{}", x);  // a product that overflowed
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(x))));
  if (magnitude < -6 || magnitude > 14) return fmt::format("{:.3e}", x);
  std::string s = fmt::format("{:.{}f}", x, std::clamp(3 - magnitude, 0, 9));
  if (s.find('.') == std::string::npos) return s;
  s.erase(s.find_last_not_of('0') + 1);
  if (s.back() == '.') s.pop_back();
  return s;
}

/// 14.8T, 172.8K, 2048: a K from ten thousand on.
std::string people(double x) {
  const double size = std::abs(x);
  if (size >= 999.95e9) return digits(x / 1e12) + "T";
  if (size >= 999.95e6) return digits(x / 1e9) + "B";
  if (size >= 999.95e3) return digits(x / 1e6) + "M";
  if (size >= 1e4) return digits(x / 1e3) + "K";
  return digits(x);
}

/// 385 T, 70.27 k: `from` is what a number must reach for the next prefix (1e3, or 1e4 where 1979 T
/// reads better than 1.979 P).
std::string si(double x, double from) {
  constexpr const char* kPrefix[] = {" ", " k", " M", " G", " T", " P", " E"};
  size_t i = 0;
  for (; i + 1 < std::size(kPrefix) && std::abs(x) >= from * 0.99995; ++i) x /= 1e3;
  return digits(x) + kPrefix[i];
}

/// 3.41e24: a sum of FLOPs beyond the prefixes that people read.
std::string flops(double x, std::string_view unit) {
  if (std::abs(x) < 1e21 || !std::isfinite(x)) return fmt::format("{}{}", si(x, 1e4), unit);
  const int power = static_cast<int>(std::floor(std::log10(std::abs(x)) + 1e-12));
  return fmt::format("{}e{} {}", digits(x / std::pow(10.0, power)), power, unit);
}

std::string duration(double s) {
  if (std::abs(s) >= 2 * kYear) return digits(s / kYear) + " years";
  if (std::abs(s) >= 10 * kDay) return digits(s / kDay) + " d";
  if (std::abs(s) >= 2 * kHour) return digits(s / kHour) + " h";
  if (std::abs(s) >= 120) return digits(s / 60) + " min";
  return digits(s) + " s";
}

std::string money(double x, std::string_view per) {
  return fmt::format("{}${}{}", x < 0 ? "-" : "", people(std::abs(x)), per);
}

}  // namespace

std::string_view trim(std::string_view s) {
  const size_t first = s.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

std::string_view unit_of(Quantity q) { return row_of(q).unit; }

Result<double> parse_quantity(std::string_view text, Quantity q, std::string_view where) {
  const QuantityRow& row = row_of(q);
  const std::string_view trimmed = trim(text);
  if ((trimmed.starts_with('-') || trimmed.starts_with("$-")) && trimmed.size() > 1) {
    std::string positive(trimmed);
    positive.erase(positive.find('-'), 1);
    if (parse(positive, row))
      return Status::error(
          fmt::format("{}: a number of 0 or more wanted, \"{}\" found", where, text));
  }
  const std::optional<double> value = parse(text, row);
  const std::string in =
      row.unit.empty() || q == Quantity::kFraction ? "" : fmt::format(" in {}", row.unit);
  if (!value)
    return Status::error(fmt::format("{}: a number{} (such as {}) wanted, \"{}\" found", where, in,
                                     row.example, text));
  if (q == Quantity::kFraction && *value > 1) {
    return Status::error(fmt::format(
        "{}: a share from 0 to 1 (such as 0.437 or 43.7%) wanted, \"{}\" found", where, text));
  }
  return *value;
}

std::string human_quantity(double value, Quantity q) {
  switch (q) {
    case Quantity::kCount:
      return people(value);
    case Quantity::kFraction:
      return digits(100 * value) + "%";
    case Quantity::kTokens:
      return people(value) + " tokens";
    case Quantity::kTokensPerS:
      return people(value) + " tokens/s";
    case Quantity::kFlops:
      return flops(value, "FLOP");
    case Quantity::kFlopsPerToken:
      return flops(value, "FLOP/token");
    case Quantity::kFlopsPerS:
      return flops(value, "FLOP/s");
    case Quantity::kDeviceHours:
      return people(value) + " h";
    case Quantity::kSeconds:
      return duration(value);
    case Quantity::kBytes:
      return si(value, 1e3) + "B";
    case Quantity::kBytesPerS:
      return si(value, 1e3) + "B/s";
    case Quantity::kWatts:
      return si(value, 1e4) + "W";
    case Quantity::kJoules:
      return si(value / kHour, 1e3) + "Wh";
    case Quantity::kUsd:
      return money(value, "");
    case Quantity::kUsdPerHour:
      return money(value, "/h");
    case Quantity::kUsdPerKwh:
      return money(value, "/kWh");
    case Quantity::kUsdPerMtok:
      return money(value, "/Mtok");
    case Quantity::kParameters:
      return people(value);
    case Quantity::kYears:
      return digits(value) + " years";
  }
  return {};
}

std::string human_quantity(const Range& range, Quantity q) {
  if (range.exact()) return human_quantity(range.mid, q);
  return fmt::format("{} to {}", human_quantity(range.low, q), human_quantity(range.high, q));
}

}  // namespace fathom
