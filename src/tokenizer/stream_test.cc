#include "base/rng.h"
#include "tokenizer/test_support.h"
#include "tokenizer/utf8.h"

namespace fathom {
namespace {

/// Id b is byte b; 300 is a special token.
std::shared_ptr<const Tokenizer> bytes_tokenizer() {
  nlohmann::json json = tiny_tokenizer({});
  json["added_tokens"] = {added_token(300, "<s>", {{"special", true}})};
  return parse_or_fail(json);
}

std::string push_bytes(StreamDecoder& stream, std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += stream.push(static_cast<uint8_t>(c));
  return text;
}

std::string push_ids(StreamDecoder& stream, const std::vector<int32_t>& ids) {
  std::string text;
  for (const int32_t id : ids) text += stream.push(id);
  return text;
}

TEST(StreamDecoder, HoldsACharacterBackUntilItIsWhole) {
  const auto tokenizer = bytes_tokenizer();
  StreamDecoder stream(*tokenizer);
  EXPECT_EQ(push_bytes(stream, "a\xF0\x9F\x8E"), "a");
  EXPECT_EQ(push_bytes(stream, "\x89"), "\U0001F389");
  EXPECT_EQ(stream.finish(), "");
}

TEST(StreamDecoder, WhatCanBecomeNoCharacterIsReplacedAtOnce) {
  const auto tokenizer = bytes_tokenizer();
  StreamDecoder stream(*tokenizer);
  EXPECT_EQ(push_bytes(stream, "\xFF"), "\uFFFD");
  EXPECT_EQ(push_bytes(stream, "\xE2\x82"), "");
  EXPECT_EQ(push_bytes(stream, "x"), "\uFFFDx");
  EXPECT_EQ(push_bytes(stream, "\xE2\x82"), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
}

TEST(StreamDecoder, SpecialTokensAreSkippedOrShown) {
  const auto tokenizer = bytes_tokenizer();
  StreamDecoder hides(*tokenizer), shows(*tokenizer, /*skip_special=*/false);
  EXPECT_EQ(push_ids(hides, {0xC3, 300, 0xBC}), "ü");
  EXPECT_EQ(push_ids(shows, {0xC3, 300}), "\uFFFD<s>");
}

TEST(StreamDecoder, AnyBytesGiveWhatOneDecodeOfTheWholeGives) {
  const auto tokenizer = bytes_tokenizer();
  const Rng rng(3, 0);
  for (uint64_t i = 0; i < 2000; ++i) {
    std::string bytes;
    for (uint64_t k = 0; k < 12; ++k) {
      const char some[] = {'a',    '\x80', '\xBF', '\xC3', '\xE2',
                           '\xED', '\xF0', '\xF4', '\x9F', '\xFF'};
      bytes += some[rng.below(16 * i + k, sizeof some)];
    }
    std::string whole;
    if (append_valid_utf8(whole, bytes) > 0) whole += kReplacementCharacter;
    StreamDecoder stream(*tokenizer);
    std::string text = push_bytes(stream, bytes);
    ASSERT_EQ(text + stream.finish(), whole);
  }
}

}  // namespace
}  // namespace fathom
