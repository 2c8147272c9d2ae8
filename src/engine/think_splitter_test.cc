#include "engine/think_splitter.h"

#include <gtest/gtest.h>

namespace fathom {
namespace {

using Pieces = std::vector<TextPiece>;

// All pieces of `text`, cut into parts of n bytes; neighbours of one kind joined.
Pieces split(std::string_view text, size_t n, bool inside) {
  ThinkSplitter splitter(inside);
  Pieces joined;
  const auto take = [&](const Pieces& pieces) {
    for (const TextPiece& p : pieces) {
      if (!joined.empty() && joined.back().kind == p.kind) {
        joined.back().text += p.text;
      } else {
        joined.push_back(p);
      }
    }
  };
  for (size_t i = 0; i < text.size(); i += n) take(splitter.push(text.substr(i, n)));
  take(splitter.finish());
  return joined;
}

TEST(ThinkSplitter, FindsTagsHoweverTheTextIsCut) {
  const Pieces wanted = {{TextKind::kAnswer, "a < b "},
                         {TextKind::kTag, "<think>"},
                         {TextKind::kThought, "so <thi"},
                         {TextKind::kTag, "</think>"},
                         {TextKind::kAnswer, " 4"}};
  for (size_t n = 1; n < 40; ++n) {
    EXPECT_EQ(split("a < b <think>so <thi</think> 4", n, false), wanted) << n;
  }
}

TEST(ThinkSplitter, BeginsInsideWhereThePromptOpenedTheThought) {
  const Pieces wanted = {
      {TextKind::kThought, "hm"}, {TextKind::kTag, "</think>"}, {TextKind::kAnswer, "yes"}};
  EXPECT_EQ(split("hm</think>yes", 3, true), wanted);
}

TEST(ThinkSplitter, TextThatOnlyBeginsATagIsGivenAtTheEnd) {
  EXPECT_EQ(split("x <thin", 2, false), (Pieces{{TextKind::kAnswer, "x <thin"}}));
  ThinkSplitter splitter(false);
  EXPECT_EQ(splitter.push("x <t"), (Pieces{{TextKind::kAnswer, "x "}}));
  EXPECT_EQ(splitter.push("able"), (Pieces{{TextKind::kAnswer, "<table"}}));
}

TEST(ThinkSplitter, APromptOpensAThoughtOnlyAtItsEnd) {
  EXPECT_TRUE(opens_thought("<｜Assistant｜><think>\n"));
  EXPECT_TRUE(opens_thought("<think>"));
  EXPECT_FALSE(opens_thought("<think>\n\n</think>\n\n"));
  EXPECT_FALSE(opens_thought("<｜Assistant｜>"));
  EXPECT_FALSE(opens_thought(""));
}

}  // namespace
}  // namespace fathom
