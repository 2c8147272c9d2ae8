// See human.h.
#include "base/human.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

namespace fathom {

std::string human_count(double n) {
  const double size = std::abs(n);
  if (size >= 999.5e9) return fmt::format("{:.2f}T", n / 1e12);
  if (size >= 999.5e6) return fmt::format("{:.2f}G", n / 1e9);
  if (size >= 999.5e3) return fmt::format("{:.2f}M", n / 1e6);
  if (size >= 9999.5) return fmt::format("{:.1f}K", n / 1e3);
  return fmt::format("{:.0f}", n);
}

std::string human_duration(double seconds) {
  if (!(seconds < 1e12)) return "?";
  const auto s = static_cast<int64_t>(seconds + 0.5);
  if (s >= 86400) return fmt::format("{} d {:02} h", s / 86400, s / 3600 % 24);
  if (s >= 3600) return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
  if (s >= 60) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} s", s);
}

}  // namespace fathom
