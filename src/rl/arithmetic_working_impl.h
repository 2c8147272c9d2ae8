// Written working of whole numbers, digit by digit, as a small model can follow it: each line one
// step, behind the bar the digits of the result so far.
#pragma once

#include <cstdint>
#include <string>

namespace fathom {

/// a, b >= 0. "7+5=12 | 2", "3+6+1=10 | 02": digits from the right, the carry behind.
std::string addition_working(int64_t a, int64_t b);
/// a >= b >= 0. "3-8+10=5 | 5", "4-1-1=2 | 25": the borrow is taken off the next line.
std::string subtraction_working(int64_t a, int64_t b);
/// a >= 0, b >= 0: for each digit of b a row, then the rows are added.
std::string multiplication_working(int64_t a, int64_t b);
/// b in 1..99: long division, "37/6=6 r1 | 156".
std::string division_working(int64_t a, int64_t b);

}  // namespace fathom
