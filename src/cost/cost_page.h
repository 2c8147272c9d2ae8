// A page of the books: one HTML file that needs nothing else, with plots drawn by d3
// (docs/decisions.md), the same numbers in a table beneath each plot, light and dark, for a
// telephone, a wide screen or paper. A command builds a CostPage from its results and writes it;
// every text is escaped here, so a model may be named as it likes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/status.h"
#include "cost/range.h"
#include "cost/trend.h"

namespace fathom {

enum class PlotUnit {
  kUsd,
  kFraction
};  // money on a logarithmic axis; shares from 0 on a linear one

struct BarItem {
  std::string label;
  std::optional<Range> value;  // none: shown as unknown
  std::string basis;           // a second line under the label; may be empty
  bool beside = false;         // another road to the bar above: drawn paler and set in
};
/// Rows with a bar from low to high and a mark in the middle.
struct BarsPlot {
  PlotUnit unit = PlotUnit::kUsd;
  std::vector<BarItem> items;
};

struct TrendLine {
  std::string name;
  bool rising = false;  // of the two colours
  std::vector<std::pair<YearMonth, Range>> points;
};
/// Money over time on a logarithmic axis: lines with their bands, models as points, a budget as a
/// level.
struct TrendPlot {
  std::vector<TrendLine> lines;
  std::vector<TrendPoint> models;
  std::optional<double> budget_usd;
};

/// Drawn already, as SVG without colours of its own: for a page, and for a telephone.
struct DrawnPlot {
  std::string wide, narrow;
};

struct PageColumn {
  std::string title;
  bool numeric = false;
};
struct PageTable {
  std::vector<PageColumn> columns;
  std::vector<std::vector<std::string>> rows;  // as many cells as columns
};

struct PageSection {
  std::string title;
  std::vector<std::string> paragraphs;  // before the plot
  std::variant<std::monostate, BarsPlot, TrendPlot, DrawnPlot> plot;
  std::string plot_caption;
  std::string code;  // a query, shown as it is written; may be empty
  std::vector<PageTable> tables;
  std::vector<std::string> notes;  // after the tables, small
};

struct CostPage {
  std::string title, lead;
  std::vector<PageSection> sections;
  std::string made_by;  // the command and the day
};

/// The whole page; without plots of data there is no script in it. Requires: every table row has as
/// many cells as there are columns.
std::string render_page(const CostPage& page);
/// Writes it. Error: where, and why not.
Status write_page(const std::filesystem::path& path, const CostPage& page);

}  // namespace fathom
