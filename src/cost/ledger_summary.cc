// See ledger_summary.h.
#include "cost/ledger_summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace fathom {
namespace {

bool begins_attempt(const LedgerEntry& e) {
  return e.kind == LedgerKind::kAttempt || e.kind == LedgerKind::kResume;
}

bool is_work(const LedgerEntry& e) {
  return e.kind == LedgerKind::kPhase || e.kind == LedgerKind::kEvaluation ||
         e.kind == LedgerKind::kCheckpoint;
}

// Attempts that ended by an error, and those of them that left nothing in a checkpoint.
struct Failures {
  std::set<int64_t> failed, barren;
  bool by_error(int64_t attempt) const { return failed.contains(attempt); }
};

Failures find_failures(const std::vector<LedgerEntry>& entries) {
  Failures f;
  std::set<int64_t> fruitful;
  for (const LedgerEntry& e : entries) {
    if (e.kind == LedgerKind::kFailure) f.failed.insert(e.attempt);
    if (e.kind == LedgerKind::kCheckpoint && e.outcome != "failed") fruitful.insert(e.attempt);
  }
  std::set_difference(f.failed.begin(), f.failed.end(), fruitful.begin(), fruitful.end(),
                      std::inserter(f.barren, f.barren.end()));
  return f;
}

// The step that the run's last failed attempt left in a checkpoint: nothing behind it lives on. No
// limit where the last attempt did not fail.
int64_t living_step(const std::vector<LedgerEntry>& entries, const Failures& failures) {
  constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
  int64_t last = 0, saved = 0;
  for (const LedgerEntry& e : entries) {
    last = std::max(last, e.attempt);
    if (begins_attempt(e)) saved = e.step_from.value_or(0);  // what was saved behind it is lost
    if (e.kind == LedgerKind::kCheckpoint && e.outcome != "failed")
      saved = std::max(saved, e.step_to.value_or(0));
  }
  return failures.by_error(last) ? saved : kNoLimit;
}

LedgerClass class_of(const LedgerEntry& e, int64_t living, const Failures& failures) {
  if (e.kind == LedgerKind::kIdle) return LedgerClass::kIdle;
  if (!is_work(e)) return LedgerClass::kNone;
  if (e.outcome == "failed") return LedgerClass::kFailed;
  const bool lost = e.step_to && *e.step_to > living;
  if (lost) {
    return failures.by_error(e.attempt) ? LedgerClass::kFailed : LedgerClass::kRolledBack;
  }
  // Prepared data stay for the next attempt; a start that led nowhere does not.
  const bool start_for_nothing =
      !e.step_to && e.name != "data" && failures.barren.contains(e.attempt);
  return start_for_nothing ? LedgerClass::kFailed : LedgerClass::kUseful;
}

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (!text.empty() && std::find(list.begin(), list.end(), text) == list.end())
    list.push_back(text);
}

LedgerPart& part_of(std::vector<LedgerPart>& parts, const LedgerEntry& e) {
  const std::string name = e.name.empty() ? std::string(ledger_kind_name(e.kind)) : e.name;
  for (LedgerPart& p : parts) {
    if (p.name == name) return p;
  }
  return parts.emplace_back(LedgerPart{.name = name, .sum = {}});
}

void note_attempt(LedgerAttempt& a, const LedgerEntry& e) {
  if (begins_attempt(e)) {
    a.start = e.start.value_or("");
    a.step_from = e.step_from;
  }
  if (e.kind == LedgerKind::kEnd) {
    a.ended = e.outcome;
    a.note = e.note;
  }
  if (e.kind == LedgerKind::kFailure) {
    a.ended = "failed";
    a.note = e.note;
  }
  if (is_work(e) && e.step_to) a.step_to = std::max(a.step_to.value_or(0), *e.step_to);
}

LedgerAttempt& attempt_of(std::vector<LedgerAttempt>& attempts, const LedgerEntry& e) {
  for (auto a = attempts.rbegin(); a != attempts.rend(); ++a) {
    if (a->attempt == e.attempt) return *a;
  }
  LedgerAttempt a;
  a.attempt = e.attempt;
  a.ended = "no end";
  return attempts.emplace_back(a);
}

void add_entry(LedgerSummary& s, const LedgerEntry& e, LedgerClass c) {
  add_once(s.sources, e.source);
  add_once(s.flops_definitions, e.flops_definition);
  add_once(s.joules_sources, e.joules_source);
  add_once(s.commits, e.commit);
  if (e.peak_memory_bytes)
    s.peak_memory_bytes = std::max(s.peak_memory_bytes.value_or(0), *e.peak_memory_bytes);
  if (e.kind == LedgerKind::kGap) s.gap_seconds += e.seconds.value_or(0);
  if (begins_attempt(e) && !s.begins_at_step) s.begins_at_step = e.step_from.value_or(0);
  if (e.kind == LedgerKind::kMended || e.kind == LedgerKind::kGap || e.attempt == 0) return;
  LedgerAttempt& attempt = attempt_of(s.attempts, e);
  note_attempt(attempt, e);
  if (c == LedgerClass::kNone) return;
  s.classes[static_cast<size_t>(c)].add(e);
  s.all.add(e);
  part_of(s.parts, e).sum.add(e);
  if (c == LedgerClass::kUseful) part_of(s.useful_parts, e).sum.add(e);
  if (!e.device.empty()) s.device = e.device;
  if (e.end) s.last_date = e.end->substr(0, 10);
  s.devices = std::max(s.devices, e.devices.value_or(0));
  attempt.all.add(e);
  if (c != LedgerClass::kUseful) attempt.lost.add(e);
  if (c == LedgerClass::kUseful && e.step_to)
    s.last_step = std::max(s.last_step.value_or(0), *e.step_to);
}

