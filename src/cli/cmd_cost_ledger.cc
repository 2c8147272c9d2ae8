// fathom cost ledger: what runs took, by their ledgers: time, energy, money, what of it was lost,
// and the loss that it bought. The computation is src/cost/ledger_summary and ledger_prices.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "cli/cost_commands.h"
#include "cli/cost_print.h"
#include "cli/ledger_print.h"
#include "cost/cost_json.h"
#include "cost/ledger.h"
#include "cost/ledger_ladder.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct LedgerArguments {
  std::vector<std::string> runs;
  std::string prices, import_from;
  bool json = false, check = false, card = false;
};

/// A run's directory, or a ledger itself.
fs::path ledger_path(const std::string& run) {
  std::error_code error;
  return fs::is_directory(run, error) ? fs::path(run) / "ledger.jsonl" : fs::path(run);
}

Result<LedgerReport> report_of(const std::string& run) {
  const fs::path path = ledger_path(run);
  FATHOM_ASSIGN_OR_RETURN(const LedgerFile file, read_ledger(path));
  LedgerReport report;
  report.summary = summarize_ledger(file, run);
  if (file.torn) report.torn = describe_torn(*file.torn, path.string());
  auto log = read_file(path.parent_path() / "log.jsonl");
  if (log.ok()) report.points = loss_points(file, log.value());
  return report;
}

template <typename T>
Json or_null(const std::optional<T>& x) {
  return x ? Json(*x) : Json();
}

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json sum_json(const LedgerSum& s, const LedgerPrices& prices) {
  const LedgerMoney money = ledger_money(s, prices);
  return {{"device_hours", s.device_seconds / 3600},
          {"device_seconds", s.device_seconds},
          {"lines_without_seconds", s.lines_without_seconds},
          {"tokens", s.tokens},
          {"lines_without_tokens", s.lines_without_tokens},
          {"flops", s.flops},
          {"bytes_read", s.any_bytes ? Json(s.bytes_read) : Json()},
          {"bytes_written", s.any_bytes ? Json(s.bytes_written) : Json()},
          {"joules", range_json(ledger_joules(s, prices))},
          {"usd", range_json(money.headline())},
          {"usd_rental", range_json(money.rental)},
          {"usd_straight_line", range_json(money.straight_line)},
          {"usd_electricity", range_json(money.electricity)}};
}

Json attempt_json(const LedgerAttempt& a) {
  return {{"attempt", a.attempt},
          {"start", or_null(a.start)},
          {"step_from", or_null(a.step_from)},
          {"step_to", or_null(a.step_to)},
          {"ended", a.ended},
          {"device_seconds", a.all.device_seconds},
          {"lost_device_seconds", a.lost.device_seconds},
          {"note", or_null(a.note)}};
}

Json point_json(const LossPoint& p, const LedgerPrices& prices) {
  return {{"step", p.step},
          {"tokens", p.tokens},
          {"loss", p.loss},
          {"val_loss", or_null(p.val_loss)},
          {"val_bpb", or_null(p.val_bpb)},
          {"device_seconds", p.spent.device_seconds},
          {"joules", range_json(ledger_joules(p.spent, prices))},
          {"usd", range_json(ledger_money(p.spent, prices).headline())}};
}

Json report_json(const LedgerReport& r, const LedgerPrices& prices) {
  const LedgerSummary& s = r.summary;
  Json j = {{"run", s.path}, {"lines", s.lines}, {"head", s.head}, {"torn", or_null(r.torn)}};
  j.update(sum_json(s.all, prices));
  j["usd_basis"] = ledger_money(s.all, prices).headline()
                       ? Json(ledger_money(s.all, prices).headline_basis())
                       : Json();
  j["flops_per_token"] = or_null(s.all.flops_per_token());
  j["waste_ratio"] = or_null(s.waste_ratio());
  j["waste_lines_without_seconds"] = s.waste_lines_without_seconds();
  for (int c = 0; c < kLedgerClasses; ++c) {
    const auto cls = static_cast<LedgerClass>(c);
    std::string name(ledger_class_name(cls));
    std::replace(name.begin(), name.end(), ' ', '_');
    j["classes"][name] = sum_json(s.of(cls), prices);
  }
  for (const LedgerPart& p : s.parts) j["parts"][p.name] = sum_json(p.sum, prices);
  j["rungs"] = ladder_json(build_ladder(ledger_ladder_inputs({s}, prices)))["rungs"];
  j["gap_seconds"] = s.gap_seconds;
  j["peak_memory_bytes"] = or_null(s.peak_memory_bytes);
  j["begins_at_step"] = or_null(s.begins_at_step);
  j["last_step"] = or_null(s.last_step);
  j["sources"] = s.sources;
  j["flops_definitions"] = s.flops_definitions;
  j["joules_sources"] = s.joules_sources;
  j["commits"] = s.commits;
  j["attempts"] = Json::array();
  for (const LedgerAttempt& a : s.attempts) j["attempts"].push_back(attempt_json(a));
  j["loss"] = Json::array();
  for (const LossPoint& p : r.points) j["loss"].push_back(point_json(p, prices));
  return j;
}

