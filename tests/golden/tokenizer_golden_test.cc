// Every folder with tokenizer.json and cases.json: the ids of each text, and the text again from
// the ids.
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tests/golden/golden.h"
#include "tokenizer/tokenizer.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string text;
  std::vector<int32_t> ids;
};

std::vector<fs::path> tokenizer_folders() { return find_golden_with({"tokenizer.json", "cases.json"}); }

std::vector<Case> read_cases(const fs::path& folder) {
  const Result<std::string> text = read_file(folder / "cases.json");
  if (!text.ok()) throw std::runtime_error(text.message());
  std::vector<Case> cases;
  for (const auto& json : nlohmann::json::parse(text.value())) {
    cases.push_back(
        {json.at("text").get<std::string>(), json.at("ids").get<std::vector<int32_t>>()});
  }
  return cases;
}

TEST(TokenizerGolden, IdsAreThePublishedOnes) {
  int64_t n_cases = 0;
  for (const fs::path& folder : tokenizer_folders()) {
    const auto tokenizer = Tokenizer::open(folder);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.message();
    const std::vector<Case> cases = read_cases(folder);
    ASSERT_FALSE(cases.empty()) << folder;
    for (const Case& c : cases) {
      EXPECT_EQ(tokenizer.value()->encode(c.text), c.ids) << folder << "\n" << c.text;
    }
    n_cases += static_cast<int64_t>(cases.size());
    std::printf("%s: %zu cases\n", folder.c_str(), cases.size());
  }
  EXPECT_GT(n_cases, 0) << "no folder with tokenizer.json and cases.json was found";
}

/// Without a normalizer the bytes come back, from one call and from a stream that sees one token at
/// a time.
TEST(TokenizerGolden, IdsDecodeToTheText) {
  int64_t n_cases = 0;
  for (const fs::path& folder : tokenizer_folders()) {
    const auto json = nlohmann::json::parse(read_file(folder / "tokenizer.json").value());
    const auto& normalizer = json.at("normalizer");
    const bool changes_text =
        !normalizer.is_null() && normalizer.value("normalizers", nlohmann::json{0}).size() > 0;
    if (changes_text) continue;
    const auto tokenizer = Tokenizer::open(folder);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.message();
    for (const Case& c : read_cases(folder)) {
      EXPECT_EQ(tokenizer.value()->decode(c.ids), c.text) << folder;
      StreamDecoder stream(*tokenizer.value(), /*skip_special=*/false);
      std::string text;
      for (const int32_t id : c.ids) text += stream.push(id);
      EXPECT_EQ(text + stream.finish(), c.text) << folder;
      ++n_cases;
    }
  }
  EXPECT_GT(n_cases, 0);
}

}  // namespace
}  // namespace fathom
