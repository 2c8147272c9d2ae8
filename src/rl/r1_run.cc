// See r1_plan.h: where the stages of a plan stand, and running what is left of it.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cost/ledger.h"
#include "cost/ledger_summary.h"
#include "rl/r1_plan.h"
#include "rl/r1_plan_impl.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using OrderedJson = nlohmann::ordered_json;

// All that a stage's result depends on: its command, the text of its RUN.toml, and the same of the
// stages that it stands on.
Result<std::string> settings_of(const R1Plan& plan, size_t stage,
                                const std::vector<std::string>& settings_before) {
  const R1Stage& s = plan.stages[stage];
  OrderedJson all = {{"command", s.command}, {"max_minutes", s.max_minutes}};
  if (r1_command_kind(s.command[0])->makes == R1Makes::kRun) {
    FATHOM_ASSIGN_OR_RETURN(const std::string run, read_file(r1_path(plan, s.command[1])));
    all["run"] = run;
  }
  for (size_t i = 0; i < stage; ++i)
    if (std::count(s.needs.begin(), s.needs.end(), plan.stages[i].name) > 0)
      all["needs"].push_back(settings_before[i]);
  return sha256_hex(all.dump());
}

Result<R1Record> read_record(const fs::path& path) {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  const OrderedJson j = OrderedJson::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto wrong = [&](const char* what) {
    return Status::error(fmt::format("{}: {} wanted, not found", path.string(), what));
  };
  if (!j.is_object()) return wrong("a JSON object");
  R1Record r;
  const auto number = [&](const char* key, auto& out) {
    const auto at = j.find(key);
    if (at != j.end() && at->is_number()) out = at->get<double>();
  };
  if (!j.contains("settings") || !j["settings"].is_string()) return wrong("settings");
  r.settings = j["settings"];
  if (j.contains("end") && j["end"].is_string()) r.end = j["end"];
  if (j.contains("counts") && j["counts"].is_object()) r.counts = j["counts"].dump();
  number("pass_1", r.pass_1);
  number("device_seconds", r.device_seconds);
  number("tokens", r.tokens);
  number("flops", r.flops);
  return r;
}

Status write_record(const fs::path& path, const R1Stage& stage, const R1Record& r) {
  OrderedJson j = {{"stage", stage.name},
                   {"settings", r.settings},
                   {"end", r.end},
                   {"device_seconds", r.device_seconds}};
  if (!r.counts.empty()) j["counts"] = OrderedJson::parse(r.counts);
  if (r.pass_1) j["pass_1"] = *r.pass_1;
  if (r.tokens) j["tokens"] = *r.tokens;
  if (r.flops) j["flops"] = *r.flops;
  return write_file_atomic(path, j.dump(2) + "\n");
}

// What the run in `directory` has taken by its own ledger; zero where it has none yet.
Result<LedgerSum> taken_by_run(const fs::path& directory) {
  const fs::path path = directory / "ledger.jsonl";
  if (!fs::exists(path)) return LedgerSum();
  FATHOM_ASSIGN_OR_RETURN(const LedgerFile file, read_ledger(path));
  return summarize_ledger(file, path.string()).all;
}

// The least pass@1 of the rows that `eval tasks --json` printed.
Result<double> least_pass_1(const std::string& output) {
  const OrderedJson j = OrderedJson::parse(output, nullptr, /*allow_exceptions=*/false);
  double least = 1;
  if (!j.is_object() || !j.contains("rows") || j["rows"].empty())
    return Status::error("eval tasks: rows as JSON wanted, none found");
  for (const OrderedJson& row : j["rows"]) {
    const auto share = row.find("pass_1") == row.end()
                           ? OrderedJson()
                           : row["pass_1"].value("share", OrderedJson());
    if (!share.is_number()) return Status::error("eval tasks: pass_1 of a row wanted, none found");
    least = std::min(least, share.get<double>());
  }
  return least;
}

Result<int64_t> count_lines(const fs::path& path) {
  FATHOM_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  return std::count(file->bytes().begin(), file->bytes().end(), uint8_t{'\n'});
}

class R1Runner {
 public:
  R1Runner(const R1Plan& plan, const R1Options& options, std::vector<R1StageReport> reports,
           std::vector<std::string> settings)
      : plan_(plan),
        options_(options),
        reports_(std::move(reports)),
        settings_(std::move(settings)) {}

