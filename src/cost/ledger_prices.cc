// See ledger_prices.h.
#include "cost/ledger_prices.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <initializer_list>
#include <sstream>

#include "base/file.h"
#include "cost/owned_hardware.h"
#include "cost/toml_table.h"
#include "cost/units.h"

namespace fathom {
namespace {

constexpr double kJoulesPerKwh = 3.6e6;

// A price is a value, or low, mid and high, with its date and its source.
std::optional<StatedPrice> read_price(TomlTable& table, Quantity q) {
  StatedPrice p;
  p.value = table.range(q);
  p.date = table.date("date");
  p.source = table.text("source", Needed::kYes);
  if (p.value.high > 0 && !(p.value.low > 0)) table.refuse("a price of more than 0 wanted");
  return p;
}

/// Reads the table `name`, if it is there, by `read`.
template <typename Read>
Status in_table(TomlTable& root, const std::string& where, const char* name, Read read) {
  const toml::table* found = root.table(name);
  if (found == nullptr) return {};
  TomlTable table(*found, where, name);
  read(table);
  return table.finish();
}

// Of a purchase: both must be known, and neither may be nothing.
Range positive(TomlTable& table, const char* key, Quantity q) {
  const double x = table.quantity(key, q, Needed::kYes).value_or(1);
  if (!(x > 0)) table.refuse(fmt::format("{} of more than 0 wanted", key));
  return Range::exactly(x);
}

Result<LedgerPrices> read_tables(const toml::table& file, const std::string& where) {
  LedgerPrices prices;
  TomlTable root(file, where, "prices");
  FATHOM_RETURN_IF_ERROR(in_table(root, where, "rental", [&](TomlTable& t) {
    prices.rental = read_price(t, Quantity::kUsdPerHour);
  }));
  FATHOM_RETURN_IF_ERROR(in_table(root, where, "purchase", [&](TomlTable& t) {
    prices.purchase = read_price(t, Quantity::kUsd);
    prices.life_years = positive(t, "life", Quantity::kYears);
    prices.utilisation = positive(t, "utilisation", Quantity::kFraction);
  }));
  FATHOM_RETURN_IF_ERROR(in_table(root, where, "electricity", [&](TomlTable& t) {
    prices.electricity = read_price(t, Quantity::kUsdPerKwh);
    if (t.has("pue")) prices.pue = positive(t, "pue", Quantity::kCount);
  }));
  FATHOM_RETURN_IF_ERROR(in_table(
      root, where, "power", [&](TomlTable& t) { prices.watts = read_price(t, Quantity::kWatts); }));
  FATHOM_RETURN_IF_ERROR(root.finish());
  return prices;
}

double device_hours(const LedgerSum& sum) { return sum.device_seconds / kSecondsPerHour; }

}  // namespace

Result<LedgerPrices> parse_ledger_prices(std::string_view text, const std::string& where) {
  FATHOM_ASSIGN_OR_RETURN(const toml::table file, parse_toml(text, where));
  return read_tables(file, where);
}

Result<LedgerPrices> read_ledger_prices(const std::filesystem::path& path) {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return parse_ledger_prices(text, path.string());
}

std::optional<Range> ledger_joules(const LedgerSum& sum, const LedgerPrices& prices) {
  if (sum.joules_known()) return Range::exactly(sum.joules);
  if (!prices.watts || !(sum.device_seconds > 0)) return std::nullopt;
  return Range::exactly(sum.joules) + prices.watts->value * sum.device_seconds_without_joules;
}

Range owned_usd_per_hour(const LedgerPrices& prices) {
  return straight_line_usd_per_hour(prices.purchase->value,
                                    {prices.life_years, prices.utilisation});
}

LedgerMoney ledger_money(const LedgerSum& sum, const LedgerPrices& prices) {
  LedgerMoney money;
  if (!(sum.device_seconds > 0)) return money;
  if (prices.rental) money.rental = prices.rental->value * device_hours(sum);
  if (prices.purchase) money.straight_line = owned_usd_per_hour(prices) * device_hours(sum);
  const auto joules = ledger_joules(sum, prices);
  if (prices.electricity && joules)
    money.electricity = *joules * prices.pue * prices.electricity->value * (1 / kJoulesPerKwh);
  return money;
}

std::optional<Range> LedgerMoney::headline() const {
  if (rental) return rental;
  if (straight_line && electricity) return *straight_line + *electricity;
  return straight_line ? straight_line : electricity;
}

const char* LedgerMoney::headline_basis() const {
  if (rental) return "rental";
  if (straight_line && electricity) return "straight-line, with electricity";
  return straight_line ? "straight-line, without electricity" : "electricity alone";
}

}  // namespace fathom
