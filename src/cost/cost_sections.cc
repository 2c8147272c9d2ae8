#include "cost/cost_sections.h"

#include <fmt/format.h>

#include <algorithm>

#include "cost/money_text.h"

namespace fathom {
namespace {

std::string dated(const std::string& source, const std::string& date) {
  if (source.empty()) return date;
  return date.empty() ? source : source + " · " + date;
}

std::string stated_note(const StatedCost& s, const std::string& where) {
  return fmt::format("{}: {}, basis \"{}\": {} ({}, {}){}{}", where, usd_spread_text(s.usd),
                     basis_name(s.basis), s.source, s.whose, s.date, s.note.empty() ? "" : "; ",
                     s.note);
}

PageTable rung_table(const Ladder& ladder) {
  PageTable t{{{"Step"}, {"Money", true}, {"Basis"}, {"How"}, {"Source and date"}}, {}};
  for (const Rung& r : ladder.rungs) {
    t.rows.push_back({r.name, usd_or_unknown(r.usd), std::string(basis_name(r.basis)), r.how,
                      dated(r.source, r.date)});
  }
  return t;
}

PageTable borrowed_table(const Ladder& ladder) {
  PageTable t{{{"Borrowed compute"}, {"Money", true}, {"Basis"}, {"How"}, {"Source and date"}}, {}};
  for (const BorrowedCompute& b : ladder.borrowed) {
    t.rows.push_back({b.what, usd_or_unknown(b.usd), std::string(basis_name(b.basis)), b.note,
                      dated(b.source, b.date)});
  }
  return t;
}

PageTable share_table(const Ladder& ladder) {
  PageTable t{{{"Run on the same cluster"},
               {"Share of the hours", true},
               {"Its part of the cluster", true}},
              {}};
  for (const ClusterShare& s : ladder.cluster_shares)
    t.rows.push_back({s.run, fmt::format("{:.1f} %", 100 * s.fraction), usd_or_unknown(s.usd)});
  return t;
}

PageTable factor_table(const Trend& t) {
  PageTable table{{{"Factor a year"}, {"Value", true}, {"Source and date"}}, {}};
  const auto add = [&](const char* name, const Factor& f) {
    table.rows.push_back({name, factor_text(f.per_year), dated(f.source, f.date)});
  };
  const TrendFactors& f = t.in.factors;
  if (f.combined) {
    add("a fixed capability costs less by", *f.combined);
  } else {
    add("better algorithms", f.algorithmic);
    add("better hardware", f.hardware);
    table.rows.push_back({"together: a fixed capability costs less by", factor_text(t.factor),
                          "the product, ends taken together"});
  }
  add("the frontier spends more by", f.spending);
  return table;
}

PageTable point_table(const Trend& t) {
  PageTable table{{{"Month"}, {"The same capability", true}, {"A frontier run", true}}, {}};
  for (const TrendRow& r : t.rows)
    table.rows.push_back({to_string(r.month), usd_or_unknown(r.usd),
                          r.frontier_usd ? usd_or_unknown(r.frontier_usd) : ""});
  return table;
}

PageTable model_table(const Trend& t) {
  PageTable table{{{"Model"}, {"Month"}, {"Money", true}, {"Basis"}, {"Source"}}, {}};
  const auto add = [&](const TrendPoint& p) {
    table.rows.push_back({p.name, to_string(p.month), usd_or_unknown(p.usd), p.basis, p.source});
  };
  add(t.in.capability);
  if (t.in.frontier && t.in.frontier->name != t.in.capability.name) add(*t.in.frontier);
  for (const TrendPoint& p : t.in.others) add(p);
  return table;
}

TrendPlot trend_plot(const Trend& t) {
  TrendPlot plot;
  TrendLine& falling = plot.lines.emplace_back();
  falling.name = fmt::format("the capability of {}", t.in.capability.name);
  for (const TrendRow& r : t.rows) falling.points.emplace_back(r.month, r.usd);
  if (t.in.frontier) {
    TrendLine rising{"what a frontier run costs", true, {}};
    for (const TrendRow& r : t.rows) rising.points.emplace_back(r.month, *r.frontier_usd);
    plot.lines.push_back(std::move(rising));
  }
  plot.models.push_back(t.in.capability);
  if (t.in.frontier && t.in.frontier->name != t.in.capability.name)
    plot.models.push_back(*t.in.frontier);
  plot.models.insert(plot.models.end(), t.in.others.begin(), t.in.others.end());
  plot.budget_usd = t.in.budget_usd;
  return plot;
}

}  // namespace

PageSection ladder_section(const Ladder& ladder, const std::string& title) {
  PageSection s;
  s.title = fmt::format("The ladder of {}", title);
  s.paragraphs = {
      "The same run, counted ever more widely. Each step has its own basis: two steps are not two "
      "prices of one thing."};
  BarsPlot plot;
  for (const Rung& r : ladder.rungs)
    plot.items.push_back({r.name, r.usd, std::string(basis_name(r.basis)), r.beside});
  s.plot = std::move(plot);
  s.plot_caption =
      "Bars go from the lowest to the highest figure, the mark is the middle; pale bars are "
      "another road to the step above. US dollars, logarithmic axis.";
  s.tables.push_back(rung_table(ladder));
  if (!ladder.borrowed.empty()) s.tables.push_back(borrowed_table(ladder));
  if (!ladder.cluster_shares.empty()) s.tables.push_back(share_table(ladder));
  for (const Rung& r : ladder.rungs) {
    if (r.stated_only && r.stated.size() == 1) continue;
    for (const StatedCost& stated : r.stated)
      s.notes.push_back(stated_note(stated, "Stated for \"" + r.name + "\""));
  }
  for (const StatedCost& stated : ladder.unplaced)
    s.notes.push_back(stated_note(stated, "Stated without saying what it counts"));
  return s;
}

PageSection comparison_section(const CostComparison& c) {
  PageSection s;
  s.title = fmt::format("On the basis \"{}\"", basis_name(c.basis));
  s.paragraphs = {
      fmt::format("{}: {}. This basis: {}.", basis_name(c.basis), basis_meaning(c.basis), c.why)};
  BarsPlot plot;
  PageTable t{{{"Model"}, {"Published"}, {"Money", true}, {"Times the first", true}, {"Basis"}},
              {}};
  for (const ComparedModel& m : c.models) {
    plot.items.push_back({m.title, m.usd,
                          m.usd ? std::string(basis_name(c.basis)) : "no figure on this basis",
                          false});
    t.rows.push_back({m.title, m.date, m.usd ? usd_or_unknown(m.usd) : "no figure",
                      m.ratio ? fmt::format("{:.3g}", m.ratio->mid) : "",
                      m.usd ? std::string(basis_name(c.basis)) : m.missing});
  }
  s.plot = std::move(plot);
  s.plot_caption =
      "Bars go from the lowest to the highest figure, the mark is the middle. US dollars, "
      "logarithmic axis.";
  s.tables = {std::move(t)};
  s.notes = c.notes;
  return s;
}

PageSection figures_section(const CostComparison& c) {
  PageSection s;
  s.title = "Every figure, each with its basis";
  s.paragraphs = {
      "Figures of different basis count different things; they stand here together to be told "
      "apart, not to be compared."};
  PageTable t{
      {{"Model"}, {"Basis"}, {"Money", true}, {"Whose"}, {"How, or note"}, {"Source and date"}},
      {}};
  for (const ComparedModel& m : c.models) {
    for (const BasisFigure& f : m.figures) {
      t.rows.push_back({m.title, std::string(basis_name(f.basis)), usd_or_unknown(f.usd), f.whose,
                        f.how, dated(f.source, f.date)});
    }
    if (m.figures.empty())
      t.rows.push_back({m.title, "unknown", "unknown", "", "no figure in money", ""});
  }
  s.tables = {std::move(t)};
  return s;
}

std::vector<std::string> trend_sentences(const Trend& t) {
  const TrendPoint& from = t.in.capability;
  const TrendRow& last = t.rows.back();
  std::vector<std::string> all = {
      fmt::format("{} cost {} in {}, on the basis \"{}\". The same capability costs {} in {}, if a "
                  "dollar does {} times more each year.",
                  from.name, usd_spread_text(from.usd), to_string(from.month), from.basis,
                  usd_spread_text(last.usd), to_string(last.month), factor_text(t.factor))};
  if (last.frontier_usd) {
    all.push_back(fmt::format(
        "Meanwhile a frontier run costs {} times more each year: {} in {}, from {}'s {} in {} "
        "(basis \"{}\").",
        factor_text(t.in.factors.spending.per_year), usd_spread_text(*last.frontier_usd),
        to_string(last.month), t.in.frontier->name, usd_spread_text(t.in.frontier->usd),
        to_string(t.in.frontier->month), t.in.frontier->basis));
    if (t.in.frontier->basis != from.basis) {
      all.push_back(
          fmt::format("The two stand on different bases (\"{}\" and \"{}\"): compare their growth, "
                      "not their heights.",
                      from.basis, t.in.frontier->basis));
    }
  }
  if (t.budget && t.budget->at_once) {
    all.push_back(fmt::format("A budget of {} paid for it in {} already.", usd_text(t.budget->usd),
                              to_string(from.month)));
  } else if (t.budget) {
    all.push_back(fmt::format(
        "A budget of {} pays for it in {} (at the earliest {}, at the latest {}).",
        usd_text(t.budget->usd), to_string(t.budget->mid), to_string(t.budget->earliest),
        t.budget->latest ? to_string(*t.budget->latest) : "never"));
  }
  return all;
}

PageSection trend_section(const Trend& t) {
  PageSection s;
  s.title = "The two halves of the trend";
  s.paragraphs = trend_sentences(t);
  s.plot = trend_plot(t);
  s.plot_caption =
      "Lines are the middle, bands go from the lowest to the highest. US dollars, logarithmic "
      "axis. Models without a name for want of room are in the table. A projection holds as long "
      "as its factors do.";
  s.tables = {point_table(t), factor_table(t), model_table(t)};
  return s;
}

}  // namespace fathom