  Result<bool> run() {
    std::error_code error;
    fs::create_directories(options_.directory, error);
    FATHOM_ASSIGN_OR_RETURN(ledger_, Ledger::open({.path = options_.directory / "ledger.jsonl",
                                                   .threads = {},
                                                   .config_hash = {},
                                                   .commit = options_.commit,
                                                   .flops_definition = {},
                                                   .energy = {}}));
    FATHOM_RETURN_IF_ERROR(ledger_->begin_attempt());
    for (size_t i = 0; i < plan_.stages.size(); ++i) {
      const auto go_on = stage(i);
      if (!go_on.ok()) {
        FATHOM_RETURN_IF_ERROR(ledger_->fail_attempt(go_on.message()));
        return go_on;
      }
      if (!go_on.value() || plan_.stages[i].name == options_.until) {
        FATHOM_RETURN_IF_ERROR(ledger_->end_attempt("stopped"));
        return go_on.value();
      }
    }
    FATHOM_RETURN_IF_ERROR(ledger_->end_attempt("finished"));
    return true;
  }

 private:
  void tell(size_t i, const std::string& what) const {
    if (options_.told) options_.told(plan_.stages[i], reports_[i], what);
  }

  // False: interrupted.
  Result<bool> stage(size_t i) {
    const R1Stage& s = plan_.stages[i];
    R1StageReport& report = reports_[i];
    if (report.state != R1State::kDone) {
      R1Record record;
      record.settings = settings_[i];
      FATHOM_ASSIGN_OR_RETURN(const bool whole, make(i, record));
      if (!whole) return false;
      report.record = record;
    }
    R1Record& record = *report.record;
    if (s.gate && !record.pass_1) {
      FATHOM_ASSIGN_OR_RETURN(const bool whole, measure(i, record));
      if (!whole) return false;
    }
    if (report.state != R1State::kDone) {
      FATHOM_RETURN_IF_ERROR(write_record(report.directory / "stage.json", s, record));
      report.state = R1State::kDone;
      tell(i, "done");
    } else {
      tell(i, "was done before");
    }
    if (s.gate && *record.pass_1 < s.gate->pass_1 && !options_.ignore_gates) {
      return Status::error(
          fmt::format("{}: stage {}: pass@1 of {} wanted, {:.3f} found; what it made is in {}",
                      s.place, s.name, s.gate->pass_1, *record.pass_1, report.directory.string()));
    }
    return true;
  }

  Result<R1Outcome> call(size_t i, const R1Call& call) {
    FATHOM_ASSIGN_OR_RETURN(R1Outcome outcome, options_.program(call));
    if (outcome.exit_code != 0 && !outcome.out_of_time && !outcome.interrupted) {
      return Status::error(fmt::format("{}: stage {}: `fathom {}` ended with exit code {}",
                                       plan_.stages[i].place, plan_.stages[i].name,
                                       call.arguments[0], outcome.exit_code));
    }
    return outcome;
  }

  Result<bool> make(size_t i, R1Record& record) {
    std::error_code error;
    fs::create_directories(reports_[i].directory, error);
    tell(i, reports_[i].state == R1State::kBegun ? "goes on" : "begins");
    if (r1_command_kind(plan_.stages[i].command[0])->makes == R1Makes::kRun)
      return make_run(i, record);
    R1Call wanted;
    wanted.arguments = r1_command(plan_, i, options_.directory);
    const R1Makes makes = r1_command_kind(plan_.stages[i].command[0])->makes;
    const fs::path output = r1_stage_output(plan_, i, options_.directory);
    wanted.wants_output = makes == R1Makes::kSamples;
    if (makes == R1Makes::kPrinted) wanted.output_file = output.string() + ".part";
    LedgerSpan span(*ledger_, LedgerKind::kPhase, plan_.stages[i].name);
    FATHOM_ASSIGN_OR_RETURN(const R1Outcome outcome, call(i, wanted));
    record.device_seconds += span.seconds();
    FATHOM_RETURN_IF_ERROR(span.end(outcome.interrupted ? "stopped" : "done"));
    if (outcome.interrupted) return false;
    if (makes == R1Makes::kPrinted) {
      FATHOM_ASSIGN_OR_RETURN(const int64_t lines, count_lines(wanted.output_file));
      record.counts = OrderedJson({{"written", lines}}).dump();
      fs::rename(wanted.output_file, output, error);
      if (error)
        return Status::error(
            fmt::format("{}: cannot rename: {}", output.string(), error.message()));
    }
    const OrderedJson counts =
        OrderedJson::parse(outcome.output, nullptr, /*allow_exceptions=*/false);
    if (counts.is_object()) record.counts = counts.dump();
    return true;
  }