// Loss of a step, by its log line.
struct LoggedStep {
  double loss = 0;
  std::optional<double> val_loss, val_bpb;
};

std::map<int64_t, LoggedStep> read_steps(std::string_view log) {
  std::map<int64_t, LoggedStep> steps;
  for (size_t at = 0; at < log.size();) {
    const size_t end = std::min(log.find('\n', at), log.size());
    const auto j = nlohmann::json::parse(log.substr(at, end - at), nullptr, false);
    at = end + 1;
    const auto number = [&](const char* key) -> std::optional<double> {
      if (!j.is_object() || !j.contains(key) || !j[key].is_number()) return std::nullopt;
      return j[key].get<double>();
    };
    const auto step = number("step"), loss = number("loss_ce");
    if (!step || !loss || !(*step >= 0 && *step < 9e15)) continue;
    steps[static_cast<int64_t>(*step)] = {*loss, number("val_loss"), number("val_bpb")};
  }
  return steps;
}

}  // namespace

std::string_view ledger_class_name(LedgerClass c) {
  constexpr std::string_view kNames[] = {"useful", "failed", "rolled back", "idle", "none"};
  return kNames[static_cast<size_t>(c)];
}

// Backwards: what a line's step must not exceed is the least of the starts that came after it.
std::vector<LedgerClass> classify_ledger(const std::vector<LedgerEntry>& entries) {
  const Failures failures = find_failures(entries);
  int64_t living = living_step(entries, failures);
  std::vector<LedgerClass> classes(entries.size());
  for (size_t i = entries.size(); i-- > 0;) {
    const LedgerEntry& e = entries[i];
    classes[i] = class_of(e, living, failures);
    if (begins_attempt(e)) living = std::min(living, e.step_from.value_or(0));
  }
  return classes;
}

void LedgerSum::add(const LedgerEntry& e) {
  ++lines;
  if (!e.device_seconds) ++lines_without_seconds;
  if (e.kind == LedgerKind::kPhase && e.step_to && !e.tokens) ++lines_without_tokens;
  device_seconds += e.device_seconds.value_or(0);
  tokens += static_cast<double>(e.kind == LedgerKind::kEvaluation ? 0 : e.tokens.value_or(0));
  flops += e.flops.value_or(0);
  joules += e.joules.value_or(0);
  if (!e.joules) device_seconds_without_joules += e.device_seconds.value_or(0);
  bytes_read += static_cast<double>(e.bytes_read.value_or(0));
  bytes_written += static_cast<double>(e.bytes_written.value_or(0));
  any_bytes = any_bytes || e.bytes_read || e.bytes_written;
  if (e.kind == LedgerKind::kEvaluation || !e.tokens || !e.flops) return;
  tokens_with_flops += static_cast<double>(*e.tokens);
  flops_of_tokens += *e.flops;
}

void LedgerSum::add(const LedgerSum& o) {
  lines += o.lines;
  device_seconds += o.device_seconds;
  tokens += o.tokens;
  flops += o.flops;
  joules += o.joules;
  bytes_read += o.bytes_read;
  bytes_written += o.bytes_written;
  lines_without_seconds += o.lines_without_seconds;
  lines_without_tokens += o.lines_without_tokens;
  device_seconds_without_joules += o.device_seconds_without_joules;
  tokens_with_flops += o.tokens_with_flops;
  flops_of_tokens += o.flops_of_tokens;
  any_bytes = any_bytes || o.any_bytes;
}

std::optional<double> LedgerSummary::waste_ratio() const {
  if (!(all.device_seconds > 0)) return std::nullopt;
  return (of(LedgerClass::kFailed).device_seconds + of(LedgerClass::kRolledBack).device_seconds +
          of(LedgerClass::kIdle).device_seconds) /
         all.device_seconds;
}

int64_t LedgerSummary::waste_lines_without_seconds() const {
  return all.lines_without_seconds - of(LedgerClass::kUseful).lines_without_seconds;
}

LedgerSummary summarize_ledger(const LedgerFile& file, const std::string& path) {
  LedgerSummary s;
  s.path = path;
  s.lines = static_cast<int64_t>(file.entries.size());
  if (!file.entries.empty()) s.head = file.entries.back().hash;
  const std::vector<LedgerClass> classes = classify_ledger(file.entries);
  for (size_t i = 0; i < classes.size(); ++i) add_entry(s, file.entries[i], classes[i]);
  return s;
}

std::vector<LossPoint> loss_points(const LedgerFile& file, std::string_view log) {
  const std::map<int64_t, LoggedStep> steps = read_steps(log);
  const std::vector<LedgerClass> classes = classify_ledger(file.entries);
  std::vector<LossPoint> points;
  LossPoint now;
  for (size_t i = 0; i < classes.size(); ++i) {
    const LedgerEntry& e = file.entries[i];
    if (classes[i] != LedgerClass::kNone) now.spent.add(e);
    if (classes[i] != LedgerClass::kUseful || e.kind != LedgerKind::kPhase || !e.step_to) continue;
    now.tokens += static_cast<double>(e.tokens.value_or(0));
    double sum = 0;
    int64_t n = 0;
    for (auto step = steps.upper_bound(e.step_from.value_or(0));
         step != steps.end() && step->first <= *e.step_to; ++step, ++n)
      sum += step->second.loss;
    if (n == 0) continue;
    now.step = *e.step_to;
    now.loss = sum / static_cast<double>(n);
    const auto last = steps.find(now.step);
    now.val_loss = last == steps.end() ? std::nullopt : last->second.val_loss;
    now.val_bpb = last == steps.end() ? std::nullopt : last->second.val_bpb;
    points.push_back(now);
  }
  return points;
}

}  // namespace fathom
