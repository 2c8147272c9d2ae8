// Every conversation of every folder that holds template.json and cases.json, rendered by the
// template whose hash the folder names.
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tests/golden/golden.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json read_ordered_json(const fs::path& path) {
  const Result<std::string> text = read_file(path);
  if (!text.ok()) throw std::runtime_error(text.message());
  return Json::parse(text.value());
}

std::vector<fs::path> template_folders() {
  return find_golden_with({"template.json", "cases.json"});
}

const Json& get_or_null(const Json& object, const char* key) {
  static const Json null;
  return object.contains(key) ? object[key] : null;
}

/// The conversation's options with the special tokens that the folder names.
Json options_of(const Json& about, const Json& test_case) {
  Json options = test_case["options"];
  for (const auto& token : get_or_null(about, "special_tokens").items()) {
    options[token.key()] = token.value();
  }
  return options;
}

void check_case(const ChatTemplate& chat, const Json& about, const Json& test_case) {
  const Json& messages = test_case["messages"];
  const Json& tools = get_or_null(test_case, "tools");
  const Json options = options_of(about, test_case);
  const Result<std::string> text = chat.render(messages, tools, options);
  if (test_case.contains("error")) {
    ASSERT_FALSE(text.ok());
    EXPECT_EQ(text.message(), test_case["error"].get<std::string>());
    return;
  }
  ASSERT_TRUE(text.ok()) << text.message();
  EXPECT_EQ(text.value(), test_case["rendered"].get<std::string>());
  const Result<std::vector<ChatSegment>> segments = chat.segments(messages, tools, options);
  ASSERT_TRUE(segments.ok());
  std::string joined;
  for (const ChatSegment& segment : segments.value()) joined += segment.text;
  EXPECT_EQ(joined, text.value());
}

TEST(ChatGolden, EveryConversationRendersAsPublished) {
  int64_t n_cases = 0;
  const std::vector<fs::path> folders = template_folders();
  ASSERT_FALSE(folders.empty()) << "no folder with template.json and cases.json";
  for (const fs::path& folder : folders) {
    const Json about = read_ordered_json(folder / "template.json");
    const Result<ChatTemplate> chat =
        ChatTemplate::for_sha256(about["template_sha256"].get<std::string>());
    ASSERT_TRUE(chat.ok()) << folder << ": " << chat.message();
    for (const Json& test_case : read_ordered_json(folder / "cases.json")) {
      SCOPED_TRACE(folder.string() + ": " + test_case["name"].get<std::string>());
      check_case(chat.value(), about, test_case);
      ++n_cases;
    }
  }
  std::printf("%lld conversations in %zu folders\n", static_cast<long long>(n_cases),
              folders.size());
}

TEST(ChatGolden, NoControlTokenOfASegmentComesFromTheConversation) {
  for (const fs::path& folder : template_folders()) {
    const Json about = read_ordered_json(folder / "template.json");
    const Result<ChatTemplate> chat =
        ChatTemplate::for_sha256(about["template_sha256"].get<std::string>());
    ASSERT_TRUE(chat.ok()) << chat.message();
    for (const Json& test_case : read_ordered_json(folder / "cases.json")) {
      // The same conversation with every control token in it spelled otherwise has the same tokens.
      Json tame = test_case;
      std::string dump = tame["messages"].dump();
      for (const std::string mark : {"<｜", "<|"}) {
        for (size_t at = 0; (at = dump.find(mark, at)) != std::string::npos;) dump[at] = '[';
      }
      tame["messages"] = Json::parse(dump);
      const auto tokens = [&](const Json& c) {
        std::vector<std::string> found;
        const auto segments =
            chat.value().segments(c["messages"], get_or_null(c, "tools"), options_of(about, c));
        if (!segments.ok()) return found;
        for (const ChatSegment& segment : segments.value()) {
          if (segment.parse_added_tokens) found.push_back(segment.text);
        }
        return found;
      };
      EXPECT_EQ(tokens(test_case), tokens(tame)) << folder << ": " << test_case["name"];
    }
  }
}

std::vector<int32_t> encode(const Tokenizer& tokenizer, std::span<const ChatSegment> segments) {
  std::vector<int32_t> ids;
  for (const ChatSegment& segment : segments) {
    const auto piece =
        tokenizer.encode(segment.text, {.parse_added_tokens = segment.parse_added_tokens});
    ids.insert(ids.end(), piece.begin(), piece.end());
  }
  return ids;
}

TEST(ChatGolden, SegmentsHaveTheTokensOfTheWholeTextWhereNobodyForges) {
  int64_t n_texts = 0;
  for (const fs::path& at : find_golden_with({"tokenizer.json"})) {
    const auto tokenizer = Tokenizer::open(at);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.message();
    for (const fs::path& folder : template_folders()) {
      const Json about = read_ordered_json(folder / "template.json");
      const auto chat = ChatTemplate::for_sha256(about["template_sha256"].get<std::string>());
      ASSERT_TRUE(chat.ok()) << chat.message();
      const std::string bos =
          get_or_null(about, "special_tokens").value("bos_token", std::string("<|im_end|>"));
      if (tokenizer.value()->token_id(bos) < 0) continue;  // another family's tokenizer
      for (const Json& c : read_ordered_json(folder / "cases.json")) {
        if (c["messages"].dump().find('<') != std::string::npos) continue;
        const auto segments =
            chat.value().segments(c["messages"], get_or_null(c, "tools"), options_of(about, c));
        if (!segments.ok()) continue;
        std::string whole;
        for (const ChatSegment& segment : segments.value()) whole += segment.text;
        EXPECT_EQ(encode(*tokenizer.value(), segments.value()), tokenizer.value()->encode(whole))
            << at << ", " << folder << ": " << c["name"];
        ++n_texts;
      }
    }
  }
  std::printf("%lld texts encoded\n", static_cast<long long>(n_texts));
}

}  // namespace
}  // namespace fathom
