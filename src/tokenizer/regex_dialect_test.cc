#include "tokenizer/regex_dialect.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "tokenizer/regex.h"

namespace fathom {
namespace {

/// Every match, with '|' between them.
std::string matches(std::string_view pattern, std::string_view text) {
  const Result<Regex> regex = Regex::compile(pattern, "test");
  EXPECT_TRUE(regex.ok()) << regex.message();
  if (!regex.ok()) return "";
  RegexScratch scratch;
  std::string out;
  for (size_t from = 0; from < text.size();) {
    const auto m = regex.value().find(text, from, scratch);
    if (!m || m->end == m->begin) break;
    if (!out.empty()) out += '|';
    out += text.substr(m->begin, m->end - m->begin);
    from = m->end;
  }
  return out;
}

TEST(RegexDialect, SpacesAreWhiteSpace) {
  const std::string spaces =
      "\t\n\v\f\r \u0085\u00A0\u1680\u2000\u200A\u2028\u2029\u202F\u205F\u3000";
  EXPECT_EQ(matches("\\s+", "a" + spaces + "b"), spaces);
  EXPECT_EQ(matches("[\\s]+", "a" + spaces + "b"), spaces);
  EXPECT_EQ(matches("\\S+", "a" + spaces + "b"), "a|b");
  EXPECT_EQ(matches("[^\\S]+", "a" + spaces + "b"), spaces);
  // White space to PCRE2 or to some eyes, not in Unicode: Mongolian vowel separator, zero width
  // space, byte order mark.
  EXPECT_EQ(matches("\\s+",
                    "a\u180E\u200B\uFEFF\x1C"
                    "b"),
            "");
}

TEST(RegexDialect, WordCharactersAreAlphabeticMarkDigitConnector) {
  EXPECT_EQ(matches("\\w+", "e\u0301t\u00E9_9 \u00BD \u2160\u203F"),
            "e\u0301t\u00E9_9|\u2160\u203F");
  EXPECT_EQ(matches("\\bfoo\\b", "foo foo\u0301 xfoo foo"), "foo|foo");
}

TEST(RegexDialect, LettersThatMeanAnotherThingInPcre2) {
  EXPECT_EQ(matches("\\h+", "xyz 12fF"), "12fF");
  EXPECT_EQ(matches("a\\v", "a\n a\v"), "a\v");
  EXPECT_EQ(matches("a{,2}b", "aaab"), "aab");
  EXPECT_EQ(matches("a{x", "a{x"), "a{x");
  EXPECT_EQ(matches("\\u00e9", "\u00E9"), "\u00E9");
  EXPECT_EQ(matches("\\d+", "12\u0663\u00BD"), "12\u0663");
}

TEST(RegexDialect, PropertiesAreCategoriesAndScriptsWithoutExtensions) {
  EXPECT_EQ(matches("\\p{Letter}+", "a\u00E91"), "a\u00E9");
  EXPECT_EQ(matches("\\p{^L}+", "a12b"), "12");
  EXPECT_EQ(matches("\\p{Han}+", "字\u3001字"),
            "字|字");  // U+3001 has Han among its script extensions
  EXPECT_EQ(matches("\\p{Alphabetic}+", "a\u2160 "), "a\u2160");
}

TEST(RegexDialect, CaseIsIgnoredWhereTheGroupSaysSo) {
  EXPECT_EQ(matches("(?i:'s|'re)|x", "'S 'rE x X"), "'S|'rE|x");
  EXPECT_EQ(matches("(?i)x", "xX"), "x|X");
}

TEST(RegexDialect, DollarStandsBeforeEveryLineEnd) { EXPECT_EQ(matches("a$", "a\na b\na"), "a|a"); }

TEST(RegexDialect, WhatHasNoFaithfulRewritingIsRefusedByName) {
  for (const char* pattern :
       {"[a[bc]]", "[a-z&&[^x]]", "[[:alpha:]]", "(?m:.)", "(?<name>a)",    "(?~a)", "a{2}+",
        "a{2}?",   "\\Gx",        "\\X",         "\\K",    "\\p{Nonsense}", "\\pL",  "b(?i)a|c",
        "\\xff",   "(*FAIL)",     "\\",          "[a",     "\\Q",           "[]a]"}) {
    const Result<Regex> regex = Regex::compile(pattern, "here");
    ASSERT_FALSE(regex.ok()) << pattern;
    EXPECT_TRUE(regex.message().starts_with("here: ")) << regex.message();
  }
}

TEST(RegexDialect, WhatDoesNotCompileIsRefused) {
  for (const char* pattern : {"(", "a)", "*", "(?<=a+)b"}) {
    EXPECT_FALSE(Regex::compile(pattern, "here").ok()) << pattern;
  }
}

/// The rewriting of \s+$ says where a match may begin; on random text it must find what the plain
/// pattern finds.
TEST(RegexDialect, TrailingSpacesAreFoundAsByThePlainPattern) {
  const Result<Regex> plain = Regex::compile("(?:\\s+$)", "test"),
                      quick = Regex::compile("\\s+$", "test");
  RegexScratch scratch;
  const Rng rng(7, 0);
  for (uint64_t i = 0; i < 3000; ++i) {
    std::string text;
    for (uint64_t k = 0; k < 12; ++k) text += " \n\ta"[rng.below(16 * i + k, 4)];
    for (size_t from = 0; from < text.size();) {
      const auto a = plain.value().find(text, from, scratch),
                 b = quick.value().find(text, from, scratch);
      ASSERT_EQ(a.has_value(), b.has_value()) << text;
      if (!a) break;
      ASSERT_EQ(a->begin, b->begin) << text;
      ASSERT_EQ(a->end, b->end) << text;
      from = a->end;
    }
  }
}

}  // namespace
}  // namespace fathom
