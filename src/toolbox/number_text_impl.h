// Numbers as people write them in tables: 1,234.50 · 1.234,50 · 1 234,50 · (1,234) · $5 · 5 € ·
// 12.5% · 1.2e-5. One cell alone often leaves open what a point or comma means ("1.234"); so a cell
// tells under which styles it is a number, and a column, having seen all its cells, chooses one.
#pragma once

#include <cstdint>
#include <string_view>

#include "toolbox/sql.h"

namespace fathom {

/// Bits. Either may group digits by threes with spaces or apostrophes, or with the other's sign.
enum NumberStyle : unsigned { kDecimalPoint = 1, kDecimalComma = 2 };

struct NumberText {
  unsigned styles = 0;    // under which it is a number; 0: under none
  unsigned integers = 0;  // of these, under which it has no fraction
  bool percent = false;
  std::string_view currency;  // as written, a part of the cell; empty where there is none
};

/// Not numbers: codes (007, 555-1234), integers beyond 64 bits, what is longer than 60 bytes.
NumberText scan_number(std::string_view cell);

/// The number: an integer where it has no fraction, else a real; what stands behind the percent
/// sign is not divided by 100. Requires: scan_number(cell).styles has the bit `style`.
SqlCell read_number(std::string_view cell, NumberStyle style);

}  // namespace fathom
