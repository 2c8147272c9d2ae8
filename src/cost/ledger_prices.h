// A price file: what an hour of a device, a machine and a kilowatt-hour cost, each with its date
// and its source, for turning a ledger into money. The file: docs/cost.md, "The ledger".
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "cost/ledger_summary.h"
#include "cost/range.h"

namespace fathom {

struct StatedPrice {
  Range value;
  std::string date, source;
};

struct LedgerPrices {
  std::optional<StatedPrice> rental;       // $ per device and hour, power included
  std::optional<StatedPrice> purchase;     // $ a device, with its share of the machine around it
  Range life_years, utilisation;           // of the purchase
  std::optional<StatedPrice> electricity;  // $/kWh
  Range pue = Range::exactly(1);
  std::optional<StatedPrice> watts;  // draw of a device, for time whose joules are unknown
};

/// Error: what is missing or wrong, by table and key; a price without a date or a source is one.
Result<LedgerPrices> parse_ledger_prices(std::string_view text, const std::string& where);
Result<LedgerPrices> read_ledger_prices(const std::filesystem::path& path);

/// Joules as measured, plus the price file's watts over the time that nothing was measured; nothing
/// where part of the time has neither.
std::optional<Range> ledger_joules(const LedgerSum& sum, const LedgerPrices& prices);

/// $ per device-hour of an own device that works `utilisation` of its life. Requires: purchase.
Range owned_usd_per_hour(const LedgerPrices& prices);

/// Money on each basis that the prices allow.
struct LedgerMoney {
  std::optional<Range> rental;         // hours x rate
  std::optional<Range> straight_line;  // hours x (purchase / (life x utilisation))
  std::optional<Range> electricity;    // joules x PUE x price
  /// What is told in one figure: the rental, else the owned machine with its electricity, else the
  /// electricity; nothing without any of these.
  std::optional<Range> headline() const;
  const char* headline_basis() const;
};
LedgerMoney ledger_money(const LedgerSum& sum, const LedgerPrices& prices);

}  // namespace fathom
