// See chart_svg.h. Classes are those of cost/page/cost_page.css: bar, grid, line fall, quiet.
#include "analysis/chart_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/cell_text.h"
#include "base/html.h"

namespace fathom {
namespace {

constexpr int kNarrowSvg = 560, kTextLine = 18;

constexpr std::string_view kSvgStyle = R"(<style>
svg { --page: #ffffff; --ink: #1a1d21; --quiet: #545c66; --grid: #e6e9ed; --bar: #2f6db3; }
@media (prefers-color-scheme: dark) { svg { --page: #14171b; --ink: #e7e9ec; --quiet: #a4adb8; --grid: #2a3037; --bar: #5b9be0; } }
.page { fill: var(--page); } .bar, .dot { fill: var(--bar); } .grid { stroke: var(--grid); } .zero { stroke: var(--quiet); }
.line { fill: none; stroke: var(--bar); stroke-width: 2.5; stroke-linejoin: round; }
text { font: 13px system-ui, "Liberation Sans", "DejaVu Sans", sans-serif; fill: var(--ink); }
.quiet { fill: var(--quiet); } .title { font-weight: 600; font-size: 15px; }
</style>
)";

/// Nearly; a font is not at hand. A column of a terminal is about 7.6 pixels of 13.
double pixels_of(std::string_view text) { return 7.6 * static_cast<double>(display_width(text)); }

std::string fitted(std::string_view text, double pixels) {
  return cell_text(text, std::max<size_t>(static_cast<size_t>(pixels / 7.6), 2));
}

class ChartDrawing {
 public:
  ChartDrawing(const Chart& chart, const ChartSvgOptions& options)
      : chart_(chart), options_(options), width_(options.width) {
    y_ = options.standalone ? 40 : 8;
  }
  std::string take() {
    chart_.over_time ? over_time() : bars();
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {:.0f}\" width=\"{}\" "
        "height=\"{:.0f}\" role=\"img\" aria-label=\"{}\">\n",
        options_.width, y_, options_.width, y_, xml_text(chart_.title));
    if (options_.standalone) {
      out += kSvgStyle;
      out += fmt::format("<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n");
      out += fmt::format("<text class=\"title\" x=\"12\" y=\"25\">{}</text>\n",
                         xml_text(fitted(title(), width_ - 40)));
    }
    return out + body_ + "</svg>\n";
  }

 private:
  std::string title() const {
    const std::string& unit = chart_.value.unit;
    return unit.size() == 3 ? fmt::format("{} ({})", chart_.title, unit) : chart_.title;
  }
  void text(double x, double y, const char* anchor, const char* kind, std::string_view t) {
    body_ +=
        fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n",
                    kind, x, y, anchor, xml_text(t));
  }
  void line(const char* kind, double x1, double y1, double x2, double y2) {
    body_ += fmt::format(
        "<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kind, x1,
        y1, x2, y2);
  }
  static std::string tooltip(const ChartPoint& p) {
    return fmt::format("<title>{}: {}</title>", xml_text(p.label), xml_text(p.text));
  }

  /// Ticks around the values, with 0 among them unless all lie close together far from it.
  std::vector<double> value_ticks(double pixels, double tick_pixels, bool from_zero) const {
    double low = chart_.points[0].value, high = low;
    for (const ChartPoint& p : chart_.points) {
      low = std::min(low, p.value);
      high = std::max(high, p.value);
    }
    const bool far = !from_zero && low > 0 && high - low < 0.3 * high;
    if (!far) {
      low = std::min(low, 0.0);
      high = std::max(high, 0.0);
    }
    if (low == high) high = low + 1;
    return axis_ticks(low, high, std::clamp(static_cast<int>(pixels / tick_pixels), 2, 8));
  }

  void bars() {
    const bool wide = options_.width >= kNarrowSvg;
    double label_pixels = 0, value_pixels = 0;
    for (const ChartPoint& p : chart_.points) {
      label_pixels = std::max(label_pixels, pixels_of(p.label));
      value_pixels = std::max(value_pixels, pixels_of(p.text));
    }
    label_pixels = wide ? std::min(label_pixels, width_ * 0.34) : width_ - 24;
    const double left = wide ? 12 + label_pixels + 12 : 12, right = width_ - value_pixels - 24;
    const std::vector<double> ticks = value_ticks(right - left, 80, true);
    const double row = wide ? 26 : 46;
    const double bottom = y_ + kTextLine + row * static_cast<double>(chart_.points.size());
    const auto x = [&](double v) {
      return left + (right - left) * (v - ticks.front()) / (ticks.back() - ticks.front());
    };
    for (const double t : ticks) {
      line(t == 0 ? "grid zero" : "grid", x(t), y_ + kTextLine - 4, x(t), bottom);
      text(x(t), y_ + kTextLine - 8, "middle", "quiet", tick_text(t, chart_.value));
    }
    y_ += kTextLine;
    for (const ChartPoint& p : chart_.points) {
      const double middle = y_ + (wide ? row / 2 : 32);
      text(wide ? 12 : 17, wide ? middle + 5 : y_ + 18, "start", "label",
           fitted(p.label, label_pixels));
      const double a = x(std::min(p.value, 0.0)), b = x(std::max(p.value, 0.0));
      body_ += fmt::format(
          "<rect class=\"bar\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"16\" "
          "rx=\"2\">{}</rect>\n",
          a, middle - 8, std::max(b - a, 1.0), tooltip(p));
      text(width_ - 12, middle + 5, "end", "number", p.text);
      y_ += row;
    }
    y_ += 8;
    if (chart_.n_left_out > 0) {
      text(12, y_ + 12, "start", "quiet", fmt::format("… {} more rows", chart_.n_left_out));
      y_ += kTextLine + 6;
    }
  }

  void over_time() {
    const double height = std::clamp(width_ * 0.5, 240.0, 400.0), top = y_ + 10;
    const std::vector<double> ticks = value_ticks(height, 46, false);
    double tick_pixels = 0;
    for (const double t : ticks)
      tick_pixels = std::max(tick_pixels, pixels_of(tick_text(t, chart_.value)));
    const double left = 12 + tick_pixels + 8, right = width_ - 20, bottom = y_ + height - 30;
    const double first = chart_.points.front().day, last = chart_.points.back().day;
    const auto x = [&](double day) {
      return left + (right - left) * (day - first) / (last - first);
    };
    const auto y = [&](double v) {
      return bottom - (bottom - top) * (v - ticks.front()) / (ticks.back() - ticks.front());
    };
    for (const double t : ticks) {
      line(t == 0 ? "grid zero" : "grid", left, y(t), right, y(t));
      text(left - 8, y(t) + 5, "end", "quiet", tick_text(t, chart_.value));
    }
    std::string path;
    for (const ChartPoint& p : chart_.points)
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : " L", x(p.day), y(p.value));
    body_ += fmt::format("<path class=\"line fall\" d=\"{}\"/>\n", path);
    const double radius = chart_.points.size() <= 60 ? 3.5 : 1.5;
    for (const ChartPoint& p : chart_.points)
      body_ += fmt::format(
          "<circle class=\"bar dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\">{}</circle>\n", x(p.day),
          y(p.value), radius, tooltip(p));
    time_labels(x, left, right, bottom + 20);
    y_ += height;
  }

