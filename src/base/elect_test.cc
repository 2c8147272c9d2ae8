#include "base/elect.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fathom {
namespace {

Elected elected(const std::vector<std::string>& answers, const std::vector<double>& weights) {
  return elect(
      answers.size(), [&](size_t i) { return weights[i]; },
      [&](size_t i, size_t j) { return !answers[i].empty() && answers[i] == answers[j]; });
}

TEST(Elect, TheMostWeightWinsAndOfAsMuchTheFirst) {
  EXPECT_EQ(elected({"a", "b", "b"}, {1, 1, 1}).place, 1u);
  EXPECT_EQ(elected({"a", "b", "b"}, {1, 1, 1}).n_agreeing, 2u);
  EXPECT_EQ(elected({"a", "b", "b"}, {1, 0.4, 0.4}).place, 0u);
  EXPECT_EQ(elected({"a", "b", "b", "a"}, {1, 1, 1, 1}).place, 0u);
}

TEST(Elect, WhoHasNoVoteIsNotCounted) {
  EXPECT_EQ(elected({"", "", "x"}, {1, 1, 0.1}).place, 2u);
  EXPECT_EQ(elected({"", ""}, {1, 1}).place, 0u);
  EXPECT_EQ(elected({"", ""}, {1, 1}).n_agreeing, 0u);
  EXPECT_EQ(elected({}, {}).place, 0u);
}

}  // namespace
}  // namespace fathom
