// See ledger.h.
#include "cost/ledger.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <sstream>
#include <utility>

#include "base/file.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostNote = 2000;  // of a torn line or an error, so that a line stays one write

Status system_error(const fs::path& path, const char* act) {
  return Status::error(fmt::format("{}: {}: {}", path.string(), act, std::strerror(errno)));
}

struct StorageBytes {
  std::optional<int64_t> read, written;
};

// What the kernel fetched from and sent to storage for this process: reads that memory answered are
// not in it.
StorageBytes storage_bytes() {
  auto text = read_file("/proc/self/io");
  StorageBytes bytes;
  if (!text.ok()) return bytes;
  std::istringstream in(text.value());
  std::string key;
  for (int64_t n = 0; in >> key >> n;) {
    if (key == "read_bytes:") bytes.read = n;
    if (key == "write_bytes:") bytes.written = n;
  }
  return bytes;
}

int64_t peak_memory_bytes() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

std::optional<int64_t> difference(std::optional<int64_t> now, std::optional<int64_t> before) {
  if (!now || !before) return std::nullopt;
  return std::max(int64_t{0}, *now - *before);
}

// A whole write or none: where the disk is full, what was begun is taken back.
Status write_line(int fd, const fs::path& path, const std::string& line) {
  struct stat before = {};
  if (::fstat(fd, &before) != 0) return system_error(path, "cannot read");
  std::string_view left = line;
  while (!left.empty()) {
    const ssize_t n = ::write(fd, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const Status error = system_error(path, "cannot write");
      if (::ftruncate(fd, before.st_size) != 0) return error;  // the reader will find a torn line
      return error;
    }
    left.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace

std::string utc_time(std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
  const auto s = static_cast<std::time_t>(ms.count() / 1000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(s), ms.count() % 1000);
}

std::string utc_now() { return utc_time(std::chrono::system_clock::now()); }

std::optional<double> utc_seconds_between(const std::string& from, const std::string& to) {
  const auto seconds_of = [](const std::string& text) -> std::optional<double> {
    std::tm tm = {};
    const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest == nullptr) return std::nullopt;
    int ms = 0;
    if (*rest == '.') std::sscanf(rest, ".%3d", &ms);
    return static_cast<double>(timegm(&tm)) + ms / 1000.0;
  };
  const auto a = seconds_of(from), b = seconds_of(to);
  if (!a || !b) return std::nullopt;
  return *b - *a;
}

Ledger::Ledger(LedgerOptions options, int fd)
    : options_(std::move(options)), fd_(fd), meter_(options_.energy) {}

Ledger::~Ledger() { ::close(fd_); }

Result<std::unique_ptr<Ledger>> Ledger::open(LedgerOptions options) {
  const fs::path path = options.path;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return system_error(path, "cannot create");
  std::unique_ptr<Ledger> ledger(new Ledger(std::move(options), fd));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK
               ? Status::error(path.string() +
                               ": a ledger of its own wanted, another process writes it")
               : system_error(path, "cannot lock");
  }
  FATHOM_RETURN_IF_ERROR(ledger->load());
  return ledger;
}

Status Ledger::load() {
  FATHOM_ASSIGN_OR_RETURN(LedgerFile file, read_ledger(options_.path));
  before_ = std::move(file.entries);
  if (!before_.empty()) {
    next_ = before_.back().n + 1;
    prev_ = before_.back().hash;
    for (const LedgerEntry& e : before_) attempt_ = std::max(attempt_, e.attempt);
  }
  return file.torn ? mend(*file.torn) : Status();
}

// All of the line was written but its newline: it counts, once it has that.
Status Ledger::mend_newline() {
  FATHOM_RETURN_IF_ERROR(write_line(fd_, options_.path, "\n"));
  FATHOM_RETURN_IF_ERROR(load());
  LedgerEntry entry = instant(LedgerKind::kMended);
  entry.note = fmt::format("line {} had no newline", next_);
  return append(std::move(entry));
}

