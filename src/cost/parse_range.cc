#include "cost/parse_range.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

namespace fathom {
namespace {

/// At "..", or where there is none at ":".
std::vector<std::string_view> ends_of(std::string_view text) {
  const std::string_view mark = text.find("..") == std::string_view::npos ? ":" : "..";
  std::vector<std::string_view> parts;
  for (size_t at; (at = text.find(mark)) != std::string_view::npos;) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + mark.size());
  }
  parts.push_back(text);
  return parts;
}

}  // namespace

Result<Range> parse_range(std::string_view text, Quantity q, std::string_view where) {
  const std::vector<std::string_view> parts = ends_of(text);
  std::vector<double> ends;
  for (const std::string_view part : parts) {
    FATHOM_ASSIGN_OR_RETURN(const double x, parse_quantity(part, q, where));
    ends.push_back(x);
  }
  Range range;
  if (ends.size() == 1) range = Range::exactly(ends[0]);
  if (ends.size() == 2) range = {ends[0], std::sqrt(ends[0] * ends[1]), ends[1]};
  if (ends.size() == 3) range = {ends[0], ends[1], ends[2]};
  if (ends.size() > 3 || range.low > range.mid || range.mid > range.high) {
    return Status::error(
        fmt::format("{}: one figure, low..high or low..middle..high (rising) wanted, \"{}\" found",
                    where, text));
  }
  return range;
}

Status check_positive(const Range& range, Quantity q, std::string_view text,
                      std::string_view where) {
  const bool fraction = q == Quantity::kFraction;
  if (range.low > 0 && (!fraction || range.high <= 1)) return {};
  return Status::error(fmt::format("{}: more than 0{} wanted, \"{}\" found", where,
                                   fraction ? "% and at most 100%" : "", text));
}

}  // namespace fathom
