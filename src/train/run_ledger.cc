// See run_ledger.h.
#include "train/run_ledger.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/threads.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr double kBeatSeconds = 60;
constexpr const char* kTraining = "training";
constexpr const char* kStartUp = "start-up";

// The last step that is in the ledger of the attempts which wrote the log as it lies there: the log
// was shortened last by an attempt that came through its start-up.
struct LastAccounted {
  int64_t attempt = 0, step = 0, tokens = 0;
};

LastAccounted last_accounted(const std::vector<LedgerEntry>& entries) {
  LastAccounted last;
  int64_t begin = 0;
  for (const LedgerEntry& e : entries) {
    if (e.kind == LedgerKind::kAttempt || e.kind == LedgerKind::kResume)
      begin = e.step_from.value_or(0);
    if (e.kind != LedgerKind::kPhase) continue;
    if (e.name == kStartUp) last = {.attempt = e.attempt, .step = begin, .tokens = 0};
    if (e.attempt == last.attempt) last.step = std::max(last.step, e.step_to.value_or(0));
  }
  return last;
}

/// What the log has behind a step.
struct LoggedRest {
  int64_t step_to = 0, tokens = 0;
  double seconds = 0;
};

LoggedRest logged_behind(std::string_view log, int64_t step) {
  LoggedRest rest;
  int64_t tokens_before = 0, tokens_to = 0;
  for (size_t at = 0; at < log.size();) {
    const size_t end = std::min(log.find('\n', at), log.size());
    const auto j = nlohmann::json::parse(log.substr(at, end - at), nullptr, false);
    at = end + 1;
    if (!j.is_object() || !j.contains("step") || !j.contains("tokens") ||
        !j.contains("step_seconds") || !j["step"].is_number_integer() ||
        !j["tokens"].is_number_integer() || !j["step_seconds"].is_number())
      continue;
    if (j["step"].get<int64_t>() <= step) {
      tokens_before = j["tokens"].get<int64_t>();
      continue;
    }
    rest.step_to = j["step"].get<int64_t>();
    tokens_to = j["tokens"].get<int64_t>();
    rest.seconds += j["step_seconds"].get<double>();
  }
  if (rest.step_to > 0) rest.tokens = tokens_to - tokens_before;
  return rest;
}

// FLOPs of a token as the ledger's last line of training has them; nothing where there is none.
std::optional<double> flops_per_token_of(const std::vector<LedgerEntry>& entries) {
  for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
    if (e->name == kTraining && e->flops && e->tokens.value_or(0) > 0)
      return *e->flops / static_cast<double>(*e->tokens);
  }
  return std::nullopt;
}

std::optional<std::string> modified(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  if (error) return std::nullopt;
  return utc_time(std::chrono::time_point_cast<std::chrono::system_clock::duration>(
      std::chrono::file_clock::to_sys(time)));
}

// Where the last attempt has no end, its last trace is the later of ledger and log.
std::optional<std::string> last_trace(const std::vector<LedgerEntry>& entries,
                                      const fs::path& log) {
  std::optional<std::string> trace;
  for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
    if (e->kind == LedgerKind::kMended || !e->end) continue;
    trace = e->end;
    if (e->kind == LedgerKind::kEnd || e->kind == LedgerKind::kFailure) return trace;
    break;
  }
  const auto logged = modified(log);
  return trace && logged ? std::max(trace, logged) : trace;  // the texts sort as the times do
}

