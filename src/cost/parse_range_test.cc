#include "cost/parse_range.h"

#include <gtest/gtest.h>

namespace fathom {
namespace {

TEST(ParseRange, OneTwoOrThreeQuantities) {
  EXPECT_EQ(parse_range("$2/h", Quantity::kUsdPerHour, "--rate").value(), Range::exactly(2));
  EXPECT_EQ(parse_range("20%..0.8", Quantity::kFraction, "--mfu").value(), (Range{0.2, 0.4, 0.8}));
  EXPECT_EQ(parse_range("$1/h..$2/h..$5/h", Quantity::kUsdPerHour, "--rate").value(),
            (Range{1, 2, 5}));
}

TEST(ParseRange, AColonServesAsTheDots) {
  EXPECT_EQ(parse_range("$1/h:$4/h", Quantity::kUsdPerHour, "--rate").value(), (Range{1, 2, 4}));
  EXPECT_EQ(parse_range("1.8:2.8:5.3", Quantity::kCount, "--gpu").value(), (Range{1.8, 2.8, 5.3}));
}

TEST(ParseRange, SaysWhatIsWrong) {
  EXPECT_EQ(
      parse_range("0.5..0.4", Quantity::kFraction, "--mfu").message(),
      "--mfu: one figure, low..high or low..middle..high (rising) wanted, \"0.5..0.4\" found");
  EXPECT_FALSE(parse_range("..0.4", Quantity::kFraction, "--mfu").ok());
  EXPECT_FALSE(parse_range("1..2..3..4", Quantity::kCount, "x").ok());
  EXPECT_FALSE(parse_range("$1/h..2 h", Quantity::kUsdPerHour, "--rate").ok());
}

}  // namespace
}  // namespace fathom
