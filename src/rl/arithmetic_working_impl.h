// Written working of whole numbers, digit by digit, as a small model can follow it. First the numbers
// with a letter before each digit ("c5b7a4": a is the ones), so that a digit is found by its letter
// and not by counting from the right (Zhou et al. 2023, arXiv:2310.16028, "index hints"); then each
// line one step, behind the bar the digits of the result so far.
#pragma once

#include <cstdint>
#include <string>

namespace fathom {

/// a, b >= 0. "a7+5=12|2", "b3+6+1=10|102": digits from the right, the carry behind.
std::string addition_working(int64_t a, int64_t b);
/// a >= b >= 0. "a3-8+10=5|5", "b4-1-1=2|25": the borrow is taken off the next line.
std::string subtraction_working(int64_t a, int64_t b);
/// a >= 0, b >= 0: for each digit of b a row, then the rows are added.
std::string multiplication_working(int64_t a, int64_t b);
/// b in 1..99: long division, "a37/6=6r1|156".
std::string division_working(int64_t a, int64_t b);

}  // namespace fathom
