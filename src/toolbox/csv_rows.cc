// CsvRows of csv_dialect_impl.h.
#include <fmt/format.h>

#include "toolbox/csv_dialect_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

constexpr size_t kChunk = 1 << 16;  // so that an endless field is noticed before it fills memory

}  // namespace

CsvRows::CsvRows(const CsvDialect& dialect, int64_t max_cell_bytes, const std::string& where,
                 const TakeRow& take)
    : dialect_(dialect),
      max_cell_bytes_(static_cast<size_t>(max_cell_bytes)),
      where_(where),
      take_(take) {
  FATHOM_CHECK(csv_init(&parser_, CSV_EMPTY_IS_NULL) == 0);
  csv_set_delim(&parser_, static_cast<unsigned char>(dialect.delimiter));
  csv_set_quote(&parser_, static_cast<unsigned char>(dialect.quote));
  csv_set_blk_size(&parser_, kChunk);  // by which its buffer grows
}

CsvRows::~CsvRows() { csv_free(&parser_); }

std::string CsvRows::place() const { return fmt::format("{}:{}", where_, row_line_); }

void CsvRows::fail(Status status) {
  if (status_.ok()) status_ = std::move(status);
}

Status CsvRows::too_long() const {
  return Status::error(fmt::format(
      "{}: a field of more than {} bytes (a quote that is not closed?)", place(), max_cell_bytes_));
}

void CsvRows::field(void* data, size_t n, void* self) {
  auto& r = *static_cast<CsvRows*>(self);
  if (!r.status_.ok()) return;
  if (n > r.max_cell_bytes_) return r.fail(r.too_long());
  r.fields_.push_back({r.text_.size(), n});
  if (data != nullptr) r.text_.append(static_cast<const char*>(data), n);
  r.since_field_ = 0;
}

void CsvRows::row_end(int, void* self) {
  auto& r = *static_cast<CsvRows*>(self);
  r.open_ = false;
  if (!r.status_.ok()) return;
  r.cells_.clear();
  for (const Field& f : r.fields_) {
    SqlCell& cell = r.cells_.emplace_back();
    if (f.n > 0) cell = std::string_view(r.text_).substr(f.begin, f.n);
  }
  r.fail(r.take_(r.row_line_, r.cells_));
  r.fields_.clear();
  r.text_.clear();
}

// libcsv knows doubled quotes alone.
std::string_view CsvRows::unescaped(std::string_view text) {
  unescaped_.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == dialect_.quote) in_quotes_ = !in_quotes_;
    const bool escape = in_quotes_ && c == '\\' && i + 1 < text.size() &&
                        (text[i + 1] == dialect_.quote || text[i + 1] == '\\');
    if (!escape) {
      unescaped_ += c;
      continue;
    }
    unescaped_.append(text[i + 1] == '\\' ? 1 : 2, text[i + 1]);
    ++i;
  }
  return unescaped_;
}

Status CsvRows::feed(std::string_view text) {
  while (!text.empty() && status_.ok()) {
    const std::string_view chunk = text.substr(0, kChunk);
    since_field_ += chunk.size();
    if (csv_parse(&parser_, chunk.data(), chunk.size(), field, row_end, this) != chunk.size())
      fail(Status::error(fmt::format("{}: {}", place(), csv_strerror(csv_error(&parser_)))));
    if (open_ && since_field_ > max_cell_bytes_ + kChunk) fail(too_long());
    text.remove_prefix(chunk.size());
  }
  return status_;
}

Status CsvRows::line(std::string_view text, int64_t number) {
  if (!open_) {
    row_line_ = number;
    since_field_ = 0;
    if (trimmed(text).empty() && dialect_.delimiter != '\t') return {};
    open_ = true;
  }
  return feed(dialect_.backslash ? unescaped(text) : text);
}

Status CsvRows::finish() {
  if (!status_.ok()) return status_;
  // Strict to the end alone: a quote within an unquoted field (5" pipe) is no error.
  csv_set_opts(&parser_, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL);
  if (csv_fini(&parser_, field, row_end, this) != 0)
    return Status::error(fmt::format("{}: a quote that opens in this row is not closed", place()));
  return status_;
}

}  // namespace fathom
