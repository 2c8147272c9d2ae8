// See ledger_entry.h. Reader and writer visit the same list of fields, so they cannot disagree.
#include "cost/ledger_entry.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"

namespace fathom {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kKindNames = {std::string_view("attempt"),    std::string_view("resume"),
                                   std::string_view("phase"),      std::string_view("evaluation"),
                                   std::string_view("checkpoint"), std::string_view("idle"),
                                   std::string_view("gap"),        std::string_view("failure"),
                                   std::string_view("end"),        std::string_view("mended")};

constexpr std::string_view kHashField = ",\"hash\":\"";
constexpr size_t kHashDigits = 64;
constexpr size_t kHashTail = kHashField.size() + kHashDigits + 2;  // and the closing "}

// Every field but kind, prev and hash, in the order of the file. Entry is const or not.
template <typename Entry, typename Visitor>
void visit_fields(Entry& e, Visitor&& visit) {
  visit("name", e.name);
  visit("outcome", e.outcome);
  visit("attempt", e.attempt);
  visit("start", e.start);
  visit("end", e.end);
  visit("seconds", e.seconds);
  visit("device_seconds", e.device_seconds);
  visit("step_from", e.step_from);
  visit("step_to", e.step_to);
  visit("tokens", e.tokens);
  visit("flops", e.flops);
  visit("flops_definition", e.flops_definition);
  visit("bytes_read", e.bytes_read);
  visit("bytes_written", e.bytes_written);
  visit("joules", e.joules);
  visit("joules_source", e.joules_source);
  visit("peak_memory_bytes", e.peak_memory_bytes);
  visit("device", e.device);
  visit("devices", e.devices);
  visit("threads", e.threads);
  visit("config_hash", e.config_hash);
  visit("commit", e.commit);
  visit("source", e.source);
  visit("note", e.note);
}

// An absent text is null in the file as an absent number is.
Json to_json(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json to_json(int64_t n) { return n; }
template <typename T>
Json to_json(const std::optional<T>& x) {
  return x ? Json(*x) : Json();
}

/// Takes fields out of an object; the first that is not as wanted is kept as the error.
class FieldReader {
 public:
  FieldReader(const Json& object, const std::string& where) : object_(object), where_(where) {}

  void operator()(const char* key, std::string& text) {
    if (const Json* j = find(key)) {
      if (j->is_string())
        text = j->get<std::string>();
      else
        wrong(key, "a text", *j);
    }
  }
  void operator()(const char* key, std::optional<std::string>& text) {
    if (find(key) != nullptr) (*this)(key, text.emplace());
  }
  void operator()(const char* key, int64_t& n) {
    if (const Json* j = find(key)) {
      const bool fits =
          j->is_number_integer() && !(j->is_number_unsigned() && j->get<uint64_t>() > INT64_MAX);
      if (fits && j->get<int64_t>() >= 0)
        n = j->get<int64_t>();
      else
        wrong(key, "a whole number from 0", *j);
    }
  }
  void operator()(const char* key, std::optional<int64_t>& n) {
    if (find(key) != nullptr) (*this)(key, n.emplace());
  }
  void operator()(const char* key, std::optional<double>& x) {
    if (const Json* j = find(key)) {
      if (j->is_number() && std::isfinite(j->get<double>()) && j->get<double>() >= 0)
        x = j->get<double>();
      else
        wrong(key, "a number from 0", *j);
    }
  }
  const Json* find(const char* key) const {
    const auto it = object_.find(key);
    return it == object_.end() || it->is_null() ? nullptr : &*it;
  }
  void wrong(const char* key, const char* wanted, const Json& found) {
    if (!status_.ok()) return;
    status_ = Status::error(
        fmt::format("{}: {}: {} wanted, {} found", where_, key, wanted,
                    found.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 60)));
  }
  const Status& status() const { return status_; }

 private:
  const Json& object_;
  const std::string& where_;
  Status status_;
};

void read_kind(LedgerEntry& e, FieldReader& read) {
  std::string name;
  read("kind", name);
  for (size_t i = 0; i < kKindNames.size(); ++i) {
    if (kKindNames[i] != name) continue;
    e.kind = static_cast<LedgerKind>(i);
    return;
  }
  read.wrong("kind",
             "attempt, resume, phase, evaluation, checkpoint, idle, gap, failure, end or mended",
             name);
}

bool has_hash_tail(std::string_view line) {
  return line.size() > kHashTail && line.ends_with("\"}") &&
         line.substr(line.size() - kHashTail, kHashField.size()) == kHashField;
}

Status at_line(const std::string& where, int64_t line, const std::string& what) {
  return Status::error(fmt::format("{}:{}: {}", where, line, what));
}

// One line that must follow `before`; null: it is the first.
Result<LedgerEntry> checked_line(std::string_view line, const LedgerEntry* before,
                                 const std::string& where, int64_t number) {
  if (!has_hash_tail(line))
    return at_line(where, number,
                   "a ledger's line that ends with its hash wanted, another text found");
  const std::string_view signed_part = line.substr(0, line.size() - kHashTail);
  const std::string_view found = line.substr(line.size() - kHashDigits - 2, kHashDigits);
  const std::string wanted = sha256_hex(signed_part);
  if (found != wanted) {
    return at_line(where, number,
                   fmt::format("the hash {}… wanted, {}… found: this line was altered",
                               wanted.substr(0, 12), found.substr(0, 12)));
  }
  FATHOM_ASSIGN_OR_RETURN(LedgerEntry entry,
                          parse_ledger_entry(line, fmt::format("{}:{}", where, number)));
  const std::string_view prev = before == nullptr ? kLedgerOrigin : std::string_view(before->hash);
  if (entry.prev != prev || entry.n != number - 1) {
    return at_line(
        where, number,
        fmt::format("line {} of the chain after {}… wanted, line {} after {}… found: a line was "
                    "altered, taken out or put in before it",
                    number - 1, prev.substr(0, 12), entry.n, entry.prev.substr(0, 12)));
  }
  return entry;
}

}  // namespace

