// Quantities as people write them, with their units: "2.788M h", "14.8T tokens", "$2/h", "989
// TFLOP/s", "80 GB", "$0.08/kWh", "40%". A number never loses its unit on the way in: a wrong unit
// is an error that names the wanted and the found one, never a zero.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "cost/range.h"

namespace fathom {

inline constexpr double kSecondsPerHour = 3600;

/// What a number counts. Values are kept in the unit named here.
enum class Quantity {
  kCount,          // plain: 2048, 2.3x
  kFraction,       // 0.43, 43 %
  kTokens,         // tokens, with K M B T
  kTokensPerS,     // tokens/s; also tokens/day, tokens/h
  kFlops,          // FLOP, with G T P E or 1e24
  kFlopsPerToken,  // FLOP/token
  kFlopsPerS,      // FLOP/s
  kDeviceHours,    // h: GPU-hours, chip-hours (2.788M h, 2.788M GPU-h, 1.2M H800-h)
  kSeconds,        // s; also min, h, d, months, years
  kBytes,          // bytes; kB MB GB TB and KiB MiB GiB TiB
  kBytesPerS,      // bytes/s; GB/s, GiB/s, Gbit/s
  kWatts,          // W; kW, MW
  kJoules,         // J; kWh, MWh, GWh
  kUsd,            // $; $5.576M, 5.576M USD
  kUsdPerHour,     // $/h (per device and hour)
  kUsdPerKwh,      // $/kWh
  kUsdPerMtok,     // $/Mtok: money per million tokens
  kParameters,     // 671B, 671B parameters
  kYears,          // years; months are taken
};

/// The unit as it is written in messages and tables: "h", "$/kWh".
std::string_view unit_of(Quantity q);

/// Without the spaces and tabs at its ends.
std::string_view trim(std::string_view text);

/// Reads a quantity. A bare number is taken only where `q` is kCount or kFraction or kParameters;
/// otherwise the unit must stand there. Error: "WHERE: a number in h (such as 2.788M h) wanted,
/// \"2.788M tokens\" found". `where` begins the sentence. Not negative unless said.
Result<double> parse_quantity(std::string_view text, Quantity q, std::string_view where);

/// The inverse, four significant digits, for people: 2.788M h, $5.576M, 14.8T tokens, 385
/// TFLOP/s, 70.27 kB.
std::string human_quantity(double value, Quantity q);
/// "$20M to $59M"; one figure where the range is exact.
std::string human_quantity(const Range& range, Quantity q);

}  // namespace fathom