int print_json(const std::vector<LedgerReport>& reports, const LedgerPrices& prices) {
  Json all;
  LedgerSum sum;
  for (const LedgerReport& r : reports) {
    all["runs"].push_back(report_json(r, prices));
    sum.add(r.summary.all);
  }
  all["total"] = sum_json(sum, prices);
  std::vector<LedgerSummary> runs;
  for (const LedgerReport& r : reports) runs.push_back(r.summary);
  all["rungs"] = ladder_json(build_ladder(ledger_ladder_inputs(runs, prices)))["rungs"];
  fmt::print("{}\n", all.dump(2, ' ', false, Json::error_handler_t::replace));
  return 0;
}

void print_text(const std::vector<LedgerReport>& reports, const LedgerPrices& prices) {
  for (size_t i = 0; i < reports.size(); ++i)
    fmt::print("{}{}", i == 0 ? "" : "\n", ledger_text(reports[i], prices));
  fmt::print("{}", ledger_prices_text(prices));
  if (reports.size() > 1) fmt::print("\n{}", ledger_runs_text(reports, prices));
  std::vector<LedgerSummary> runs;
  for (const LedgerReport& r : reports) runs.push_back(r.summary);
  fmt::print("\n");
  print_ladder(build_ladder(ledger_ladder_inputs(runs, prices)));
}

// A torn last line is a finding here: the ledger is not as it should be.
int check(const LedgerArguments& args) {
  int code = 0;
  for (const std::string& run : args.runs) {
    const fs::path path = ledger_path(run);
    const auto file = read_ledger(path);
    if (!file.ok() || file.value().torn) {
      code = fail(file.ok() ? Status::error(describe_torn(*file.value().torn, path.string()))
                            : file.status());
      continue;
    }
    const auto& entries = file.value().entries;
    fmt::print("{}: {} lines, the chain is whole, head {}\n", path.string(), entries.size(),
               entries.empty() ? "none" : entries.back().hash);
  }
  return code;
}

// A new ledger out of lines that were not measured as they happened: each must say where its
// figures come from.
Status import_lines(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (fs::exists(to, error))
    return Status::error(to.string() + ": a ledger that is not there yet wanted, a file found");
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(from));
  std::vector<LedgerEntry> entries;
  int64_t number = 1;
  for (size_t at = 0; at < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string where = fmt::format("{}:{}", from.string(), number);
    FATHOM_ASSIGN_OR_RETURN(LedgerEntry e,
                            parse_ledger_entry(std::string_view(text).substr(at, end - at), where));
    if (e.source.empty() || e.source == "measured")
      return Status::error(where + ": source: what the figures were taken from wanted, none found");
    entries.push_back(std::move(e));
    at = end + 1;
  }
  LedgerOptions options;
  options.path = to;
  options.energy.cpu = false;
  FATHOM_ASSIGN_OR_RETURN(const auto ledger, Ledger::open(std::move(options)));
  for (LedgerEntry& e : entries) FATHOM_RETURN_IF_ERROR(ledger->append(std::move(e)));
  return ledger->sync();
}

int run_ledger(const LedgerArguments& args) {
  if (!args.import_from.empty()) {
    const Status status = import_lines(args.import_from, ledger_path(args.runs.front()));
    return status.ok() ? 0 : fail(status);
  }
  if (args.check) return check(args);
  LedgerPrices prices;
  if (!args.prices.empty()) {
    auto read = read_ledger_prices(args.prices);
    if (!read.ok()) return fail(read.status());
    prices = std::move(read).value();
  }
  std::vector<LedgerReport> reports;
  for (const std::string& run : args.runs) {
    auto report = report_of(run);
    if (!report.ok()) return fail(report.status());
    reports.push_back(std::move(report).value());
  }
  if (args.json) return print_json(reports, prices);
  if (args.card) {
    for (const LedgerReport& r : reports) fmt::print("{}", ledger_card(r, prices));
    return 0;
  }
  print_text(reports, prices);
  return 0;
}

}  // namespace

std::function<int()> add_cost_ledger(CLI::App& sub) {
  auto args = std::make_shared<LedgerArguments>();
  sub.add_option("RUN", args->runs, "Directories of runs, or ledgers")->required();
  sub.add_option("--prices", args->prices, "TOML with prices, each with its date and source");
  auto* json = sub.add_flag("--json", args->json, "One JSON object instead of text");
  auto* check_flag = sub.add_flag("--check", args->check, "Only check that each chain is whole");
  auto* card = sub.add_flag("--card", args->card, "The cost section of a model card, in Markdown");
  auto* import_option =
      sub.add_option("--import", args->import_from,
                     "Make RUN's ledger from JSON lines that name the source of their figures");
  check_flag->excludes(json)->excludes(card);
  card->excludes(json);
  import_option->excludes(json)->excludes(check_flag)->excludes(card);
  sub.footer("The format of a ledger and of a price file: docs/cost.md.");
  return [args] { return run_ledger(*args); };
}

}  // namespace fathom
