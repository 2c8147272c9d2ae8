// Any bytes as a ledger: refused in one sentence that names a line, or read. Then each line of them
// as the fields of an entry: those that are taken make a chain that reads back whole, in which a
// flipped bit is found, and whose sums add up. The bytes are a log.jsonl and a price file as well.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "cost/ledger_prices.h"
#include "cost/ledger_summary.h"

namespace {

using namespace fathom;

// A chain of the lines that are entries.
std::string chained(std::string_view text) {
  std::string out, prev(kLedgerOrigin);
  int64_t n = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    auto entry = parse_ledger_entry(text.substr(0, end), "entry");
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!entry.ok()) continue;
    entry.value().n = n++;
    entry.value().prev = prev;
    out += write_ledger_line(entry.value()) + "\n";
    prev = entry.value().hash;
  }
  return out;
}

void check_sums(const LedgerFile& file, std::string_view log) {
  const LedgerSummary s = summarize_ledger(file, "run");
  double sum = 0;
  for (const LedgerSum& c : s.classes) sum += c.device_seconds;
  FATHOM_CHECK(!std::isfinite(sum) || std::abs(sum - s.all.device_seconds) <= 1e-9 * sum);
  if (const auto ratio = s.waste_ratio(); ratio && std::isfinite(sum))
    FATHOM_CHECK(*ratio >= 0 && *ratio <= 1 + 1e-9);
  loss_points(file, log);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = parse_ledger(text, "fuzz");
  if (!file.ok()) FATHOM_CHECK(file.message().starts_with("fuzz:"));
  const auto prices = parse_ledger_prices(text, "fuzz");
  if (!prices.ok()) FATHOM_CHECK(!prices.message().empty());

  std::string chain = chained(text);
  const auto whole = parse_ledger(chain, "chain");
  FATHOM_CHECK(whole.ok() && !whole.value().torn);
  check_sums(whole.value(), text);
  if (chain.empty()) return 0;
  const size_t at = (size * 2654435761u) % (chain.size() - 1);
  chain[at] = static_cast<char>(chain[at] ^ 1);
  const auto altered = parse_ledger(chain, "chain");
  FATHOM_CHECK(!altered.ok() || altered.value().torn);
  return 0;
}
