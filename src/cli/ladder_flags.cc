#include "cli/ladder_flags.h"

#include <fmt/format.h>

#include "cost/parse_range.h"

namespace fathom {
namespace {

/// Sets `out` where the flag was given.
Status read_range(const std::string& text, Quantity q, const char* flag, double least, double most,
                  std::optional<Range>& out) {
  if (text.empty()) return {};
  FATHOM_ASSIGN_OR_RETURN(const Range range, parse_range(text, q, flag));
  if (range.low <= least || range.high > most) {
    return Status::error(fmt::format("{}: above {:g}{} wanted, \"{}\" found", flag, least,
                                     most < 1e300 ? fmt::format(" and up to {:g}", most) : "",
                                     text));
  }
  out = range;
  return {};
}

Status read_one(const std::string& text, Quantity q, const char* flag, std::optional<double>& out) {
  if (text.empty()) return {};
  FATHOM_ASSIGN_OR_RETURN(out, parse_quantity(text, q, flag));
  return {};
}

}  // namespace

std::shared_ptr<LadderFlags> add_ladder_flags(CLI::App& sub) {
  auto f = std::make_shared<LadderFlags>();
  const char* group = "Figures in place of the catalogue's (one, low..high or low..middle..high)";
  sub.add_option("--rental-price", f->rental,
                 "Rental price of a device-hour: '$2/h' or '$2/h..$3/h'")
      ->group(group);
  sub.add_option("--device-price", f->device_price,
                 "Purchase price of one device: '$31.7K..$44.75K'")
      ->group(group);
  sub.add_option("--devices", f->devices, "Devices of the cluster")->group(group);
  sub.add_option("--age", f->age, "Age of the hardware when the run began: '1.5 years'")
      ->group(group);
  sub.add_option("--rd-factor", f->rd_factor,
                 "Compute of the whole project over the final run's: 3.3..10")
      ->group(group);
  sub.add_option("--staff-share", f->staff_share, "Share of staff in the whole: 29%..49%")
      ->group(group);
  sub.add_option("--life", f->life, "Straight line: life of the hardware: '3 years..6 years'")
      ->group(group);
  sub.add_option("--utilisation", f->utilisation,
                 "Straight line: share of the hours in use: 60%..100%")
      ->group(group);
  const char* formula = "The amortisation formula";
  sub.add_flag("--printed-sign", f->printed_sign,
               "The exponent's sign as the paper prints it: value grows with age")
      ->group(formula);
  sub.add_flag("--no-server", f->no_server, "Without the server's part of a device's price")
      ->group(formula);
  sub.add_flag("--no-network", f->no_network, "Without the network's part")->group(formula);
  sub.add_option("--on", f->upper_base,
                 "What experiments and staff are counted on: owned or rental")
      ->check(CLI::IsMember({"owned", "rental"}))
      ->capture_default_str()
      ->group(formula);
  return f;
}

Result<LadderOptions> ladder_options(const LadderFlags& f) {
  constexpr double kNoLimit = 1e301;
  LadderOptions o;
  FATHOM_RETURN_IF_ERROR(read_range(f.rental, Quantity::kUsdPerHour, "--rental-price", 0, kNoLimit,
                                    o.rental_usd_per_hour));
  FATHOM_RETURN_IF_ERROR(
      read_range(f.device_price, Quantity::kUsd, "--device-price", 0, kNoLimit, o.device_usd));
  FATHOM_RETURN_IF_ERROR(
      read_range(f.rd_factor, Quantity::kCount, "--rd-factor", 0, kNoLimit, o.rd_factor));
  FATHOM_RETURN_IF_ERROR(
      read_range(f.staff_share, Quantity::kFraction, "--staff-share", 0, 0.99, o.staff_share));
  FATHOM_RETURN_IF_ERROR(read_range(f.life, Quantity::kYears, "--life", 0, 100, o.life_years));
  FATHOM_RETURN_IF_ERROR(
      read_range(f.utilisation, Quantity::kFraction, "--utilisation", 0, 1, o.utilisation));
  FATHOM_RETURN_IF_ERROR(read_one(f.devices, Quantity::kCount, "--devices", o.n_devices));
  FATHOM_RETURN_IF_ERROR(read_one(f.age, Quantity::kYears, "--age", o.years_since_purchase));
  if (o.n_devices && *o.n_devices <= 0)
    return Status::error(fmt::format("--devices: above 0 wanted, \"{}\" found", f.devices));
  o.sign = f.printed_sign ? ExponentSign::kAsPrinted : ExponentSign::kMinus;
  o.server = !f.no_server;
  o.network = !f.no_network;
  o.upper_base = f.upper_base == "owned" ? UpperBase::kOwned : UpperBase::kRental;
  return o;
}

}  // namespace fathom
