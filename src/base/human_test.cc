#include "base/human.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fathom {
namespace {

TEST(Human, CountsChangeTheirUnitWhereRoundingReachesIt) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(9999), "9999");
  EXPECT_EQ(human_count(10000), "10.0K");
  EXPECT_EQ(human_count(245760), "245.8K");
  EXPECT_EQ(human_count(999499), "999.5K");
  EXPECT_EQ(human_count(1e6), "1.00M");
  EXPECT_EQ(human_count(4.67e11), "467.00G");
  EXPECT_EQ(human_count(14.8e12), "14.80T");
}

TEST(Human, DurationsShowTwoUnits) {
  EXPECT_EQ(human_duration(0.4), "0 s");
  EXPECT_EQ(human_duration(59.6), "1 min 00 s");
  EXPECT_EQ(human_duration(3725), "1 h 02 min");
  EXPECT_EQ(human_duration(90000), "1 d 01 h");
  EXPECT_EQ(human_duration(INFINITY), "?");
  EXPECT_EQ(human_duration(NAN), "?");
}

}  // namespace
}  // namespace fathom
