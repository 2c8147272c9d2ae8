// The engine's fake model, whose tokens are bytes and whose text a test may force.
#include "analysis/engine_answerer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "base/file.h"
#include "engine/test_util.h"

namespace fathom {
namespace {

const std::vector<ChatMessage> kMessages = {{"user", "hello"}};

class EngineAnswererTest : public testing::Test {
 protected:
  EngineAnswererTest() {
    fake_.tokenizer = std::make_shared<FakeTokenizer>(std::vector<std::string>{"<eos>", "<bos>"},
                                                      kFathomChatTemplate);
    engine_ = fake_.make();
  }
  /// The model answers `text` and ends, whatever is asked in a prompt of n_prompt tokens.
  void force(const std::string& text, int64_t n_prompt) {
    for (size_t i = 0; i < text.size(); ++i)
      fake_.model->forced[n_prompt + static_cast<int64_t>(i)] = static_cast<uint8_t>(text[i]);
    fake_.model->forced[n_prompt + static_cast<int64_t>(text.size())] = kFakeEos;
  }
  std::unique_ptr<EngineAnswerer> answerer(int64_t n_predict = -1) {
    EngineAnswererOptions options;
    options.chat_template = "deepseek-r1";  // its prompt opens the thought
    options.generation.sampling.temp = 0;
    options.generation.n_predict = n_predict;
    return EngineAnswerer::create(*engine_, options).value();
  }
  int64_t prompt_tokens() {
    return answerer(1)->complete(kMessages, [](const TextPiece&) { return true; }).value().n_prompt;
  }
  FakeEngine fake_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineAnswererTest, TheThoughtStreamsBeforeTheAnswer) {
  force("think\n</think>\nSELECT 1", prompt_tokens());
  std::string thought, said;
  const auto c = answerer()->complete(kMessages, [&](const TextPiece& p) {
    if (p.kind == TextKind::kThought) thought += p.text;
    if (p.kind == TextKind::kAnswer) said += p.text;
    return true;
  });
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ(c.value().end, Completion::End::kDone);
  EXPECT_EQ(c.value().text, "think\n</think>\nSELECT 1");
  EXPECT_EQ(thought, "think\n");
  EXPECT_EQ(said, "\nSELECT 1");
  EXPECT_EQ(c.value().n_generated, 24);
}

TEST_F(EngineAnswererTest, EndlessTextEndsAtTheLimit) {
  const auto c = answerer(5)->complete(kMessages, [](const TextPiece&) { return true; });
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c.value().end, Completion::End::kLength);
  EXPECT_EQ(c.value().n_generated, 5);
}

TEST_F(EngineAnswererTest, TheListenerStopsIt) {
  const auto c = answerer()->complete(kMessages, [](const TextPiece&) { return false; });
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c.value().end, Completion::End::kStopped);
}

TEST_F(EngineAnswererTest, SeveralCompletionsReadThePromptOnce) {
  const int64_t n_prompt = prompt_tokens();
  force("think\n</think>\nSELECT 1", n_prompt);
  const auto a = answerer();
  const auto all = a->complete_several(kMessages, 3, [](const TextPiece&) { return true; });
  ASSERT_TRUE(all.ok()) << all.message();
  ASSERT_EQ(all.value().size(), 3u);
  for (const Completion& c : all.value()) {
    EXPECT_EQ(c.text, "think\n</think>\nSELECT 1");
    EXPECT_EQ(c.end, Completion::End::kDone);
    ASSERT_GE(c.pieces.size(), 3u);
    EXPECT_EQ(c.pieces[0].kind, TextKind::kThought);
  }
  EXPECT_EQ(all.value()[0].n_generated, 3 * 24);
  EXPECT_EQ(all.value()[0].n_prompt, n_prompt);
  // The prompt once, its last token for each, and each token but the last of each.
  EXPECT_EQ(all.value()[0].n_computed, n_prompt + 2 + 3 * 23);
  EXPECT_EQ(a->complete_several(kMessages, 2, [](const TextPiece&) { return true; }).value().size(),
            2u);
  const auto stopped = a->complete_several(kMessages, 3, [](const TextPiece&) { return false; });
  ASSERT_TRUE(stopped.ok());
  EXPECT_EQ(stopped.value()[0].end, Completion::End::kStopped);
}

TEST_F(EngineAnswererTest, SeveralCompletionsAreDrawnEachByItselfAndTheSameAgain) {
  const auto ignore = [](const TextPiece&) { return true; };
  const auto texts = [&] {
    const auto all = answerer(12)->complete_several(kMessages, 4, ignore);
    EXPECT_TRUE(all.ok()) << all.message();
    std::vector<std::string> out;
    for (const Completion& c : all.value()) out.push_back(c.text);
    return out;
  };
  const std::vector<std::string> first = texts();
  EXPECT_EQ(first[0], answerer(12)->complete(kMessages, ignore).value().text);
  EXPECT_EQ(std::set<std::string>(first.begin() + 1, first.end()).size(), 3u);
  EXPECT_EQ(texts(), first);
}

TEST_F(EngineAnswererTest, WhatPromptsShareIsReadOnce) {
  const auto a = answerer(3);
  const auto ignore = [](const TextPiece&) { return true; };
  const auto first = a->complete(kMessages, ignore);
  const std::vector<ChatMessage> longer = {{"user", "hello again"}};
  const auto second = a->complete(longer, ignore);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first.value().n_reused, 0);
  EXPECT_GE(second.value().n_reused, 5);
}

TEST_F(EngineAnswererTest, APromptThatLeavesNoRoomDoesNotFit) {
  EXPECT_TRUE(answerer()->fits(kMessages).value());
  const std::vector<ChatMessage> large = {{"user", std::string(900, 'x')}};
  EXPECT_FALSE(answerer()->fits(large).value());  // the context has 1000 tokens
}

TEST_F(EngineAnswererTest, ABaseModelIsRefusedByName) {
  fake_.tokenizer = std::make_shared<FakeTokenizer>();
  const auto engine = fake_.make();
  const auto a = EngineAnswerer::create(*engine, {});
  ASSERT_FALSE(a.ok());
  EXPECT_NE(a.message().find("base model"), std::string::npos) << a.message();
}

TEST(AnalystOptionsOf, TheModelsFileDecides) {
  const auto root =
      std::filesystem::path(testing::TempDir()) / ("fathom-prompt-" + std::to_string(getpid()));
  std::filesystem::create_directories(root);
  EXPECT_EQ(analyst_options_of(root).value().prompt, TaskPrompt::kFull);
  EXPECT_EQ(analyst_options_of(root).value().n_samples, 1);
  const auto with = [&](const char* text) {
    EXPECT_TRUE(write_file_atomic(root / "fathom.json", text).ok());
    return analyst_options_of(root);
  };
  EXPECT_EQ(with("{\"table_prompt\": \"short\"}").value().prompt, TaskPrompt::kShort);
  EXPECT_EQ(with("{\"table_prompt\": \"full\"}").value().prompt, TaskPrompt::kFull);
  EXPECT_EQ(with("{}").value().prompt, TaskPrompt::kFull);
  EXPECT_EQ(with("{\"samples\": 8}").value().n_samples, 8);
  for (const char* bad : {"", "[]", "{\"table_prompt\": 3}", "{\"table_prompt\": \"brief\"}",
                          "{\"samples\": 0}", "{\"samples\": 1.5}", "{\"samples\": \"8\"}"})
    EXPECT_FALSE(with(bad).ok()) << bad;
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace fathom
