#include "tokenizer/added_tokens.h"

#include <gtest/gtest.h>

namespace fathom {
namespace {

AddedToken token(int32_t id, const std::string& content) {
  AddedToken t;
  t.id = id;
  t.content = content;
  return t;
}

/// Parts with '|' between; a token as <id:text>.
std::string split(const std::vector<AddedToken>& tokens, std::string_view text) {
  AddedTokenMatcher matcher;
  for (const AddedToken& t : tokens) matcher.add(t);
  std::string out;
  matcher.split(text, [&](int32_t id, std::string_view part) {
    if (!out.empty()) out += '|';
    out += id < 0 ? std::string(part) : "<" + std::to_string(id) + ":" + std::string(part) + ">";
  });
  return out;
}

TEST(AddedTokens, TheLeftmostAndThenTheLongestIsTaken) {
  const std::vector<AddedToken> tokens = {token(1, "ab"), token(2, "abcd"), token(3, "bcdef"),
                                          token(4, "<think>")};
  EXPECT_EQ(split(tokens, "xabcdefy"), "x|<2:abcd>|efy");
  EXPECT_EQ(split(tokens, "abcababx"), "<1:ab>|c|<1:ab>|<1:ab>|x");
  EXPECT_EQ(split(tokens, "<thin<think>"), "<thin|<4:<think>>");
  EXPECT_EQ(split(tokens, ""), "");
}

TEST(AddedTokens, StripsTakeSpacesAlongButNotThoseOfTheTokenBefore) {
  AddedToken left = token(1, "L"), right = token(2, "R"), both = token(3, "B");
  left.lstrip = right.rstrip = both.lstrip = both.rstrip = true;
  EXPECT_EQ(split({left, right, both}, "a \u3000L b"), "a|<1: \u3000L>| b");
  EXPECT_EQ(split({left, right, both}, "a R\n b"), "a |<2:R\n >|b");
  EXPECT_EQ(split({left, right, both}, "a B B "), "a|<3: B >|<3:B >");
}

TEST(AddedTokens, ASingleWordTouchesNoWordCharacter) {
  AddedToken word = token(1, "cat");
  word.single_word = true;
  EXPECT_EQ(split({word}, "cat cats acat cat_ (cat) cat\u0301 cat"),
            "<1:cat>| cats acat cat_ (|<1:cat>|) cat\u0301 |<1:cat>");
  EXPECT_EQ(split({word}, "\u00E9cat \u00BDcat"), "\u00E9cat \u00BD|<1:cat>");
}

}  // namespace
}  // namespace fathom