Status recover(Ledger& ledger, const fs::path& log_path) {
  if (ledger.before().empty()) return {};
  const LastAccounted last = last_accounted(ledger.before());
  auto log = read_file(log_path);
  if (last.attempt == 0 || !log.ok()) return {};
  const LoggedRest rest = logged_behind(log.value(), last.step);
  if (rest.step_to <= last.step) return {};
  LedgerEntry e = ledger.before().back();  // device, hash and commit of the attempt that was killed
  for (const LedgerEntry& line : ledger.before()) {
    if (line.attempt == last.attempt) e = line;
  }
  LedgerEntry found;
  found.kind = LedgerKind::kPhase;
  found.name = kTraining;
  found.outcome = "done";
  found.attempt = last.attempt;
  found.seconds = rest.seconds;
  found.device_seconds = rest.seconds * static_cast<double>(e.devices.value_or(1));
  found.step_from = last.step;
  found.step_to = rest.step_to;
  found.tokens = rest.tokens;
  if (const auto flops = flops_per_token_of(ledger.before())) {
    found.flops = *flops * static_cast<double>(rest.tokens);
    found.flops_definition = kTrainStepFlops;
  }
  found.device = e.device;
  found.devices = e.devices;
  found.threads = e.threads;
  found.config_hash = e.config_hash;
  found.commit = e.commit;
  found.source = "log.jsonl";
  found.note = "the attempt was killed before it wrote this line";
  return ledger.append(std::move(found));
}

}  // namespace

Result<std::unique_ptr<RunLedger>> RunLedger::begin(const RunLedgerStart& start) {
  std::unique_ptr<RunLedger> run(new RunLedger());
  LedgerOptions options;
  options.path = start.directory.ledger();
  options.threads = num_threads();
  options.config_hash = start.config_hash;
  options.commit = start.commit;
  options.flops_definition = kTrainStepFlops;
  options.energy.watts = start.watts;
  FATHOM_ASSIGN_OR_RETURN(run->ledger_, Ledger::open(std::move(options)));
  const auto left = last_trace(run->ledger_->before(), start.directory.log());
  FATHOM_RETURN_IF_ERROR(recover(*run->ledger_, start.directory.log()));
  FATHOM_RETURN_IF_ERROR(run->ledger_->begin_attempt(start.step, "", left));
  return run;
}

Status RunLedger::next(LedgerKind kind, const std::string& name, RunPlace place) {
  FATHOM_RETURN_IF_ERROR(close(place));
  training_ = name == kTraining;
  from_ = place;
  span_.emplace(*ledger_, kind, name);
  if (kind == LedgerKind::kEvaluation || kind == LedgerKind::kCheckpoint)
    span_->step_from = span_->step_to = place.step;
  return {};
}

Status RunLedger::part(const std::string& name, int64_t step, RunPlace place) {
  FATHOM_RETURN_IF_ERROR(next(LedgerKind::kPhase, name, place));
  span_->step_from = step - 1;
  span_->step_to = step;
  span_->tokens = 0;
  return {};
}

void RunLedger::did(int64_t tokens, double flops, const std::string& flops_definition) {
  span_->tokens = tokens;
  span_->flops = flops;
  span_->flops_definition = flops_definition;
}

Status RunLedger::beat(RunPlace place) {
  if (!training_ || !span_ || span_->seconds() < kBeatSeconds) return {};
  return next(LedgerKind::kPhase, kTraining, place);
}

Status RunLedger::close(RunPlace place) {
  if (!span_) return {};
  if (training_) {
    span_->step_from = from_.step;
    span_->step_to = place.step;
    span_->tokens = place.tokens - from_.tokens;
    span_->flops = std::exchange(flops_, 0.0);
  }
  // Nothing was done between, say, a measurement and the checkpoint after it.
  const bool empty = training_ && place.step == from_.step && span_->seconds() < 0.001;
  if (empty) span_->drop();
  const Status status = empty ? Status() : span_->end();
  span_.reset();
  training_ = false;
  return status;
}

void RunLedger::evaluated(int64_t tokens, double flops) {
  span_->tokens = tokens;
  span_->flops = flops;
  span_->flops_definition = kForwardFlops;
}

Status RunLedger::finish(const std::string& outcome, RunPlace place) {
  FATHOM_RETURN_IF_ERROR(close(place));
  return ledger_->end_attempt(outcome, place.step);
}

void RunLedger::fail(const std::string& message, RunPlace place) {
  if (span_ && !training_) {  // training until the last whole step was done; this was not
    (void)span_->end("failed");
    span_.reset();
  }
  if (close(place).ok()) (void)ledger_->fail_attempt(message, place.step);
}

}  // namespace fathom
