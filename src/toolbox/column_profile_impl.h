// What a column is, after all of its cells have been seen: its type, how its numbers and dates are
// written, and how a cell becomes a value of that type. Nothing is guessed from a sample.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "toolbox/date_text_impl.h"
#include "toolbox/number_text_impl.h"
#include "toolbox/sql.h"

namespace fathom {

/// How the cells of a column are read.
struct ColumnReading {
  ColumnType type = ColumnType::kText;
  std::string unit = {};
  NumberStyle style = kDecimalPoint;
  DateOrder order = kYearMonthDay;
  bool verbatim = false;  // cells are values already

  /// The cell as a value of the type. Text may point into `scratch`, which is overwritten.
  SqlCell value(const SqlCell& cell, std::string& scratch) const;
};

/// What the columns of one file tell about each other: of two ways to read a cell that are both
/// possible, the one that the file uses elsewhere.
struct FileHabits {
  unsigned styles = 0, orders = 0;  // those that some column settles
  bool semicolons = false;          // the delimiter of lands that write a decimal comma
  const char* place = "line";       // what the number of a row counts
};

class ColumnProfile {
 public:
  /// `typed`: cells have the types that they are meant to have (SQLite); text stays text.
  explicit ColumnProfile(bool typed = false) : typed_(typed) {}
  void observe(const SqlCell& cell, int64_t line);
  void add_habits(FileHabits& habits) const;
  bool is_empty() const { return n_values() + n_missing_ == 0; }
  bool is_number_or_date() const { return numbers() || dates(); }
  /// A sentence for `notes` where the reading is not beyond doubt, or a few cells decided it.
  ColumnReading decide(const FileHabits& habits, const std::string& column,
                       std::vector<std::string>& notes) const;

 private:
  void observe_text(std::string_view text, int64_t line);
  int64_t n_values() const { return n_integers_ + n_reals_ + n_texts_; }
  bool numbers() const;
  bool dates() const;
  bool booleans() const;
  ColumnReading decide_typed() const;
  ColumnReading number_reading(const FileHabits& habits) const;
  ColumnReading date_reading(const FileHabits& habits, const std::string& column,
                             std::vector<std::string>& notes) const;
  void note_exceptions(const char* place, const std::string& column,
                       std::vector<std::string>& notes) const;

  bool typed_;
  int64_t n_integers_ = 0, n_reals_ = 0;  // cells that are numbers by their own type
  int64_t n_texts_ = 0;                   // without words for "missing"
  int64_t n_missing_ = 0;                 // NA, n/a, null, -: NULL in a column that is not text
  // Of the texts:
  int64_t n_numbers_ = 0, n_percent_ = 0, n_units_ = 0;
  unsigned styles_ = kDecimalPoint | kDecimalComma, integers_ = kDecimalPoint | kDecimalComma;
  std::string currency_;
  bool mixed_currency_ = false;
  int64_t n_dates_ = 0, n_times_ = 0, n_zones_ = 0, n_iso_ = 0, n_iso_times_ = 0;
  unsigned orders_ = kYearMonthDay | kDayMonthYear | kMonthDayYear;
  std::array<int64_t, 10> n_words_{};  // of the words for yes and no
  int64_t other_line_ = 0;             // of the first text that is no number, and of a date
  std::string other_, undated_;
  int64_t undated_line_ = 0;
};

}  // namespace fathom
