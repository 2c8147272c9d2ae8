// guess_dialect of csv_dialect_impl.h.
#include <algorithm>
#include <map>

#include "toolbox/csv_dialect_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

constexpr size_t kSampleBytes = 1 << 16;

// Whole lines from the front of the file.
std::string_view sample_of(std::string_view text) {
  if (text.size() <= kSampleBytes) return text;
  const size_t end = text.substr(0, kSampleBytes).rfind('\n');
  return text.substr(0, end == text.npos ? kSampleBytes : end + 1);
}

// Places where `quote` opens or closes a field, as it seems.
int64_t count_quoted(std::string_view text, char quote) {
  static constexpr std::string_view kEdges = ",;\t|\r\n";
  int64_t n = 0;
  for (size_t i = text.find(quote); i != text.npos; i = text.find(quote, i + 1)) {
    n += i == 0 || kEdges.find(text[i - 1]) != kEdges.npos;
    n += i + 1 == text.size() || kEdges.find(text[i + 1]) != kEdges.npos;
  }
  return n;
}

char guess_quote(std::string_view text) {
  const int64_t single = count_quoted(text, '\'');
  return single >= 4 && count_quoted(text, '"') == 0 ? '\'' : '"';
}

// \" in the midst of a quoted field; at its end it may be a field that ends in a backslash.
bool uses_backslash(std::string_view text, char delimiter, char quote) {
  bool in_quotes = false;
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    if (in_quotes && text[i] == '\\' && text[i + 1] == quote) {
      const char next = text[i + 2];
      if (next != delimiter && next != '\r' && next != '\n' && next != quote) return true;
      ++i;
    } else if (text[i] == quote) {
      in_quotes = !in_quotes;
    }
  }
  return false;
}

// How well a delimiter explains the sample: the share of rows that have the most frequent number of
// fields, if that is two or more; then that number.
struct Score {
  double share = 0;
  size_t n_fields = 0;
  bool operator<(const Score& o) const {
    return share != o.share ? share < o.share : n_fields < o.n_fields;
  }
};

Score score(std::string_view text, const CsvDialect& dialect) {
  std::map<size_t, int64_t> n_rows;  // by number of fields
  int64_t total = 0;
  const std::string where;
  const TakeRow count = [&](int64_t, std::span<const SqlCell> cells) {
    ++n_rows[cells.size()];
    ++total;
    return Status();
  };
  CsvRows rows(dialect, static_cast<int64_t>(kSampleBytes) * 2, where, count);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    if (!rows.line(text.substr(begin, end - begin), 0).ok()) return {};
    begin = end;
  }
  (void)rows.finish();  // the sample may end within a quoted field
  Score best;
  for (const auto& [n_fields, n] : n_rows)
    if (n_fields > 1)
      best = std::max(best, Score{static_cast<double>(n) / static_cast<double>(total), n_fields});
  return best;
}

}  // namespace

CsvDialect guess_dialect(std::string_view text, const TableFileOptions& options) {
  const std::string_view sample = sample_of(text);
  CsvDialect dialect;
  dialect.quote = options.quote != 0 ? options.quote : guess_quote(sample);
  if (options.delimiter != 0) {
    dialect.delimiter = options.delimiter;
  } else {
    Score best;
    for (const char c : {',', ';', '\t', '|'}) {
      const Score s = score(sample, {.delimiter = c, .quote = dialect.quote});
      if (!(best < s)) continue;
      best = s;
      dialect.delimiter = c;
    }
  }
  dialect.backslash = uses_backslash(sample, dialect.delimiter, dialect.quote);
  return dialect;
}

}  // namespace fathom
