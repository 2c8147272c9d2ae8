// Stop strings: what is held back, what is never shown, and that the cutting of the stream does not
// matter.
#include "engine/stop.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace fathom {
namespace {

struct Outcome {
  std::string shown, stop;
  bool operator==(const Outcome&) const = default;
};

Outcome run(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopMatcher matcher(stops);
  Outcome outcome;
  for (const std::string& piece : pieces) outcome.shown += matcher.push(piece);
  if (matcher.stopped()) outcome.stop = matcher.stop();
  outcome.shown += matcher.finish();
  return outcome;
}

TEST(StopMatcher, ShowsAllTextWithoutStops) {
  EXPECT_EQ(run({}, {"a", "b\n"}), (Outcome{"ab\n", ""}));
  EXPECT_EQ(run({""}, {"a", "b"}), (Outcome{"ab", ""}));
}

TEST(StopMatcher, HoldsBackAPossibleBeginning) {
  StopMatcher matcher({"\nUser:"});
  EXPECT_EQ(matcher.push("Hi\nUs"), "Hi");
  EXPECT_EQ(matcher.push("a\n"), "\nUsa");
  EXPECT_EQ(matcher.finish(), "\n");
}

TEST(StopMatcher, ShowsNothingOfAStopString) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.push("aE"), "a");
  EXPECT_EQ(matcher.push("ND and more"), "");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.stop(), "END");
  EXPECT_EQ(matcher.push("more"), "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, TheFirstToBeCompleteWinsAndOfTheseTheLongest) {
  EXPECT_EQ(run({"abcd", "bc"}, {"xabcd"}), (Outcome{"xa", "bc"}));
  EXPECT_EQ(run({"b", "ab"}, {"xab"}), (Outcome{"x", "ab"}));
  EXPECT_EQ(run({"ab", "abc"}, {"xabc"}), (Outcome{"x", "ab"}));
}

TEST(StopMatcher, OverlapsWithItselfAreFound) {
  EXPECT_EQ(run({"aab"}, {"aaab"}), (Outcome{"a", "aab"}));
  EXPECT_EQ(run({"abab!"}, {"ababab!"}), (Outcome{"ab", "abab!"}));
  EXPECT_EQ(run({"abcabd", "cabe"}, {"abcabe"}), (Outcome{"ab", "cabe"}));
}

TEST(StopMatcher, CharactersAreShownWhole) {
  StopMatcher matcher({"é!", "\U0001F642"});  // é is C3 A9, è is C3 A8
  EXPECT_EQ(matcher.push("è"), "è");
  EXPECT_EQ(matcher.push("é"), "");
  EXPECT_EQ(matcher.push("\U0001F641"), "é\U0001F641");
  EXPECT_EQ(matcher.push("ä\U0001F642"), "ä");
  EXPECT_TRUE(matcher.stopped());
}

/// The definition, tried at every end.
Outcome reference(const std::vector<std::string>& stops, const std::string& text) {
  for (size_t end = 1; end <= text.size(); ++end) {
    std::string longest;
    for (const std::string& stop : stops) {
      if (text.substr(0, end).ends_with(stop) && stop.size() > longest.size()) longest = stop;
    }
    if (!longest.empty()) return {text.substr(0, end - longest.size()), longest};
  }
  return {text, ""};
}

TEST(StopMatcher, AgreesWithItsDefinitionHoweverTheTextIsCut) {
  const Rng rng(7, 1);
  uint64_t draw = 0;
  const auto below = [&](uint64_t n) { return rng.below(draw++, n); };
  const auto word = [&](uint64_t max) {
    std::string w;
    for (uint64_t n = 1 + below(max); n > 0; --n) w += static_cast<char>('a' + below(2));
    return w;
  };
  int64_t n_stopped = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<std::string> stops, pieces;
    for (uint64_t n = 1 + below(3); n > 0; --n) stops.push_back(word(7));
    std::string text;
    for (uint64_t n = below(8); n > 0; --n) pieces.push_back(word(4)), text += pieces.back();
    const Outcome wanted = reference(stops, text);
    EXPECT_EQ(run(stops, pieces), wanted) << text;
    n_stopped += !wanted.stop.empty();
  }
  EXPECT_GT(n_stopped, 200);
  EXPECT_LT(n_stopped, 1800);
}

}  // namespace
}  // namespace fathom
