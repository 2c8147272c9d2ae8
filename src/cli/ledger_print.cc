// See ledger_print.h.
#include "cli/ledger_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/human.h"
#include "cost/units.h"

namespace fathom {
namespace {

constexpr size_t kMostPoints = 12, kMostAttempts = 20;
const char* const kUnknown = "unknown";

// Tenths of a second where whole ones would hide what is there.
std::string duration_text(double seconds) {
  return seconds > 0 && seconds < 9.95 ? fmt::format("{:.1f} s", seconds) : human_duration(seconds);
}

// Before a sum that leaves out lines which do not know their time.
const char* at_least(const LedgerSum& sum) { return sum.lines_without_seconds > 0 ? ">= " : ""; }

std::string time_text(const LedgerSum& sum) {
  if (sum.lines > 0 && sum.lines_without_seconds == sum.lines) return kUnknown;
  return at_least(sum) + duration_text(sum.device_seconds);
}

// The middle; notes() tells the ends of the total.
std::string middle_text(const Range& r, Quantity q) {
  if (q == Quantity::kUsd && r.mid > 0 && r.mid < 0.01) return "<$0.01";
  return (r.exact() ? "" : "~") + human_quantity(r.mid, q);
}

std::string joules_text(const LedgerSum& sum, const LedgerPrices& prices) {
  const auto joules = ledger_joules(sum, prices);
  if (!joules) return sum.device_seconds > 0 || sum.lines_without_seconds > 0 ? kUnknown : "-";
  return at_least(sum) + middle_text(*joules, Quantity::kJoules);
}

std::string money_text(const LedgerSum& sum, const LedgerPrices& prices) {
  const auto usd = ledger_money(sum, prices).headline();
  if (usd) return at_least(sum) + middle_text(*usd, Quantity::kUsd);
  return sum.device_seconds > 0 || sum.lines_without_seconds > 0 ? kUnknown : "-";
}

std::string flops_text(const LedgerSum& sum) {
  if (sum.flops > 0) return human_quantity(sum.flops, Quantity::kFlops);
  return sum.lines_without_tokens > 0 ? kUnknown : "-";
}

std::string tokens_text(const LedgerSum& sum) {
  if (sum.tokens > 0) return human_count(sum.tokens);
  return sum.lines_without_tokens > 0 ? kUnknown : "-";
}

std::string share_text(double part, double whole) {
  return whole > 0 ? fmt::format("{:.1f}%", 100 * part / whole) : "-";
}

std::string waste_text(const LedgerSummary& s) {
  const auto ratio = s.waste_ratio();
  if (!ratio) return kUnknown;
  return fmt::format("{}{:.1f}%", s.waste_lines_without_seconds() > 0 ? ">= " : "", 100 * *ratio);
}

std::string joined(const std::vector<std::string>& list, const char* between = ", ") {
  std::string text;
  for (const std::string& item : list) text += (text.empty() ? "" : between) + item;
  return text;
}

std::string class_rows(const LedgerSummary& s, const LedgerPrices& prices) {
  std::string text = fmt::format("{:<12}{:>15}{:>7}{:>9}{:>12}{:>12}{:>13}\n", "", "device time",
                                 "share", "tokens", "model FLOP", "energy", "money");
  const auto row = [&](std::string_view name, const LedgerSum& sum) {
    text += fmt::format("{:<12}{:>15}{:>7}{:>9}{:>12}{:>12}{:>13}\n", name, time_text(sum),
                        share_text(sum.device_seconds, s.all.device_seconds), tokens_text(sum),
                        flops_text(sum), joules_text(sum, prices), money_text(sum, prices));
  };
  for (int c = 0; c < kLedgerClasses; ++c)
    row(ledger_class_name(static_cast<LedgerClass>(c)), s.of(static_cast<LedgerClass>(c)));
  row("total", s.all);
  return text;
}

std::string part_rows(const LedgerSummary& s) {
  std::vector<std::string> parts;
  for (const LedgerPart& p : s.parts)
    parts.push_back(fmt::format("{} {}", p.name, time_text(p.sum)));
  std::string text, line = "of which:";
  for (const std::string& part : parts) {
    if (line.size() + part.size() + 3 > 79) {
      text += line + ",\n";
      line = "         ";
    }
    line += (line.back() == ':' || line.back() == ' ' ? " " : ", ") + part;
  }
  return text + line + "\n";
}

std::string machine_rows(const LedgerSummary& s) {
  std::string text;
  if (s.peak_memory_bytes || s.all.any_bytes) {
    text += fmt::format(
        "peak memory {}, storage read {}, written {}\n",
        s.peak_memory_bytes
            ? human_quantity(static_cast<double>(*s.peak_memory_bytes), Quantity::kBytes)
            : kUnknown,
        s.all.any_bytes ? human_quantity(s.all.bytes_read, Quantity::kBytes) : kUnknown,
        s.all.any_bytes ? human_quantity(s.all.bytes_written, Quantity::kBytes) : kUnknown);
  }
  if (s.gap_seconds > 0)
    text += fmt::format("not running between attempts: {} (no device held, not counted)\n",
                        duration_text(s.gap_seconds));
  return text;
}

std::string steps_text(const LedgerAttempt& a) {
  if (!a.step_to) return "-";
  return fmt::format("{}-{}", a.step_from.value_or(0), *a.step_to);
}

std::string attempt_rows(const LedgerSummary& s) {
  std::string text = fmt::format("\n{:<8}{:<21}{:<15}{:<10}{:>13}{:>12}\n", "attempt",
                                 "began (UTC)", "steps", "ended", "device time", "lost");
  const size_t n = s.attempts.size(), first = n > kMostAttempts ? n - kMostAttempts : 0;
  if (first > 0) text += fmt::format("…       {} earlier ones\n", first);
  for (size_t i = first; i < n; ++i) {
    const LedgerAttempt& a = s.attempts[i];
    std::string began = a.start.substr(0, 19);
    if (began.size() > 10) began[10] = ' ';
    text += fmt::format("{:<8}{:<21}{:<15}{:<10}{:>13}{:>12}\n", a.attempt,
                        began.empty() ? kUnknown : began, steps_text(a), a.ended, time_text(a.all),
                        a.lost.lines > 0 ? time_text(a.lost) : "-");
    if (!a.note.empty()) text += fmt::format("        {}\n", a.note.substr(0, 400));
  }
  if (n > 0 && s.attempts.back().ended == "no end")
    text +=
        "the last attempt has no end: it is at work, or was killed (a resume settles what it "
        "lost)\n";
  return text;
}

std::string point_rows(const std::vector<LossPoint>& points, const LedgerPrices& prices) {
  std::string text = "\nloss against all that was spent by then, waste included\n";
  text += fmt::format("{:>9}{:>10}{:>9}{:>11}{:>15}{:>12}{:>12}\n", "step", "tokens", "loss",
                      "bits/byte", "device time", "energy", "money");
  for (const LossPoint& p : thinned_points(points, kMostPoints)) {
    text +=
        fmt::format("{:>9}{:>10}{:>9.4f}{:>11}{:>15}{:>12}{:>12}\n", p.step, human_count(p.tokens),
                    p.loss, p.val_bpb ? fmt::format("{:.4f}", *p.val_bpb) : "", time_text(p.spent),
                    joules_text(p.spent, prices), money_text(p.spent, prices));
  }
  return text;
}

std::string notes(const LedgerReport& report, const LedgerPrices& prices) {
  const LedgerSummary& s = report.summary;
  std::string text;
  if (!report.torn.empty()) text += report.torn + "\n";
  if (s.begins_at_step.value_or(0) > 0)
    text += fmt::format("the ledger begins at step {}: what came before is not in it\n",
                        *s.begins_at_step);
  if (s.all.lines_without_seconds > 0)
    text += fmt::format(
        "lines that do not know their time: {}; \">=\" stands before sums without them\n",
        s.all.lines_without_seconds);
  for (const std::string& source : s.sources) {
    if (source != "measured")
      text += fmt::format("{}taken from {}\n", s.sources.size() > 1 ? "in part " : "", source);
  }
  text += fmt::format("energy: {}\n", s.joules_sources.empty() ? "no counter could be read"
                                                               : joined(s.joules_sources));
  if (prices.watts && s.all.device_seconds_without_joules > 0)
    text += "energy of unmeasured time: device time x the watts of the price file\n";
  if (const auto money = ledger_money(s.all, prices); money.headline())
    text += fmt::format("money: {}, {}{} in all\n", money.headline_basis(), at_least(s.all),
                        human_quantity(*money.headline(), Quantity::kUsd));
  else if (!prices.rental && !prices.purchase && !prices.electricity)
    text += "money: give --prices FILE.toml (docs/cost.md, \"The ledger\")\n";
  return text;
}

std::string price_row(const char* name, const std::optional<StatedPrice>& p, Quantity q) {
  if (!p) return "";
  return fmt::format("{}: {} ({}, {})\n", name, human_quantity(p->value, q), p->date, p->source);
}

}  // namespace

std::vector<LossPoint> thinned_points(const std::vector<LossPoint>& points, size_t n) {
  std::vector<LossPoint> measured;
  std::copy_if(points.begin(), points.end(), std::back_inserter(measured),
               [](const LossPoint& p) { return p.val_bpb.has_value(); });
  const std::vector<LossPoint>& from = measured.size() >= 2 ? measured : points;
  if (from.size() <= n) return from;
  std::vector<LossPoint> some;
  for (size_t i = 0; i < n; ++i) some.push_back(from[i * (from.size() - 1) / (n - 1)]);
  return some;
}

std::string ledger_text(const LedgerReport& report, const LedgerPrices& prices) {
  const LedgerSummary& s = report.summary;
  std::string text = fmt::format("{}: {} lines, the chain is whole, head {}\n\n", s.path, s.lines,
                                 s.head.substr(0, 16));
  text += class_rows(s, prices);
  text += fmt::format("\nwaste ratio {}: (failed + rolled back + idle) / total\n", waste_text(s));
  text += part_rows(s) + machine_rows(s) + attempt_rows(s);
  if (!report.points.empty()) text += point_rows(report.points, prices);
  return text + "\n" + notes(report, prices);
}

std::string ledger_runs_text(const std::vector<LedgerReport>& reports, const LedgerPrices& prices) {
  std::string text = fmt::format("{:<20}{:>15}{:>9}{:>8}{:>13}{:>14}\n", "run", "device time",
                                 "waste", "tokens", "energy", "money");
  const auto row = [&](std::string name, const LedgerSum& sum, const std::string& waste) {
    if (name.size() > 19) name = "…" + name.substr(name.size() - 18);
    text += fmt::format("{:<20}{:>15}{:>9}{:>8}{:>13}{:>14}\n", name, time_text(sum), waste,
                        tokens_text(sum), joules_text(sum, prices), money_text(sum, prices));
  };
  LedgerSummary all;
  for (const LedgerReport& r : reports) {
    row(r.summary.path, r.summary.all, waste_text(r.summary));
    for (int c = 0; c < kLedgerClasses; ++c) all.classes[c].add(r.summary.classes[c]);
    all.all.add(r.summary.all);
  }
  row("all", all.all, waste_text(all));
  return text;
}

std::string ledger_prices_text(const LedgerPrices& p) {
  std::string text = price_row("rental, a device and hour", p.rental, Quantity::kUsdPerHour);
  text += price_row("purchase, a device", p.purchase, Quantity::kUsd);
  if (p.purchase)
    text += fmt::format("  over {} at {} use: {}\n", human_quantity(p.life_years, Quantity::kYears),
                        human_quantity(p.utilisation, Quantity::kFraction),
                        human_quantity(owned_usd_per_hour(p), Quantity::kUsdPerHour));
  text += price_row("electricity", p.electricity, Quantity::kUsdPerKwh);
  return text + price_row("power, a device", p.watts, Quantity::kWatts);
}

std::string ledger_card(const LedgerReport& report, const LedgerPrices& prices) {
  const LedgerSummary& s = report.summary;
  std::string text = "## Cost\n\nFrom `ledger.jsonl`, written here by `fathom cost ledger --card`.";
  for (const std::string& source : s.sources) {
    if (source != "measured")
      text += fmt::format(" Not measured by the ledger but taken from {}.", source);
  }
  text += "\n\n| | useful | failed | rolled back | idle | total |\n|---|---|---|---|---|---|\n";
  const auto row = [&](const char* name, const auto& cell) {
    text += fmt::format("| {} |", name);
    for (const LedgerSum& sum : s.classes) text += fmt::format(" {} |", cell(sum));
    text += fmt::format(" {} |\n", cell(s.all));
  };
  row("device time", [](const LedgerSum& sum) { return sum.lines == 0 ? "0" : time_text(sum); });
  row("tokens", [](const LedgerSum& sum) { return tokens_text(sum); });
  row("model FLOP", [](const LedgerSum& sum) { return flops_text(sum); });
  row("energy", [&](const LedgerSum& sum) { return joules_text(sum, prices); });
  row("money", [&](const LedgerSum& sum) { return money_text(sum, prices); });
  text +=
      fmt::format("\nWaste ratio {} ((failed + rolled back + idle) / total).\n\n", waste_text(s));
  text += "| attempt | steps | ended | device time |\n|---|---|---|---|\n";
  for (const LedgerAttempt& a : s.attempts) {
    text += fmt::format("| {} | {} | {}{} | {} |\n", a.attempt, steps_text(a), a.ended,
                        a.note.empty() ? "" : ": " + a.note, time_text(a.all));
  }
  const std::string stated = ledger_prices_text(prices);
  if (stated.empty())
    return text + "\nNo price is stated: `fathom cost ledger` with `--prices` tells the money.\n";
  text +=
      fmt::format("\nMoney: {}, by these prices:\n", ledger_money(s.all, prices).headline_basis());
  std::istringstream lines(stated);
  for (std::string line; std::getline(lines, line);) text += "- " + line + "\n";
  return text;
}

}  // namespace fathom