  /// Names of points below the axis, as many as fit, the first and the last among them.
  template <typename X>
  void time_labels(const X& x, double left, double right, double y) {
    const auto place = [&](const ChartPoint& p) {
      const double half = pixels_of(p.label) / 2;
      const double at = std::clamp(x(p.day), left - 8 + half, right + 16 - half);
      return std::pair(at - half, at + half);
    };
    const ChartPoint& last = chart_.points.back();
    const auto end = place(last);
    double used = -1e9;
    for (const ChartPoint& p : chart_.points) {
      const auto [from, to] = place(p);
      if (&p != &last && (from < used + 14 || to + 14 > end.first)) continue;
      text((from + to) / 2, y, "middle", "quiet", p.label);
      used = to;
    }
  }

  const Chart& chart_;
  const ChartSvgOptions& options_;
  double width_, y_;
  std::string body_;
};

}  // namespace

std::string xml_text(std::string_view text) {
  std::string out = html_escaped(text);
  // U+FFFE and U+FFFF are characters of UTF-8 and none of XML.
  for (const char* none : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"})
    for (size_t at = out.find(none); at != out.npos; at = out.find(none, at))
      out.replace(at, 3, "\xEF\xBF\xBD");
  return out;
}

std::string chart_svg(const Chart& chart, const ChartSvgOptions& options) {
  return ChartDrawing(chart, options).take();
}

}  // namespace fathom
