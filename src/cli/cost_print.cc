#include "cli/cost_print.h"

#include <fmt/format.h>

#include "cli/text_layout.h"
#include "cost/cost_sections.h"
#include "cost/money_text.h"

namespace fathom {
namespace {

void print(const std::string& text) { fmt::print("{}", text); }

std::string from(const std::string& source, const std::string& date) {
  return date.empty() ? source : fmt::format("{} [{}]", source, date);
}

void print_stated(const StatedCost& s, const char* before) {
  print(wrapped(
      fmt::format("{}{}: {}, basis {}. {} [{}]{}{}", before, s.whose, usd_spread_text(s.usd),
                  basis_name(s.basis), s.source, s.date, s.note.empty() ? "" : "; ", s.note),
      4));
}

void print_rung(const Rung& r) {
  const std::string name = (r.beside ? "  " : "") + r.name;
  fmt::print("{:<49}{:>13}  {}\n", name, r.usd ? usd_text(r.usd->mid) : "unknown",
             r.usd ? basis_name(r.basis) : "");
  if (r.usd && !r.usd->exact()) fmt::print("{:<49}{:>13}\n", "", usd_range_text(*r.usd));
  print(wrapped(r.how, 4));
  if (r.usd) print(wrapped(from(r.source, r.date), 4));
  if (r.stated_only && r.stated.size() == 1) return;
  for (const StatedCost& s : r.stated) print_stated(s, "stated by ");
}

void print_factor(const char* name, const Factor& f) {
  print(wrapped(
      fmt::format("{}: {} a year. {}", name, factor_text(f.per_year), from(f.source, f.date)), 2));
}

}  // namespace

void print_ladder(const Ladder& ladder) {
  fmt::print("The ladder of {}: one run, counted ever more widely\n\n", ladder.run);
  for (const Rung& r : ladder.rungs) print_rung(r);
  if (!ladder.borrowed.empty()) print("\nBorrowed compute, in none of the steps\n");
  for (const BorrowedCompute& b : ladder.borrowed) {
    fmt::print("  {:<47}{:>13}  {}\n", b.what, usd_or_unknown(b.usd),
               b.usd ? basis_name(b.basis) : "");
    print(wrapped(b.usd ? b.note + ". " + from(b.source, b.date) : b.note, 4));
  }
  if (!ladder.cluster_shares.empty())
    print("\nThe cluster, shared by device-hours among the runs that it served\n");
  for (const ClusterShare& s : ladder.cluster_shares)
    fmt::print("  {:<36}{:>6.1f} %  {}\n", s.run, 100 * s.fraction, usd_or_unknown(s.usd));
  if (!ladder.unplaced.empty()) print("\nStated without saying what it counts, so on no step\n");
  for (const StatedCost& s : ladder.unplaced) print_stated(s, "");
}

void print_comparison(const CostComparison& c) {
  print(wrapped(fmt::format("On the basis \"{}\" ({}): {}.", basis_name(c.basis),
                            basis_meaning(c.basis), c.why)));
  std::vector<std::vector<std::string>> rows;
  for (const ComparedModel& m : c.models) {
    rows.push_back({m.name, m.date, m.usd ? usd_text(m.usd->mid) : "no figure",
                    m.usd && !m.usd->exact() ? usd_range_text(*m.usd) : "",
                    m.ratio ? fmt::format("{:.3g}", m.ratio->mid) : ""});
  }
  print(
      "\n" +
      text_table(
          {{"model"}, {"published"}, {"money", true}, {"from-to", true}, {"times the first", true}},
          rows) +
      "\n");
  for (const std::string& note : c.notes) print(wrapped(note));
  print("\nWhere the figures come from\n");
  for (const ComparedModel& m : c.models) {
    for (const BasisFigure& f : m.figures) {
      if (f.basis != c.basis) continue;
      print(wrapped(fmt::format("{}: {}, {}{}{}. {}", m.name, usd_spread_text(f.usd), f.whose,
                                f.how.empty() ? "" : ": ", f.how, from(f.source, f.date)),
                    2));
    }
  }
}

void print_trend(const Trend& t) {
  for (const std::string& sentence : trend_sentences(t)) print(wrapped(sentence));
  std::vector<std::vector<std::string>> rows;
  for (const TrendRow& r : t.rows)
    rows.push_back({to_string(r.month), usd_or_unknown(r.usd),
                    r.frontier_usd ? usd_or_unknown(r.frontier_usd) : ""});
  print("\n" +
        text_table({{"month"}, {"the same capability", true}, {"a frontier run", true}}, rows) +
        "\n");
  print("Factors (--algorithmic, --hardware, --factor, --spending)\n");
  const TrendFactors& f = t.in.factors;
  if (f.combined) {
    print_factor("a fixed capability costs less by", *f.combined);
  } else {
    print_factor("better algorithms", f.algorithmic);
    print_factor("better hardware", f.hardware);
  }
  print_factor("the frontier spends more by", f.spending);
  print(wrapped(fmt::format("{}: {}", t.in.capability.name, t.in.capability.source), 2));
  if (t.in.frontier)
    print(wrapped(fmt::format("{}: {}", t.in.frontier->name, t.in.frontier->source), 2));
}

}  // namespace fathom
