#include "cost/audit_sections.h"

#include <fmt/format.h>

#include <algorithm>

#include "cost/money_text.h"

namespace fathom {
namespace {

PageSection verdict_section(const Audit& a) {
  PageSection s;
  s.title = "What must hold together";
  const auto held = std::ranges::count_if(a.verdicts, &Verdict::holds);
  s.paragraphs = {a.verdicts.empty()
                      ? "No two figures of it can be held against each other."
                      : fmt::format("{} of {} checks hold.", held, a.verdicts.size())};
  PageTable t{{{"Claim"}, {"Holds"}, {"Factor", true}, {"Why"}}, {}};
  for (const bool holds : {false, true}) {
    for (const Verdict& v : a.verdicts) {
      if (v.holds == holds)
        t.rows.push_back({v.claim, holds ? "yes" : "no",
                          v.factor ? fmt::format("{:.3g}", *v.factor) : "", v.why});
    }
  }
  if (!t.rows.empty()) s.tables.push_back(std::move(t));
  return s;
}

PageSection mfu_section(const Audit& a) {
  PageSection s;
  s.title = "One run, as many MFUs as definitions";
  BarsPlot plot{PlotUnit::kFraction, {}};
  PageTable t{{{"Definition"}, {"MFU", true}}, {}};
  for (const Mfu& m : a.mfu) {
    plot.items.push_back({m.definition, Range::exactly(m.value), "", false});
    t.rows.push_back({m.definition, fmt::format("{:.1f} %", 100 * m.value)});
  }
  s.plot = std::move(plot);
  s.plot_caption = "The same work in the same time: only the definition differs.";
  s.tables.push_back(std::move(t));
  return s;
}

PageSection basis_section(const Audit& a, Basis basis) {
  PageSection s;
  s.title = fmt::format("At equal basis: {}", basis_name(basis));
  s.paragraphs = {fmt::format("{}.", basis_meaning(basis))};
  BarsPlot plot;
  PageTable t{{{"Model"}, {"Money", true}, {"Whose and date"}}, {}};
  for (const AtBasis& b : a.at_basis) {
    if (b.basis != basis) continue;
    plot.items.push_back({b.model, b.usd, b.whose, false});
    t.rows.push_back({b.model, usd_spread_text(b.usd), b.whose + " · " + b.date});
  }
  if (plot.items.size() > 1) s.plot = std::move(plot);  // one mark alone shows nothing
  s.plot_caption = "Each bar is one witness. US dollars, logarithmic axis.";
  s.tables.push_back(std::move(t));
  return s;
}

}  // namespace

std::vector<PageSection> audit_sections(const Audit& a) {
  std::vector<PageSection> sections = {verdict_section(a)};
  if (!a.mfu.empty()) sections.push_back(mfu_section(a));
  if (!a.headline.empty()) {
    PageSection s;
    s.title = "What the headline leaves out";
    s.paragraphs = {a.headline};
    s.notes = a.leaves_out;
    sections.push_back(std::move(s));
  }
  for (int i = 0; i <= static_cast<int>(Basis::kUnknown); ++i) {
    const auto basis = static_cast<Basis>(i);
    if (std::ranges::find(a.at_basis, basis, &AtBasis::basis) != a.at_basis.end())
      sections.push_back(basis_section(a, basis));
  }
  if (!a.beside.empty()) {
    PageSection s;
    s.title = "Beside others";
    s.notes = a.beside;
    sections.push_back(std::move(s));
  }
  return sections;
}

}  // namespace fathom
