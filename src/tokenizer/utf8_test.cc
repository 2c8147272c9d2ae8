#include "tokenizer/utf8.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace fathom {
namespace {

std::string replaced(std::string_view bytes, size_t& n_cut) {
  std::string out;
  n_cut = append_valid_utf8(out, bytes);
  return out;
}

TEST(Utf8, MaximalSubpartsBecomeOneReplacementEach) {  // Unicode 15, tables 3-8 to 3-11
  size_t n_cut;
  EXPECT_EQ(replaced("a\xF1\x80\x80\xE1\x80\xC2"
                     "b\x80"
                     "c\x80\xBF"
                     "d",
                     n_cut),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  EXPECT_EQ(replaced("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
                     "A",
                     n_cut),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  EXPECT_EQ(replaced("\xED\xA0\x80\xED\xBF\xBF\xED\xAF"
                     "A",
                     n_cut),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  EXPECT_EQ(replaced("\xF4\x91\x92\x93\xFF"
                     "A\x80\xBF"
                     "B",
                     n_cut),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA\uFFFD\uFFFDB");
}

TEST(Utf8, WhatIsCutShortIsHeldBack) {
  size_t n_cut;
  EXPECT_EQ(replaced("x\xF0\x9F\x8E", n_cut), "x");
  EXPECT_EQ(n_cut, 3U);
  EXPECT_EQ(replaced("x\xE2", n_cut), "x");
  EXPECT_EQ(n_cut, 1U);
  EXPECT_EQ(replaced("x\xC0", n_cut), "x\uFFFD");
  EXPECT_EQ(n_cut, 0U);
}

TEST(Utf8, EveryCodePointComesBack) {
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    const Utf8Char read = first_utf8_char(text);
    ASSERT_EQ(read.kind, Utf8Kind::kValid) << c;
    ASSERT_EQ(read.code_point, c);
    ASSERT_EQ(read.n_bytes, text.size());
  }
}

TEST(Utf8, TheValidPrefixEndsAtTheFirstFault) {
  const std::string valid = "plain ascii of some length, then ü, 字, 🎉 and more ascii";
  EXPECT_EQ(valid_utf8_prefix(valid), valid.size());
  const Rng rng(1, 0);
  for (uint64_t i = 0; i < 200; ++i) {
    const size_t at = rng.below(i, valid.size() + 1);
    EXPECT_LE(valid_utf8_prefix(valid.substr(0, at) + "\xFF" + valid), at);
    EXPECT_GE(valid_utf8_prefix(valid.substr(0, at) + "\xFF" + valid) + 3, at);
  }
}

}  // namespace
}  // namespace fathom
