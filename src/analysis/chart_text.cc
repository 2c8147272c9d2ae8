// See chart_text.h. Lengths in eighths of a character: ▏▎▍▌▋▊▉█ and ▁▂▃▄▅▆▇█.
#include "analysis/chart_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/cell_text.h"

namespace fathom {
namespace {

constexpr const char* kAcross[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
constexpr const char* kUp[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇"};
constexpr int kColumnRows = 8;  // of a chart over time

std::string blocks(size_t n) {
  std::string out;
  while (n-- > 0) out += "█";
  return out;
}

struct ValueSpan {
  double low = 0, high = 0;  // with 0 in it
};
ValueSpan span_of(const std::vector<ChartPoint>& points) {
  ValueSpan s;
  for (const ChartPoint& p : points) {
    s.low = std::min(s.low, p.value);
    s.high = std::max(s.high, p.value);
  }
  if (s.low == s.high) s.high = 1;
  return s;
}

/// The bar of `value` on `n` characters that span `s`.
std::string bar(double value, const ValueSpan& s, size_t n) {
  const double scale = static_cast<double>(n) / (s.high - s.low);
  const auto zero = static_cast<size_t>(std::lround(-s.low * scale));
  if (value < 0) {
    const auto size = std::min(zero, static_cast<size_t>(std::lround(-value * scale)));
    return std::string(zero - size, ' ') + (size == 0 ? "▕" : blocks(size));
  }
  auto eighths = static_cast<size_t>(std::lround(8 * value * scale));
  eighths = std::clamp<size_t>(eighths, value > 0 ? 1 : 0, 8 * (n - std::min(n, zero)));
  return std::string(zero, ' ') + blocks(eighths / 8) + kAcross[eighths % 8];
}

std::string bars_text(const Chart& chart, size_t width) {
  size_t label_width = 1, value_width = 1;
  for (const ChartPoint& p : chart.points) {
    label_width = std::max(label_width, display_width(p.label));
    value_width = std::max(value_width, display_width(p.text));
  }
  label_width = std::min(label_width, std::max<size_t>(width / 3, 8));
  const size_t used = label_width + value_width + 4;
  const size_t n = std::clamp<size_t>(width > used ? width - used : 0, 5, 60);
  const ValueSpan s = span_of(chart.points);
  std::string out;
  for (const ChartPoint& p : chart.points)
    out += fmt::format("{}  {}  {}\n", padded(cell_text(p.label, label_width), label_width),
                       padded(p.text, value_width, true), bar(p.value, s, n));
  if (chart.n_left_out > 0) out += fmt::format("… {} more rows\n", chart.n_left_out);
  return out;
}

/// Neighbours in groups of `n`, each one point with their mean.
std::vector<ChartPoint> means(const std::vector<ChartPoint>& points, size_t n) {
  std::vector<ChartPoint> out;
  for (size_t i = 0; i < points.size(); i += n) {
    const size_t end = std::min(i + n, points.size());
    ChartPoint mean = points[i];
    mean.value = 0;
    for (size_t k = i; k < end; ++k) mean.value += points[k].value / static_cast<double>(end - i);
    out.push_back(std::move(mean));
  }
  return out;
}

/// The character of a column of `value` in the row that begins `row` rows above zero (below: < 0).
const char* cell_of(double value, double row_size, int row) {
  const double rows = value / row_size;
  if (row < 0) return rows <= row + 0.5 ? "█" : " ";
  const auto eighths = std::lround(8 * (rows - row));
  return eighths >= 8 ? "█" : kUp[std::max<long>(eighths, 0)];
}

/// Labels below their columns, as many as fit.
std::string label_line(const std::vector<ChartPoint>& points, size_t slot, size_t width) {
  std::string out;
  size_t used = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const size_t at = i * slot, size = display_width(points[i].label);
    if ((used > 0 && at < used + 1) || at + size > width) continue;
    out += std::string(at - used, ' ') + points[i].label;
    used = at + size;
  }
  return out;
}

std::string columns_text(const Chart& chart, size_t width) {
  ValueSpan s = span_of(chart.points);
  const int n_down =
      s.low < 0
          ? std::max(1, static_cast<int>(std::lround(kColumnRows * -s.low / (s.high - s.low))))
          : 0;
  const int n_up = s.high > 0 ? std::max(1, kColumnRows - n_down) : 0;
  const double row_size = std::max(n_up > 0 ? s.high / n_up : 0, n_down > 0 ? -s.low / n_down : 0);
  const std::string top = tick_text(n_up * row_size, chart.value), zero = tick_text(0, chart.value),
                    bottom = tick_text(-n_down * row_size, chart.value);
  const size_t axis = std::max({display_width(top), display_width(zero), display_width(bottom)});
  const size_t area = std::max<size_t>(width > axis + 2 ? width - axis - 2 : 0, 10);
  const size_t n_together = (chart.points.size() + area - 1) / area;
  const std::vector<ChartPoint> points =
      n_together > 1 ? means(chart.points, n_together) : chart.points;
  const size_t slot = std::clamp<size_t>(area / points.size(), 1, 6);
  std::string out;
  for (int row = n_up - 1; row >= -n_down; --row) {
    const std::string tick = row == n_up - 1 ? top : row == 0 ? zero : row == -n_down ? bottom : "";
    std::string line = padded(n_up == 1 && row == 0 ? top : tick, axis, true) + " │";
    for (const ChartPoint& p : points) {
      for (size_t k = 0; k < std::max<size_t>(slot - 1, 1); ++k)
        line += cell_of(p.value, row_size, row);
      if (slot > 1) line += ' ';
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  out += std::string(axis + 2, ' ') + label_line(points, slot, area) + "\n";
  if (n_together > 1) out += fmt::format("each column is the mean of {} rows\n", n_together);
  return out;
}

}  // namespace

std::string chart_text(const Chart& chart, size_t width) {
  return chart.over_time ? columns_text(chart, width) : bars_text(chart, width);
}

}  // namespace fathom
