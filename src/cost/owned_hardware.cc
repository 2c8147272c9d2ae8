#include "cost/owned_hardware.h"

#include <cmath>

#include "base/check.h"

namespace fathom {

Range acquisition_usd(const Acquisition& a) {
  return a.device_usd * (a.server_factor * a.network_factor);
}

Range amortised_usd_per_hour(const Range& acquisition, const Amortisation& a) {
  FATHOM_CHECK(a.years_since_purchase >= 0 && a.oom_per_year > 0);
  const double sign = a.sign == ExponentSign::kMinus ? -1 : 1;
  const double start = std::pow(10.0, sign * a.years_since_purchase * a.oom_per_year);
  return acquisition * (start * a.oom_per_year * std::log(10.0) / kHoursPerYear);
}

Range straight_line_usd_per_hour(const Range& acquisition, const StraightLine& s) {
  FATHOM_CHECK(s.life_years.low > 0 && s.utilisation.low > 0);
  return acquisition / (s.life_years * s.utilisation * kHoursPerYear);
}

Range energy_kwh(const Range& device_hours, const PowerModel& p) {
  return device_hours * p.server_watts * p.draw * p.pue * 1e-3;
}

Range energy_usd(const Range& device_hours, const PowerModel& p) {
  return energy_kwh(device_hours, p) * p.usd_per_kwh;
}

}  // namespace fathom
