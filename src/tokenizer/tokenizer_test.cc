#include "tokenizer/tokenizer.h"

#include <filesystem>
#include <fstream>

#include "base/rng.h"
#include "base/threads.h"
#include "tokenizer/test_support.h"
#include "tokenizer/tokenizer_json.h"

namespace fathom {
namespace {

using Json = nlohmann::json;
using Pieces = std::vector<std::string>;

std::string random_bytes(uint64_t seed, size_t n) {
  const Rng rng(seed, 0);
  std::string bytes;
  for (size_t i = 0; i < n; ++i) {  // text, cut characters and bytes that UTF-8 never has
    const uint64_t kind = rng.below(2 * i, 4);
    if (kind < 2) bytes += static_cast<char>('a' + rng.below(2 * i + 1, 3));
    if (kind == 2)
      bytes += std::string_view("\xF0\x9F\x8E\x89 ü\n").substr(rng.below(2 * i + 1, 7));
    if (kind == 3) bytes += static_cast<char>(rng.below(2 * i + 1, 256));
  }
  return bytes;
}

TEST(Tokenizer, AnyBytesComeBack) {
  Json json = tiny_tokenizer(
      {{"a", "b"}, {"ab", "a"}, {"\xF0", "\x9F"}, {"\x8E", "\x89"}, {"\xF0\x9F", "\x8E\x89"}});
  json["pre_tokenizer"]["use_regex"] = true;
  json["added_tokens"] = {added_token(300, "bc"), added_token(301, "üa")};
  const auto tokenizer = parse_or_fail(json);
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const std::string bytes = random_bytes(seed, 1 + seed);
    ASSERT_EQ(tokenizer->decode(tokenizer->encode(bytes)), bytes) << seed;
  }
}

TEST(Tokenizer, InvalidBytesArePiecesByThemselves) {
  const auto tokenizer =
      parse_or_fail(tiny_tokenizer({{"a", "\xFF"}, {"\xFF", "\xFE"}, {"\xFE", "b"}}));
  EXPECT_EQ(pieces(*tokenizer,
                   "a\xFF\xFE"
                   "b"),
            (Pieces{"a", "\xFF\xFE", "b"}));
}

TEST(Tokenizer, BothFormsOfMergesAreRead) {
  Json json = tiny_tokenizer({{" ", "a"}, {" a", "b"}});
  const auto strings = parse_or_fail(json);
  json["model"]["merges"] = Json::array({Json::array({"Ġ", "a"}), Json::array({"Ġa", "b"})});
  const auto pairs = parse_or_fail(json);
  EXPECT_EQ(strings->encode(" ab"), (std::vector<int32_t>{257}));
  EXPECT_EQ(pairs->encode(" ab"), (std::vector<int32_t>{257}));
}

TEST(Tokenizer, AddedTokensComeFirstUnlessTextIsToStayText) {
  Json json = tiny_tokenizer({});
  json["added_tokens"] = {added_token(300, "<think>"),
                          added_token(301, "<s>", {{"special", true}})};
  const auto tokenizer = parse_or_fail(json);
  EXPECT_EQ(tokenizer->encode("<s>a<think>"), (std::vector<int32_t>{301, 'a', 300}));
  EncodeOptions plain;
  plain.parse_added_tokens = false;
  EXPECT_EQ(tokenizer->encode("<s>", plain), (std::vector<int32_t>{'<', 's', '>'}));
  EXPECT_TRUE(tokenizer->is_special(301));
  EXPECT_FALSE(tokenizer->is_special(300));
  EXPECT_FALSE(tokenizer->is_special(-1));
  EXPECT_EQ(tokenizer->decode(std::vector<int32_t>{301, 'a', 300}, true), "a<think>");
  EXPECT_EQ(tokenizer->vocab_size(), 302);
  EXPECT_EQ(tokenizer->token_bytes(280), "");
  EXPECT_EQ(tokenizer->token_bytes(-5), "");
}

TEST(Tokenizer, NormalizedTokensAreSearchedAfterTheOthersInNormalizedText) {
  Json json = tiny_tokenizer({});
  json["normalizer"] = {{"type", "NFC"}};
  json["added_tokens"] = {added_token(300, "caf\u00E9", {{"normalized", true}}),
                          added_token(301, "re\u0301"),
                          added_token(302, "xy", {{"normalized", true}}), added_token(303, "yz")};
  const auto tokenizer = parse_or_fail(json);
  EXPECT_EQ(tokenizer->encode("cafe\u0301"), (std::vector<int32_t>{300}));
  EXPECT_EQ(tokenizer->encode("re\u0301"), (std::vector<int32_t>{301}));
  EXPECT_EQ(tokenizer->encode("r\u00E9").size(), 3U);
  EXPECT_EQ(tokenizer->encode("xyz"), (std::vector<int32_t>{'x', 303}));
}

TEST(Tokenizer, AnAddedTokenIsItsOwnTextAlsoWhereItLooksLikeAByte) {
  Json json = tiny_tokenizer({});
  json["model"]["vocab"].erase("ü");  // the letter of byte 0xFC, which UTF-8 never has
  json["added_tokens"] = {added_token(0xFC, "ü")};
  const auto tokenizer = parse_or_fail(json);
  EXPECT_EQ(tokenizer->encode("ü"), (std::vector<int32_t>{0xFC}));
  EXPECT_EQ(tokenizer->token_bytes(0xFC), "ü");
}

TEST(Tokenizer, TokensAreFoundByTheirNames) {
  Json json = tiny_tokenizer({{" ", "a"}});
  json["model"]["vocab"]["<｜pad｜>"] = 400;
  json["added_tokens"] = {added_token(300, "<think>")};
  const auto tokenizer = parse_or_fail(json);
  EXPECT_EQ(tokenizer->token_id("Ġa"), 256);
  EXPECT_EQ(tokenizer->token_id("<think>"), 300);
  EXPECT_EQ(tokenizer->token_id("<｜pad｜>"), 400);
  EXPECT_EQ(tokenizer->token_bytes(400), "<｜pad｜>");
  EXPECT_EQ(tokenizer->token_id("nothing"), -1);
  EXPECT_EQ(tokenizer->token_id(""), -1);
}

TEST(Tokenizer, BosAndEosComeFromTheConfig) {
  Json json = tiny_tokenizer({});
  json["added_tokens"] = {added_token(300, "<s>", {{"special", true}}),
                          added_token(301, "</s>", {{"special", true}})};
  const auto tokenizer = parse_or_fail(
      json, {{"bos_token", "<s>"}, {"eos_token", {{"content", "</s>"}}}, {"add_bos_token", true}});
  EXPECT_EQ(tokenizer->bos_id(), 300);
  EXPECT_EQ(tokenizer->eos_id(), 301);
  EXPECT_TRUE(tokenizer->add_bos_token());
  EncodeOptions options;
  options.add_bos = true;
  EXPECT_EQ(tokenizer->encode("a", options), (std::vector<int32_t>{300, 'a'}));
  const auto without = parse_or_fail(json);
  EXPECT_EQ(without->bos_id(), -1);
  EXPECT_EQ(without->encode("a", options), (std::vector<int32_t>{'a'}));
}

TEST(Tokenizer, ATemplateOfThePostProcessorAddsBosWhereTheConfigIsSilent) {
  Json json = tiny_tokenizer({});
  json["added_tokens"] = {added_token(300, "<s>", {{"special", true}})};
  const Json single = {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
                       {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}};
  json["post_processor"] = {
      {"type", "Sequence"},
      {"processors",
       {{{"type", "ByteLevel"}}, {{"type", "TemplateProcessing"}, {"single", single}}}}};
  const auto tokenizer = parse_or_fail(json);
  EXPECT_EQ(tokenizer->bos_id(), 300);
  EXPECT_TRUE(tokenizer->add_bos_token());
  EXPECT_FALSE(parse_or_fail(json, {{"add_bos_token", false}})->add_bos_token());
}

TEST(Tokenizer, TheChatTemplateIsTheConfigsOrTheFileBesideIt) {
  namespace fs = std::filesystem;
  const fs::path directory = fs::path(testing::TempDir()) / "fathom_tokenizer_test";
  fs::create_directories(directory);
  std::ofstream(directory / "tokenizer.json") << tiny_tokenizer({}).dump();
  EXPECT_EQ(Tokenizer::open(directory).value()->chat_template(), "");
  const Json named = {{{"name", "tool_use"}, {"template", "T"}},
                      {{"name", "default"}, {"template", "D"}}};
  std::ofstream(directory / "tokenizer_config.json") << Json{{"chat_template", named}}.dump();
  EXPECT_EQ(Tokenizer::open(directory).value()->chat_template(), "D");
  std::ofstream(directory / "tokenizer_config.json") << Json{{"chat_template", "C"}}.dump();
  EXPECT_EQ(Tokenizer::open(directory).value()->chat_template(), "C");
  std::ofstream(directory / "chat_template.jinja") << "J";
  EXPECT_EQ(Tokenizer::open(directory).value()->chat_template(), "J");
  fs::remove_all(directory);
  EXPECT_NE(Tokenizer::open(directory).message().find("tokenizer.json"), std::string::npos);
}

TEST(Tokenizer, ThreadsAgree) {
  Json json = tiny_tokenizer({{"a", "b"}, {"ab", "a"}});
  json["pre_tokenizer"]["use_regex"] = true;
  const auto tokenizer = parse_or_fail(json);
  const std::string text = random_bytes(5, 4000);
  const auto alone = tokenizer->encode(text);
  std::vector<int> same(8);
  parallel_for(8, [&](int64_t i) {
    same[static_cast<size_t>(i)] = tokenizer->encode(text) == alone ? 1 : 0;
  });
  EXPECT_EQ(same, std::vector<int>(8, 1));
}

struct BadFile {
  const char* path;  // JSON pointer
  Json value;
  const char* said;  // in the message
};

TEST(Tokenizer, WhatWouldChangeIdsAndIsNotKnownIsRefusedByName) {
  Json good = tiny_tokenizer({{"a", "b"}});
  good["added_tokens"] = {added_token(300, "<s>")};
  ASSERT_NE(parse_or_fail(good), nullptr);
  const BadFile table[] = {
      {"/version", "2.0", "\"2.0\""},
      {"/model/type", "Unigram", "\"Unigram\""},
      {"/model/vocab", nullptr, "model.vocab"},
      {"/model/vocab", Json::object(), "model.vocab"},
      {"/model/vocab", "abc", "model.vocab"},
      {"/model/vocab/a", -1, "-1"},
      {"/model/vocab/a", 1.5, "number"},
      {"/model/vocab/a", "x", "string"},
      {"/model/vocab/a", kMostTokenIds, "4194304"},
      {"/model/vocab/a", 18446744073709551615U, "18446744073709551615"},
      {"/model/vocab/a", 98, "id 98"},
      {"/model/merges", nullptr, "model.merges"},
      {"/model/merges/0", "a b c", "\"a b c\""},
      {"/model/merges/0", "ab", "\"ab\""},
      {"/model/merges/0", "a c", "\"ac\""},
      {"/model/merges/0", "zz a", "\"zz\""},
      {"/model/merges/0", {"a", 1}, "two tokens"},
      {"/model/merges/0", {"a", "b", "c"}, "two tokens"},
      {"/model/dropout", 0.1, "dropout"},
      {"/model/continuing_subword_prefix", "##", "\"##\""},
      {"/model/end_of_word_suffix", "</w>", "\"</w>\""},
      {"/model/ignore_merges", "yes", "ignore_merges"},
      {"/model", nullptr, "model"},
      {"/added_tokens", "x", "added_tokens"},
      {"/added_tokens/0/id", 97, "id 97"},
      {"/added_tokens/0/content", "a", "id 97"},
      {"/added_tokens/0/content", "", "content"},
      {"/added_tokens/0/lstrip", 1, "lstrip"},
      {"/added_tokens/0", 1, "added_tokens[0]"},
      {"/normalizer", {{"type", "Lowercase"}}, "\"Lowercase\""},
      {"/pre_tokenizer", nullptr, "ByteLevel"},
      {"/pre_tokenizer/type", "Whitespace", "\"Whitespace\""},
      {"/decoder/type", "WordPiece", "\"WordPiece\""},
      {"/truncation", {{"max_length", 8}}, "truncation"},
      {"/padding", {{"strategy", {{"Fixed", 8}}}}, "padding"},
  };
  for (const BadFile& bad : table) {
    Json json = good;
    json[Json::json_pointer(bad.path)] = bad.value;
    const auto parsed = Tokenizer::parse(json.dump(), "", "file.json");
    ASSERT_FALSE(parsed.ok()) << bad.path << " " << bad.value;
    EXPECT_TRUE(parsed.message().starts_with("file.json: ")) << parsed.message();
    EXPECT_NE(parsed.message().find(bad.said), std::string::npos) << parsed.message();
    EXPECT_NE(parsed.message().find("wanted"), std::string::npos) << parsed.message();
  }
}

TEST(Tokenizer, FallbacksAreRefusedOnlyWhereTheyCouldAct) {
  Json json = tiny_tokenizer({});
  json["model"]["unk_token"] = "a";
  json["model"]["byte_fallback"] = true;
  EXPECT_NE(parse_or_fail(json), nullptr);
  json["model"]["vocab"].erase("!");
  EXPECT_NE(Tokenizer::parse(json.dump(), "", "").message().find("byte_fallback"),
            std::string::npos);
  json["model"]["byte_fallback"] = false;
  EXPECT_NE(Tokenizer::parse(json.dump(), "", "").message().find("unk_token"), std::string::npos);
  json["model"]["unk_token"] = nullptr;
  EXPECT_EQ(parse_or_fail(json)->encode("a!b"), (std::vector<int32_t>{'a', 'b'}));
}

TEST(Tokenizer, BrokenFilesGiveOneSentence) {
  const std::string good = tiny_tokenizer({{"a", "b"}}).dump();
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"),
        good.substr(0, good.size() / 2), "\xFF" + good, std::string(100000, '['), good + "x"}) {
    const auto parsed = Tokenizer::parse(text, "", "file.json");
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.message().find('\n'), std::string::npos);
  }
  EXPECT_NE(Tokenizer::parse(good, "{", "config.json").message().find("config.json"),
            std::string::npos);
  EXPECT_NE(Tokenizer::parse(good, R"({"bos_token": "<s>"})", "").message().find("\"<s>\""),
            std::string::npos);
  EXPECT_NE(Tokenizer::parse(good, R"({"eos_token": 3})", "").message().find("eos_token"),
            std::string::npos);
  EXPECT_NE(Tokenizer::parse(good, R"({"add_bos_token": "x"})", "").message().find("add_bos_token"),
            std::string::npos);
}

}  // namespace
}  // namespace fathom
