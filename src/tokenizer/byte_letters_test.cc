#include "tokenizer/byte_letters.h"

#include <gtest/gtest.h>

#include <set>

#include "tokenizer/byte_map.h"

namespace fathom {
namespace {

TEST(ByteLetters, KnownLettersStandForTheirBytes) {
  EXPECT_EQ(bytes_to_letters(" \n~!"), "ĠĊ~!");
  EXPECT_EQ(bytes_to_letters("é"), "Ã©");
  EXPECT_EQ(byte_letters()[0xAD], 0x143);  // the last of those that are not themselves
  EXPECT_EQ(byte_letters()[0xAE], 0xAE);
}

TEST(ByteLetters, EveryByteHasALetterOfItsOwnAndComesBack) {
  std::string all;
  for (int b = 0; b < 256; ++b) all.push_back(static_cast<char>(b));
  EXPECT_EQ(letters_to_bytes(bytes_to_letters(all)), all);
  EXPECT_EQ(std::set<uint16_t>(byte_letters().begin(), byte_letters().end()).size(), 256U);
}

TEST(ByteLetters, OtherCharactersAreNoLetters) {
  EXPECT_FALSE(letters_to_bytes("a b").has_value());
  EXPECT_FALSE(letters_to_bytes("｜").has_value());
  EXPECT_FALSE(letters_to_bytes("\xC4").has_value());
}

TEST(ByteMap, FindsWhatWasInsertedAndNothingElse) {
  ByteMap map;
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(map.insert("key" + std::to_string(i), i));
  EXPECT_FALSE(map.insert("key7", 9));
  EXPECT_TRUE(map.insert("", 6000));
  EXPECT_TRUE(map.insert(std::string("\0", 1), 6001));
  EXPECT_EQ(map.size(), 5002U);
  for (int i = 0; i < 5000; ++i) EXPECT_EQ(map.find("key" + std::to_string(i)), i);
  EXPECT_EQ(map.find(""), 6000);
  EXPECT_EQ(map.find(std::string("\0", 1)), 6001);
  EXPECT_EQ(map.find(std::string("\0\0", 2)), -1);
  EXPECT_EQ(map.find("key5000"), -1);
}

}  // namespace
}  // namespace fathom
