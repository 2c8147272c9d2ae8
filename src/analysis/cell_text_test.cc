#include "analysis/cell_text.h"

#include <gtest/gtest.h>

namespace fathom {
namespace {

TEST(CellText, WidthsAreThoseOfATerminal) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("größe"), 5u);
  EXPECT_EQ(display_width("東京"), 4u);
  EXPECT_EQ(display_width("e\xCC\x81"), 1u);  // e and a combining accent
}

TEST(CellText, NothingOfACellSteersATerminal) {
  EXPECT_EQ(cell_text("a\x1b[31mred\x07"), "a [31mred");
  EXPECT_EQ(cell_text("\xC2\x9B"), "");  // an 8-bit control code
  EXPECT_EQ(cell_text("a\xE2\x80\xAE"
                      "b"),
            "a b");                                       // turns the direction of writing
  EXPECT_EQ(cell_text("  two\n\tlines  "), "two lines");  // and stays on one line
  EXPECT_EQ(cell_text("a\xFFz"), "a\xEF\xBF\xBDz");
}

TEST(CellText, LongTextIsCutAtItsWidth) {
  EXPECT_EQ(cell_text("abcdef", 6), "abcdef");
  EXPECT_EQ(cell_text("abcdefg", 6), "abcde…");
  EXPECT_EQ(cell_text("東京都庁", 6), "東京…");
  EXPECT_LE(display_width(cell_text("東京都庁", 5)), 5u);
  EXPECT_EQ(cell_text("東京", 1), "…");
}

TEST(CellText, PaddingCountsColumns) {
  EXPECT_EQ(padded("東", 4), "東  ");
  EXPECT_EQ(padded("7", 3, true), "  7");
  EXPECT_EQ(padded("long", 2), "long");
}

TEST(CellText, ABlockKeepsItsLinesAndNothingElse) {
  EXPECT_EQ(block_text("SELECT\n\t1\x1b]0;x\x07\r\n"), "SELECT\n\t1]0;x\n");
}

}  // namespace
}  // namespace fathom
