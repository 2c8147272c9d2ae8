// What an hour of an own device costs: its price with server and network, the value it loses while
// it works, its power. Two roads to the lost value: Epoch's amortisation (the hardware is worth
// less as newer hardware does more for a dollar) and the accountant's straight line (a life, and
// the share of it that is used). Source: Cottier et al., "The rising costs of training frontier AI
// models", arXiv:2405.21015v2, section 2 and appendix A, and its published code.
#pragma once

#include "cost/range.h"

namespace fathom {

constexpr double kHoursPerYear = 8760;

/// Money to buy one device with its part of server and network.
struct Acquisition {
  Range device_usd;             // the chip or card alone
  double server_factor = 1.64;  // device to server: H100 class 1.64; A100 1.66, V100 1.69,
                                // P100 1.54; 1 leaves the server out
  double network_factor =
      1.23;  // server to cluster: the network is 19 % of the whole; 1 leaves it out
};
/// USD per device.
Range acquisition_usd(const Acquisition& a);

/// The formula's sign of the exponent. Printed, the paper's formula has none and lets the value
/// grow with age; its text ("72 % of the value after a year") and its code need the minus.
enum class ExponentSign { kMinus, kAsPrinted };

struct Amortisation {
  double years_since_purchase = 0;  // age of the hardware when the run begins
  double oom_per_year = 0.14;       // price-performance of ML hardware, orders of magnitude a year
  ExponentSign sign = ExponentSign::kMinus;
};
/// USD per device and hour that the device loses in value:
///   start = acquisition · 10^(-years_since_purchase · oom_per_year);   start · oom_per_year · ln
///   10 / 8760
/// Requires: years_since_purchase >= 0, oom_per_year > 0.
Range amortised_usd_per_hour(const Range& acquisition, const Amortisation& a);

/// Life in years; utilisation: share of all hours of the life in which the device works for
/// somebody.
struct StraightLine {
  Range life_years = {3, 4, 6};
  Range utilisation = {0.6, 0.8, 1.0};
};
/// USD per used device and hour: acquisition / (life · 8760 · utilisation). Requires: both lows >
/// 0.
Range straight_line_usd_per_hour(const Range& acquisition, const StraightLine& s);

struct PowerModel {
  Range server_watts;  // per device, its share of the server included: H100 server 10.2 kW / 8
  Range draw = Range::exactly(0.75);  // mean draw over rated power
  Range pue = {
      1.1, 1.25,
      1.25};  // energy of the building over energy of the machines: 1.1 hyperscale, 1.25 other
  Range usd_per_kwh;
};
/// kWh of `device_hours`: hours · W / 1000 · draw · PUE.
Range energy_kwh(const Range& device_hours, const PowerModel& p);
/// USD of the same.
Range energy_usd(const Range& device_hours, const PowerModel& p);

}  // namespace fathom
