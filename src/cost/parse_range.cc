#include "cost/parse_range.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

namespace fathom {

Result<Range> parse_range(std::string_view text, Quantity q, std::string_view where) {
  std::vector<double> x;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(':', at), text.size());
    FATHOM_ASSIGN_OR_RETURN(const double value,
                            parse_quantity(text.substr(at, end - at), q, where));
    x.push_back(value);
    at = end + 1;
  }
  if (x.size() > 3) {
    return Status::error(fmt::format(
        "{}: one figure, low:high or low:middle:high wanted, \"{}\" found", where, text));
  }
  const Range r = x.size() == 1   ? Range::exactly(x[0])
                  : x.size() == 2 ? Range{x[0], std::sqrt(x[0] * x[1]), x[1]}
                                  : Range{x[0], x[1], x[2]};
  if (r.low <= r.mid && r.mid <= r.high) return r;
  return Status::error(
      fmt::format("{}: low:middle:high in rising order wanted, \"{}\" found", where, text));
}

}  // namespace fathom
