// A CSV file's dialect, and its rows through libcsv.
#pragma once

#include <csv.h>

#include <string>
#include <string_view>
#include <vector>

#include "toolbox/row_source_impl.h"

namespace fathom {

struct CsvDialect {
  char delimiter = ',', quote = '"';
  bool backslash = false;  // \" within quotes is a quote
};

/// Found out from the first rows: the delimiter that cuts most of them into the same number of
/// fields. What `options` gives is taken.
CsvDialect guess_dialect(std::string_view text, const TableFileOptions& options);

/// Text in, rows out: libcsv with what it lacks, lines and the limit of a field. Spaces around an
/// unquoted field are gone, an empty field is NULL. Rows have as many cells as the file gives them.
class CsvRows {
 public:
  CsvRows(const CsvDialect& dialect, int64_t max_cell_bytes, const std::string& where,
          const TakeRow& take);
  ~CsvRows();
  CsvRows(const CsvRows&) = delete;
  CsvRows& operator=(const CsvRows&) = delete;
  /// The next line of the file, with its line end if it has one.
  Status line(std::string_view text, int64_t number);
  Status finish();

 private:
  static void field(void* data, size_t n, void* self);
  static void row_end(int, void* self);
  Status feed(std::string_view text);
  std::string_view unescaped(std::string_view text);
  void fail(Status status);
  Status too_long() const;
  std::string place() const;

  csv_parser parser_;
  CsvDialect dialect_;
  size_t max_cell_bytes_;
  const std::string& where_;
  const TakeRow& take_;
  Status status_;
  bool open_ = false;  // a row has begun
  int64_t row_line_ = 0;
  size_t since_field_ = 0;  // bytes fed since a field ended, to within a line
  // libcsv gives one field at a time and uses its buffer again, so a row is gathered here.
  std::string text_;
  struct Field {
    size_t begin, n;
  };
  std::vector<Field> fields_;
  std::vector<SqlCell> cells_;
  bool in_quotes_ = false;  // of unescaped()
  std::string unescaped_;
};

}  // namespace fathom
