// fathom cost audit: a claim of the catalogue, or numbers from flags or a file, held against what
// must hold together.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/file.h"
#include "cli/catalogue_path.h"
#include "cli/cost_commands.h"
#include "cli/text_layout.h"
#include "cli/today.h"
#include "cost/audit.h"
#include "cost/audit_sections.h"
#include "cost/cost_json.h"
#include "cost/cost_sections.h"

namespace fathom {
namespace {

struct AuditFlags {
  std::string name, claim_file, html;
  ClaimedNumbers numbers;
  std::string days;
  bool json = false;
};

void print_verdicts(const Audit& a) {
  int held = 0;
  for (const Verdict& v : a.verdicts) held += v.holds;
  const int broken = static_cast<int>(a.verdicts.size()) - held;
  if (a.verdicts.empty()) {
    fmt::print("{}: no two figures of it can be held against each other\n", a.title);
  } else {
    fmt::print("{}: {} of {} checks hold{}\n", a.title, held, a.verdicts.size(),
               broken == 0 ? "" : fmt::format(", {} {} not", broken, broken == 1 ? "does" : "do"));
  }
  for (bool holds : {false, true}) {
    for (const Verdict& v : a.verdicts) {
      if (v.holds != holds) continue;
      const std::string claim = wrapped(v.claim, 4);
      fmt::print("\n{}{}{}", holds ? "ok  " : "NO  ", claim.substr(4), wrapped(v.why, 4));
    }
  }
}

/// One row a model: all that its witnesses say on this basis.
struct BasisRow {
  std::string model, whose;
  Range usd;
  int more = 0;  // others who say something of it
};
std::vector<BasisRow> rows_of(const Audit& a, Basis basis) {
  std::vector<BasisRow> rows;
  for (const AtBasis& b : a.at_basis) {
    if (b.basis != basis) continue;
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const BasisRow& r) { return r.model == b.model; });
    if (row == rows.end()) {
      rows.push_back({b.model, b.whose, b.usd, 0});
      continue;
    }
    row->usd.low = std::min(row->usd.low, b.usd.low);
    row->usd.high = std::max(row->usd.high, b.usd.high);
    if (b.whose != row->whose) ++row->more;
  }
  return rows;
}

std::string times(double x) {
  return x < 100 ? fmt::format("{:.2g}x", x) : fmt::format("{:.0f}x", x);
}

std::string ratio_text(const Range& r) {
  const std::string low = times(r.low), high = times(r.high);
  return low == high ? low : low + " to " + high;
}

void print_basis(const Audit& a, Basis basis) {
  const std::vector<BasisRow> rows = rows_of(a, basis);
  if (rows.empty()) return;
  fmt::print(
      "\n{}",
      wrapped(fmt::format("At equal basis: {} ({})", basis_name(basis), basis_meaning(basis)), 0));
  for (const BasisRow& row : rows) {
    const bool own = row.model == a.model;
    fmt::print("  {:<18} {:<19} {:<16} {}\n", row.model, human_quantity(row.usd, Quantity::kUsd),
               own || rows[0].model != a.model ? "" : ratio_text(row.usd / rows[0].usd),
               row.whose + (row.more > 0 ? fmt::format(" +{}", row.more) : ""));
  }
  if (rows.size() == 1) fmt::print("  (nobody else gives a figure on this basis)\n");
}

void print(const Audit& a) {
  print_verdicts(a);
  if (!a.mfu.empty()) fmt::print("\nOne run, as many MFUs as definitions\n");
  for (const Mfu& m : a.mfu) fmt::print("  {:>6.1f}%  {}\n", 100 * m.value, m.definition);
  if (!a.headline.empty()) {
    fmt::print("\n{}", wrapped("The headline: " + a.headline + ". It leaves out:", 0));
    for (const std::string& line : a.leaves_out) {
      fmt::print("  - {}", wrapped(line, 4).substr(4));
    }
  }
  for (int i = 0; i <= static_cast<int>(Basis::kUnknown); ++i)
    print_basis(a, static_cast<Basis>(i));
  if (!a.beside.empty()) fmt::print("\nBeside others\n");
  for (const std::string& line : a.beside) fmt::print("{}", wrapped(line, 2));
}

bool any_number(const ClaimedNumbers& n) {
  for (const std::string* text :
       {&n.tokens, &n.flops_per_token, &n.params, &n.device_hours, &n.devices, &n.duration, &n.usd,
        &n.rate, &n.mfu, &n.throughput, &n.training_flop, &n.config}) {
    if (!text->empty()) return true;
  }
  return false;
}

