// A figure with its uncertainty: low, middle, high. Everything that is told of cost is one of these, so that no report can drop the spread
// on the way.
#pragma once

namespace fathom {

/// Invariant: low <= mid <= high. A known figure has all three equal.
struct Range {
  double low = 0, mid = 0, high = 0;

  static constexpr Range exactly(double x) { return {x, x, x}; }
  constexpr bool exact() const { return low == high; }
  constexpr bool operator==(const Range&) const = default;
};

constexpr Range operator+(const Range& a, const Range& b) { return {a.low + b.low, a.mid + b.mid, a.high + b.high}; }
/// Of two ranges of positive figures that do not depend on each other: the ends are those of the worst cases together.
constexpr Range operator*(const Range& a, const Range& b) { return {a.low * b.low, a.mid * b.mid, a.high * b.high}; }
/// Requires: k >= 0.
constexpr Range operator*(const Range& a, double k) { return {a.low * k, a.mid * k, a.high * k}; }
/// Requires: b.low > 0.
constexpr Range operator/(const Range& a, const Range& b) { return {a.low / b.high, a.mid / b.mid, a.high / b.low}; }

}  // namespace fathom
