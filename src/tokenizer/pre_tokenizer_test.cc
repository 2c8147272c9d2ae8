#include "tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tokenizer/pre_tokenizer_json.h"

namespace fathom {
namespace {

using Json = nlohmann::json;

const Json kMapOnly = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};

std::vector<std::string> split(const Json& json, std::string_view text) {
  const Result<PreTokenizer> pre_tokenizer = read_pre_tokenizer(json, "test");
  EXPECT_TRUE(pre_tokenizer.ok()) << pre_tokenizer.message();
  std::vector<std::string> pieces;
  PreTokenizerScratch scratch;
  if (pre_tokenizer.ok()) {
    pre_tokenizer.value().split(text, scratch,
                                [&](std::string_view piece) { pieces.emplace_back(piece); });
  }
  return pieces;
}

Json sequence(const std::vector<Json>& members) {
  return {{"type", "Sequence"}, {"pretokenizers", members}};
}

Json split_json(const Json& pattern, const char* behavior, bool invert = false) {
  return {{"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", invert}};
}

using Pieces = std::vector<std::string>;

TEST(PreTokenizer, EachBehaviourAsHuggingFaceDocumentsIt) {
  const std::pair<const char*, Pieces> table[] = {
      {"Removed", {"the", "final", "countdown"}},
      {"Isolated", {"the", "-", "final", "-", "-", "countdown"}},
      {"MergedWithPrevious", {"the-", "final-", "-", "countdown"}},
      {"MergedWithNext", {"the", "-final", "-", "-countdown"}},
      {"Contiguous", {"the", "-", "final", "--", "countdown"}},
  };
  for (const auto& [behavior, pieces] : table) {
    for (const Json& pattern : {Json{{"String", "-"}}, Json{{"Regex", "-"}}}) {
      EXPECT_EQ(split(sequence({split_json(pattern, behavior), kMapOnly}), "the-final--countdown"),
                pieces)
          << behavior;
    }
  }
}

TEST(PreTokenizer, InvertTakesTheRestForTheMatch) {
  EXPECT_EQ(
      split(sequence({split_json({{"Regex", "[a-z]+"}}, "Removed", true), kMapOnly}), "ab1cd--e"),
      (Pieces{"ab", "cd", "e"}));
}

TEST(PreTokenizer, AStringPatternIsNoRegex) {
  EXPECT_EQ(split(sequence({split_json({{"String", "."}}, "Isolated"), kMapOnly}), "a.b"),
            (Pieces{"a", ".", "b"}));
}

TEST(PreTokenizer, MembersRunOneAfterAnotherOnThePieces) {
  const Json both = sequence({split_json({{"Regex", "\\p{N}{1,3}"}}, "Isolated"),
                              split_json({{"Regex", "\\s+$"}}, "Isolated"), kMapOnly});
  EXPECT_EQ(split(both, "a  1234 b "), (Pieces{"a", "  ", "123", "4", " b", " "}));
  EXPECT_EQ(split(sequence({sequence({both})}), "a 1"), (Pieces{"a", " ", "1"}));
}

TEST(PreTokenizer, DigitsAreAllOfCategoryN) {
  const auto digits = [](bool individual) {
    return sequence({{{"type", "Digits"}, {"individual_digits", individual}}, kMapOnly});
  };
  EXPECT_EQ(split(digits(true), "a12½²Ⅷb"), (Pieces{"a", "1", "2", "½", "²", "Ⅷ", "b"}));
  EXPECT_EQ(split(digits(false), "a12½²Ⅷb"), (Pieces{"a", "12½²Ⅷ", "b"}));
}

TEST(PreTokenizer, PunctuationIsAsciiMarksAndCategoryP) {
  const Json json = sequence({{{"type", "Punctuation"}, {"behavior", "Contiguous"}}, kMapOnly});
  EXPECT_EQ(split(json, "a$+b。、c€"), (Pieces{"a", "$+", "b", "。、", "c€"}));
}

TEST(PreTokenizer, ByteLevelSplitsByItsRegexWhereTheKeyIsAbsent) {
  EXPECT_EQ(split({{"type", "ByteLevel"}, {"add_prefix_space", false}}, "it's  12 ok!"),
            (Pieces{"it", "'s", " ", " 12", " ok", "!"}));
  EXPECT_EQ(split({{"type", "ByteLevel"}}, "a b"), (Pieces{" a", " b"}));
  EXPECT_EQ(split({{"type", "ByteLevel"}}, " a"), (Pieces{" a"}));
}

TEST(PreTokenizer, ThePrefixSpaceIsForEachPieceBeforeByteLevel) {
  const Json json = sequence(
      {split_json({{"Regex", "x"}}, "Removed"), {{"type", "ByteLevel"}, {"use_regex", false}}});
  EXPECT_EQ(split(json, "ax bxc"), (Pieces{" a", " b", " c"}));
}

/// Byte letters of "²" are U+00C2 and U+00B2, the second of which is a digit itself.
TEST(PreTokenizer, MembersAfterByteLevelSeeLetters) {
  const Json json = sequence({kMapOnly, {{"type", "Digits"}, {"individual_digits", true}}});
  EXPECT_EQ(split(json, "a²1 "), (Pieces{"a\xC2", "\xB2", "1", " "}));
  EXPECT_EQ(split(sequence({kMapOnly, split_json({{"Regex", "Ġ"}}, "MergedWithNext")}), "a b"),
            (Pieces{"a", " b"}));
}

TEST(PreTokenizer, EmptyMatchesCutAndMakeNoPiece) {
  EXPECT_EQ(split(sequence({split_json({{"Regex", "(?=b)"}}, "Isolated"), kMapOnly}), "abab"),
            (Pieces{"a", "ba", "b"}));
  EXPECT_EQ(split(sequence({split_json({{"Regex", "x*"}}, "Isolated"), kMapOnly}), "éx"),
            (Pieces{"é", "x"}));
}

TEST(PreTokenizer, UnknownMembersAreRefusedByName) {
  const auto message = [](const Json& json) { return read_pre_tokenizer(json, "here").message(); };
  EXPECT_NE(message(sequence({{{"type", "Metaspace"}}, kMapOnly})).find("\"Metaspace\""),
            std::string::npos);
  EXPECT_NE(message(sequence({kMapOnly, kMapOnly})).find("ByteLevel"), std::string::npos);
  EXPECT_NE(message(sequence({})).find("ByteLevel"), std::string::npos);
  EXPECT_NE(message(nullptr).find("ByteLevel"), std::string::npos);
  EXPECT_NE(
      message(sequence({split_json({{"Regex", "a"}}, "Sideways"), kMapOnly})).find("Sideways"),
      std::string::npos);
  EXPECT_NE(message(sequence({split_json({{"Regex", "("}}, "Isolated"), kMapOnly}))
                .find("pretokenizers[0].pattern"),
            std::string::npos);
  EXPECT_NE(message(sequence({split_json({{"Regex", 3}}, "Isolated"), kMapOnly})).find("string"),
            std::string::npos);
  Json deep = kMapOnly;
  for (int i = 0; i < 1000; ++i) deep = sequence({deep});
  EXPECT_NE(message(deep).find("nested"), std::string::npos);
}

/// Each of these once took, or would take a careless matcher, the square of the length.
TEST(PreTokenizer, LongRunsTakeLinearTime) {
  const Json json =
      sequence({split_json({{"Regex", "\\s?\\p{L}+"}}, "Isolated"),
                split_json({{"Regex", "\\s+$"}}, "Isolated"),
                split_json({{"Regex", "\\s*[\r\n]+|\\s+(?!\\S)|\\s+"}}, "Isolated"), kMapOnly});
  for (const char* unit : {" ", "a", "\n", ".", "é"}) {
    std::string text;
    for (int i = 0; i < 1 << 20; ++i) text += unit;
    size_t n_bytes = 0;
    for (const std::string& piece : split(json, text + "1")) n_bytes += piece.size();
    EXPECT_EQ(n_bytes, text.size() + 1);
  }
}

}  // namespace
}  // namespace fathom