  Result<bool> make_run(size_t i, R1Record& record) {
    const R1Stage& s = plan_.stages[i];
    const fs::path& directory = reports_[i].directory;
    R1Call wanted;
    wanted.arguments = r1_command(plan_, i, options_.directory);
    if (fs::exists(directory / "run.toml")) wanted.arguments.push_back("--resume");
    FATHOM_ASSIGN_OR_RETURN(const LedgerSum before, taken_by_run(directory));
    R1Outcome outcome;
    const bool spent = s.max_minutes > 0 && before.device_seconds >= 60 * s.max_minutes;
    if (!spent) {
      if (s.max_minutes > 0) wanted.max_seconds = 60 * s.max_minutes - before.device_seconds;
      FATHOM_ASSIGN_OR_RETURN(outcome, call(i, wanted));
    }
    if (outcome.interrupted) return false;
    if (spent || (outcome.out_of_time && outcome.exit_code != 0)) record.end = "max_minutes";
    FATHOM_ASSIGN_OR_RETURN(const LedgerSum all, taken_by_run(directory));
    record.device_seconds += all.device_seconds;
    if (all.tokens > 0) record.tokens = all.tokens;
    if (all.flops > 0) record.flops = all.flops;
    return true;
  }

  Result<bool> measure(size_t i, R1Record& record) {
    const R1Gate& gate = *plan_.stages[i].gate;
    R1Call wanted;
    wanted.arguments = {"eval", "tasks", "-m", r1_stage_output(plan_, i, options_.directory),
                        "--json"};
    wanted.arguments.insert(wanted.arguments.end(), gate.arguments.begin(), gate.arguments.end());
    wanted.wants_output = true;
    LedgerSpan span(*ledger_, LedgerKind::kEvaluation, plan_.stages[i].name);
    FATHOM_ASSIGN_OR_RETURN(const R1Outcome outcome, call(i, wanted));
    record.device_seconds += span.seconds();
    FATHOM_RETURN_IF_ERROR(span.end(outcome.interrupted ? "stopped" : "done"));
    if (outcome.interrupted) return false;
    FATHOM_ASSIGN_OR_RETURN(record.pass_1, least_pass_1(outcome.output));
    return true;
  }

  const R1Plan& plan_;
  const R1Options& options_;
  std::vector<R1StageReport> reports_;
  std::vector<std::string> settings_;
  std::unique_ptr<Ledger> ledger_;
};

Result<std::vector<std::string>> all_settings(const R1Plan& plan) {
  std::vector<std::string> settings;
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    FATHOM_ASSIGN_OR_RETURN(std::string hash, settings_of(plan, i, settings));
    settings.push_back(std::move(hash));
  }
  return settings;
}

}  // namespace

Result<std::vector<R1StageReport>> r1_status(const R1Plan& plan, const fs::path& directory) {
  FATHOM_ASSIGN_OR_RETURN(const std::vector<std::string> settings, all_settings(plan));
  std::vector<R1StageReport> reports;
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    R1StageReport report;
    report.directory = r1_stage_directory(plan, i, directory);
    std::error_code error;
    if (fs::exists(report.directory / "stage.json", error)) {
      FATHOM_ASSIGN_OR_RETURN(report.record, read_record(report.directory / "stage.json"));
      report.state = R1State::kDone;
      if (report.record->settings != settings[i]) {
        return Status::error(
            fmt::format("{}: stage {}: it was done with other settings than the plan has now; "
                        "remove {} to do it again",
                        plan.stages[i].place, plan.stages[i].name, report.directory.string()));
      }
    } else if (fs::exists(report.directory, error)) {
      report.state = R1State::kBegun;
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

Result<bool> run_r1(const R1Plan& plan, const R1Options& options) {
  const auto has_name = [&](const R1Stage& s) { return s.name == options.until; };
  if (!options.until.empty() && std::none_of(plan.stages.begin(), plan.stages.end(), has_name))
    return Status::error(fmt::format("{}: a stage {} wanted, none of that name found",
                                     plan.path.string(), options.until));
  FATHOM_ASSIGN_OR_RETURN(std::vector<R1StageReport> reports, r1_status(plan, options.directory));
  FATHOM_ASSIGN_OR_RETURN(std::vector<std::string> settings, all_settings(plan));
  return R1Runner(plan, options, std::move(reports), std::move(settings)).run();
}

}  // namespace fathom