std::string_view ledger_kind_name(LedgerKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

std::string sha256_hex(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int n = 0;
  FATHOM_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, &n, EVP_sha256(), nullptr) == 1);
  std::string hex;
  for (unsigned int i = 0; i < n; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string write_ledger_line(LedgerEntry& entry) {
  Json j = {
      {"n", entry.n}, {"prev", entry.prev}, {"kind", std::string(ledger_kind_name(entry.kind))}};
  visit_fields(entry, [&](const char* key, const auto& value) { j[key] = to_json(value); });
  std::string line = j.dump(-1, ' ', false, Json::error_handler_t::replace);
  line.pop_back();  // the closing brace comes after the hash
  entry.hash = sha256_hex(line);
  line += kHashField;
  line += entry.hash;
  line += "\"}";
  return line;
}

Result<LedgerEntry> parse_ledger_entry(std::string_view line, const std::string& where) {
  const Json j = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!j.is_object()) return Status::error(where + ": a JSON object wanted, another text found");
  LedgerEntry e;
  FieldReader read(j, where);
  read_kind(e, read);
  read("n", e.n);
  read("prev", e.prev);
  read("hash", e.hash);
  visit_fields(e, read);
  if (!read.status().ok()) return read.status();
  if (e.step_from && e.step_to && *e.step_to < *e.step_from) {
    return Status::error(fmt::format("{}: step_to: a step from {} on wanted, {} found", where,
                                     *e.step_from, *e.step_to));
  }
  return e;
}

Result<LedgerFile> parse_ledger(std::string_view text, const std::string& where) {
  LedgerFile file;
  size_t at = 0;
  for (int64_t number = 1; at < text.size(); ++number) {
    const size_t end = text.find('\n', at);
    const bool cut = end == std::string_view::npos;
    const std::string_view line = text.substr(at, cut ? text.size() - at : end - at);
    const bool last = cut || end + 1 == text.size();
    auto entry =
        checked_line(line, file.entries.empty() ? nullptr : &file.entries.back(), where, number);
    // After a power cut the last line may also have its length and not its bytes.
    const bool torn = cut || (last && !has_hash_tail(line));
    if (!torn && !entry.ok()) return entry.status();
    if (torn) {
      file.torn = TornLine{.line = number,
                           .offset = static_cast<int64_t>(at),
                           .text = std::string(line),
                           .whole = entry.ok()};
      return file;
    }
    file.entries.push_back(std::move(entry).value());
    at = end + 1;
  }
  return file;
}

Result<LedgerFile> read_ledger(const std::filesystem::path& path) {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return parse_ledger(text, path.string());
}

std::string describe_torn(const TornLine& torn, const std::string& where) {
  return fmt::format(
      "{}:{}: a whole line wanted, {} bytes of one that was cut short found (fathom's next "
      "write mends it)",
      where, torn.line, torn.text.size());
}

}  // namespace fathom