/// `shipped` is left as it is: the numbers join a copy of it.
Result<Audit> audit(const Catalogue& shipped, AuditFlags& flags) {
  Catalogue catalogue = shipped;
  std::string name = flags.name;
  if (!flags.claim_file.empty()) {
    if (any_number(flags.numbers) || !flags.days.empty()) {
      return Status::error("--claim: numbers in one place wanted, a file and flags found");
    }
    FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(flags.claim_file));
    FATHOM_ASSIGN_OR_RETURN(flags.numbers, read_claimed_numbers(text, flags.claim_file));
  }
  ClaimedNumbers& n = flags.numbers;
  if (!flags.days.empty()) {
    // "--days 54" and "--days 54 d" alike: the flag names the unit.
    const bool bare = flags.days.find_first_not_of("0123456789.,") == std::string::npos;
    n.duration = bare ? flags.days + " d" : flags.days;
  }
  if (n.date.empty()) n.date = today();
  if (any_number(n) || name.empty()) {
    FATHOM_ASSIGN_OR_RETURN(name, add_claimed_numbers(catalogue, n, name));
  }
  FATHOM_ASSIGN_OR_RETURN(const CatalogueModel* model, catalogue.model(name));
  return audit_model(catalogue, *model);
}

/// The audit, then the ladder where the catalogue knows the model.
Status write_audit_page(const Catalogue& catalogue, const Audit& a, const std::string& path) {
  CostPage page;
  page.title = fmt::format("Audit: {}", a.title);
  page.lead = a.headline.empty()
                  ? "What is claimed of its cost, held against what must hold together."
                  : "The headline: " + a.headline + ". Held against what must hold together.";
  page.sections = audit_sections(a);
  if (const auto ladder = ladder_of(catalogue, a.model); ladder.ok()) {
    page.sections.push_back(ladder_section(ladder.value(), a.title));
  }
  page.made_by = fmt::format("fathom cost audit {} · {}", a.model, today());
  return write_page(path, page);
}

Status run_audit(AuditFlags& flags) {
  FATHOM_ASSIGN_OR_RETURN(const Catalogue catalogue, open_catalogue());
  FATHOM_ASSIGN_OR_RETURN(const Audit a, audit(catalogue, flags));
  if (!flags.html.empty()) FATHOM_RETURN_IF_ERROR(write_audit_page(catalogue, a, flags.html));
  if (flags.json) {
    fmt::print("{}\n", audit_json(a).dump(2));
  } else {
    print(a);
  }
  return {};
}

void add_number_flags(CLI::App& sub, AuditFlags& f) {
  ClaimedNumbers& n = f.numbers;
  const char* group = "Numbers of a claim, with their units; beside NAME, held against it";
  sub.add_option("--tokens", n.tokens, "\"14.8T tokens\"")->group(group);
  sub.add_option("--params", n.params, "Active parameters, \"37B\"; 6 FLOPs each a token")
      ->group(group);
  sub.add_option("--flops-per-token", n.flops_per_token, "\"250 GFLOP/token\"")->group(group);
  sub.add_option("--config", n.config, "A config.json to count them from")->group(group);
  sub.add_option("--training-flop", n.training_flop, "\"3.41e24 FLOP\"")->group(group);
  sub.add_option("--device-hours", n.device_hours, "\"2.788M h\"")->group(group);
  sub.add_option("--devices", n.devices, "\"2048\"")->group(group);
  sub.add_option("--days", f.days, "\"54.2\"; \"198 h\" and the like too")->group(group);
  sub.add_option("--device", n.device, "A device of the catalogue, \"h800\"")->group(group);
  sub.add_option("--precision", n.precision, "Of the training: bf16, fp8, ...")->group(group);
  sub.add_option("--usd", n.usd, "\"$5.576M\"")->group(group);
  sub.add_option("--rate", n.rate, "\"$2/h\"")->group(group);
  sub.add_option("--mfu", n.mfu, "\"43.7%\"")->group(group);
  sub.add_option("--throughput", n.throughput, "Of one device, \"385 TFLOP/s\"")->group(group);
  sub.add_option("--context", n.context_length, "Of the training, for --config")->group(group);
  sub.add_option("--phase", n.phase, "pretraining, post-training, rl, all, ...")->group(group);
  sub.add_option("--basis", n.basis, "Of --usd: rental, amortised, cloud, ...")->group(group);
  sub.add_option("--date", n.date, "Of the claim, 2024-12 (today's)")->group(group);
}

}  // namespace

std::function<int()> add_cost_audit(CLI::App& sub) {
  auto flags = std::make_shared<AuditFlags>();
  sub.add_option("NAME", flags->name, "A model of the catalogue, such as deepseek-v3");
  sub.add_option("--claim", flags->claim_file, "A TOML file, the numbers below as its keys");
  sub.add_flag("--json", flags->json, "One JSON object (docs/cost.md)");
  sub.add_option("--html", flags->html, "Also write a page with plots and tables to this file");
  add_number_flags(sub, *flags);
  return [flags] {
    const Status status = run_audit(*flags);
    return status.ok() ? 0 : fail(status);
  };
}

}  // namespace fathom