// The line that tells of the torn one is written over it, in one write from its first byte on: a
// crash in the midst of this leaves a torn line again, and never a lost one.
Status Ledger::mend(const TornLine& torn) {
  if (torn.whole) return mend_newline();
  LedgerEntry entry = instant(LedgerKind::kMended);
  entry.note = fmt::format("line {} was torn after {} bytes: {}", torn.line, torn.text.size(),
                           torn.text.substr(0, kMostNote));
  entry.n = next_;
  entry.prev = prev_;
  const std::string line = write_ledger_line(entry) + "\n";
  const int fd = ::open(options_.path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return system_error(options_.path, "cannot open");
  const ssize_t n = ::pwrite(fd, line.data(), line.size(), torn.offset);
  const bool whole = n == static_cast<ssize_t>(line.size());
  const bool cut = whole && ::ftruncate(fd, torn.offset + n) == 0;
  const Status error = cut ? Status() : system_error(options_.path, "cannot write");
  ::close(fd);
  if (!error.ok()) return error;
  prev_ = entry.hash;
  ++next_;
  before_.push_back(std::move(entry));
  return {};
}

LedgerEntry Ledger::instant(LedgerKind kind) const {
  LedgerEntry entry;
  entry.kind = kind;
  entry.attempt = attempt_;
  entry.start = entry.end = utc_now();
  return entry;
}

Status Ledger::begin_attempt(std::optional<int64_t> step, const std::string& note,
                             std::optional<std::string> left) {
  const std::string now = utc_now();
  for (auto e = before_.rbegin(); !left && e != before_.rend(); ++e) {
    if (e->kind != LedgerKind::kMended) left = e->end;
  }
  const auto seconds = left ? utc_seconds_between(*left, now) : std::nullopt;
  if (attempt_ > 0 && seconds && *seconds >= 0) {
    LedgerEntry gap;
    gap.kind = LedgerKind::kGap;
    gap.attempt = attempt_;
    gap.start = left;
    gap.end = now;
    gap.seconds = seconds;
    gap.device_seconds = 0;
    FATHOM_RETURN_IF_ERROR(append(std::move(gap)));
  }
  ++attempt_;
  LedgerEntry entry = instant(step ? LedgerKind::kResume : LedgerKind::kAttempt);
  entry.step_from = entry.step_to = step.value_or(0);
  entry.note = note;
  FATHOM_RETURN_IF_ERROR(append(std::move(entry)));
  return sync();
}

Status Ledger::end_attempt(const std::string& outcome, std::optional<int64_t> step) {
  LedgerEntry entry = instant(LedgerKind::kEnd);
  entry.outcome = outcome;
  entry.step_from = entry.step_to = step;
  FATHOM_RETURN_IF_ERROR(append(std::move(entry)));
  return sync();
}

Status Ledger::fail_attempt(const std::string& message, std::optional<int64_t> step) {
  LedgerEntry entry = instant(LedgerKind::kFailure);
  entry.outcome = "failed";
  entry.step_from = entry.step_to = step;
  entry.note = message.substr(0, kMostNote);
  FATHOM_RETURN_IF_ERROR(append(std::move(entry)));
  return sync();
}

Status Ledger::append(LedgerEntry entry) {
  if (entry.source == "measured") {
    entry.device = options_.device;
    entry.devices = options_.devices;
    entry.threads = options_.threads;
    entry.config_hash = options_.config_hash;
    entry.commit = options_.commit;
  }
  entry.n = next_;
  entry.prev = prev_;
  const std::string line = write_ledger_line(entry) + "\n";
  FATHOM_RETURN_IF_ERROR(write_line(fd_, options_.path, line));
  prev_ = entry.hash;
  ++next_;
  return {};
}

Status Ledger::sync() {
  return ::fsync(fd_) == 0 ? Status() : system_error(options_.path, "cannot write");
}

LedgerSpan::LedgerSpan(Ledger& ledger, LedgerKind kind, std::string name)
    : ledger_(ledger),
      kind_(kind),
      name_(std::move(name)),
      start_(utc_now()),
      begin_(std::chrono::steady_clock::now()),
      energy_(ledger.meter_.mark()) {
  const StorageBytes bytes = storage_bytes();
  read_ = bytes.read;
  written_ = bytes.written;
}

LedgerSpan::~LedgerSpan() {
  if (open_) (void)end("failed");  // on the way out of an error already; that one is told
}

double LedgerSpan::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

Status LedgerSpan::end(const std::string& outcome) {
  open_ = false;
  LedgerEntry e = ledger_.instant(kind_);
  const auto devices = static_cast<double>(ledger_.options_.devices);
  e.name = name_;
  e.outcome = outcome;
  e.start = start_;
  e.seconds = seconds();
  e.device_seconds = *e.seconds * devices;
  e.step_from = step_from;
  e.step_to = step_to;
  e.tokens = tokens;
  e.flops = flops;
  if (flops) {
    e.flops_definition =
        flops_definition.empty() ? ledger_.options_.flops_definition : flops_definition;
  }
  const StorageBytes bytes = storage_bytes();
  e.bytes_read = difference(bytes.read, read_);
  e.bytes_written = difference(bytes.written, written_);
  Energy energy = ledger_.meter_.since(energy_, *e.seconds, devices);
  e.joules = energy.joules;
  e.joules_source = std::move(energy.source);
  e.peak_memory_bytes = peak_memory_bytes();
  e.note = note;
  return ledger_.append(std::move(e));
}

}  // namespace fathom
