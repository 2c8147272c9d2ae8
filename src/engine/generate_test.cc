#include "engine/generate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/test_util.h"

namespace fathom {
namespace {

std::vector<int32_t> prompt_of(std::string_view text) { return FakeTokenizer().encode(text, {}); }

GenerationOptions sampled(int64_t n_predict, uint64_t seed = 1, uint64_t stream = 0) {
  GenerationOptions options;
  options.sampling.temp = 1;
  options.sampling.top_p = 1;
  options.sampling.seed = seed;
  options.stream = stream;
  options.n_predict = n_predict;
  return options;
}

struct Answer {
  std::vector<int32_t> ids;
  std::vector<float> logprobs;
  std::string text;
  FinishReason reason = FinishReason::kNone;
  GenerationStats stats;
  bool operator==(const Answer& other) const {
    return ids == other.ids && logprobs == other.logprobs && text == other.text &&
           reason == other.reason;
  }
};

std::vector<Answer> run(const Engine& engine, std::span<Sequence* const> sequences) {
  std::vector<Answer> answers(sequences.size());
  const auto stats = generate(engine, sequences, [&](const StepResult& result) {
    for (const StepEvent& e : result.events) {
      Answer& a = answers[static_cast<size_t>(e.sequence_idx)];
      a.ids.push_back(e.token.id);
      a.logprobs.push_back(e.token.logprob);
      a.text += e.token.text;
    }
    return true;
  });
  EXPECT_TRUE(stats.ok());
  for (size_t i = 0; i < answers.size(); ++i) {
    answers[i].reason = sequences[i]->finish_reason();
    answers[i].stats = stats.value();
  }
  return answers;
}

Answer run_one(Engine& engine, Sequence& sequence, const std::vector<int32_t>& prompt,
               const GenerationOptions& options) {
  const Status status = sequence.start(prompt, options);
  EXPECT_TRUE(status.ok()) << status.message();
  Sequence* const list[] = {&sequence};
  return run(engine, list).front();
}

Answer fresh_answer(const std::vector<int32_t>& prompt, const GenerationOptions& options,
                    const EngineOptions& engine_options = {}) {
  const auto engine = FakeEngine().make(engine_options);
  Sequence sequence(*engine);
  return run_one(*engine, sequence, prompt, options);
}

TEST(Generate, GreedyTakesTheLikeliestTokenOfTheWholeHistory) {
  GenerationOptions options = sampled(20);
  options.sampling.temp = 0;
  const Answer answer = fresh_answer(prompt_of("once"), options);
  ASSERT_EQ(answer.ids.size(), 20u);
  std::vector<int32_t> tokens = prompt_of("once");
  FakeModel model;
  for (int32_t id : answer.ids) {
    SequenceCache cache(&model.cache());
    Tensor<float> logits({1, kFakeVocab});
    const SequenceChunk chunk{.cache = &cache, .tokens = tokens};
    model.forward(logits.view(), std::span(&chunk, 1), nullptr);
    EXPECT_EQ(id, std::max_element(logits.data(), logits.data() + kFakeVocab) - logits.data());
    tokens.push_back(id);
  }
}

TEST(Generate, ChunksOfThePromptChangeNothing) {
  const auto prompt = prompt_of(std::string(300, 'x') + "end");
  const Answer whole = fresh_answer(prompt, sampled(30));
  for (int64_t n_chunk : {1, 3, 64, 302, 303, 304}) {
    EngineOptions options;
    options.n_chunk = n_chunk;
    EXPECT_EQ(fresh_answer(prompt, sampled(30), options), whole) << n_chunk;
  }
}

TEST(Generate, TheSameSeedGivesTheSameTextWhateverElseRuns) {
  FakeEngine parts;
  const auto engine = parts.make({.model = {}, .n_ctx = 0, .n_chunk = 7});
  const char* const prompts[] = {"a", "a longer prompt than one chunk", "", "fourth"};
  std::vector<std::unique_ptr<Sequence>> owned;
  std::vector<Sequence*> sequences;
  std::vector<Answer> alone;
  for (uint64_t i = 0; i < 4; ++i) {
    const GenerationOptions options = sampled(5 + 10 * static_cast<int64_t>(i), 42, i);
    alone.push_back(fresh_answer(prompt_of(std::string("p") + prompts[i]), options));
    owned.push_back(std::make_unique<Sequence>(*engine));
    sequences.push_back(owned.back().get());
    ASSERT_TRUE(sequences.back()->start(prompt_of(std::string("p") + prompts[i]), options).ok());
  }
  EXPECT_EQ(run(*engine, sequences), alone);
  for (const auto& pass : parts.model->pass_tokens) {
    EXPECT_LE(std::accumulate(pass.begin(), pass.end(), int64_t{0}), 7 + 3);
  }
}

TEST(Generate, SeedAndStreamTellAnswersApart) {
  const auto prompt = prompt_of("tell");
  const Answer answer = fresh_answer(prompt, sampled(20, 1, 0));
  EXPECT_EQ(fresh_answer(prompt, sampled(20, 1, 0)), answer);
  EXPECT_NE(fresh_answer(prompt, sampled(20, 2, 0)).ids, answer.ids);
  EXPECT_NE(fresh_answer(prompt, sampled(20, 1, 1)).ids, answer.ids);
}

TEST(Generate, DecodingTakesNothingFromTheChunkOfPrompts) {
  FakeEngine parts;
  const auto engine = parts.make({.model = {}, .n_ctx = 0, .n_chunk = 1});
  Sequence a(*engine), b(*engine);
  ASSERT_TRUE(a.start(prompt_of("a"), sampled(10)).ok());
  ASSERT_TRUE(b.start(prompt_of("b"), sampled(10)).ok());
  Sequence* const list[] = {&a, &b};
  run(*engine, list);
  EXPECT_EQ(parts.model->pass_tokens[2], (std::vector<int64_t>{1, 1}));
}

TEST(Generate, AnEosEndsTheAnswerWithoutText) {
  FakeEngine parts;
  parts.model->forced = {{2, 'h'}, {3, 'i'}, {4, kFakeEos}, {5, 'x'}};
  const auto engine = parts.make();
  Sequence sequence(*engine);
  const Answer answer = run_one(*engine, sequence, prompt_of("ab"), sampled(-1));
  EXPECT_EQ(answer.text, "hi");
  EXPECT_EQ(answer.ids, (std::vector<int32_t>{'h', 'i', kFakeEos}));
  EXPECT_EQ(answer.reason, FinishReason::kEos);
  GenerationOptions on = sampled(5);
  on.ignore_eos = true;
  const Answer longer = run_one(*engine, sequence, prompt_of("ab"), on);
  EXPECT_EQ(longer.ids.size(), 5u);
  EXPECT_EQ(longer.text.substr(0, 3), "hix");
  EXPECT_EQ(longer.reason, FinishReason::kLength);
}

TEST(Generate, AStopStringAcrossTokensIsNotShown) {
  FakeEngine parts;
  parts.model->forced = {{1, 'h'}, {2, 'S'}, {3, 'T'}, {4, 'i'},
                         {5, 'S'}, {6, 'T'}, {7, 'O'}, {8, 'P'}};
  const auto engine = parts.make();
  Sequence sequence(*engine);
  GenerationOptions options = sampled(100);
  options.stop = {"STOP"};
  const Answer answer = run_one(*engine, sequence, prompt_of("a"), options);
  EXPECT_EQ(answer.text, "hSTi");
  EXPECT_EQ(answer.ids.size(), 8u);
  EXPECT_EQ(answer.reason, FinishReason::kStopString);
}

TEST(Generate, WhatMayBecomeAStopStringIsShownAtTheEnd) {
  FakeEngine parts;
  parts.model->forced = {{1, 'h'}, {2, 'S'}, {3, 'T'}};
  const auto engine = parts.make();
  Sequence sequence(*engine);
  GenerationOptions options = sampled(3);
  options.stop = {"STOP"};
  EXPECT_EQ(run_one(*engine, sequence, prompt_of("a"), options).text, "hST");
}

TEST(Generate, CutCharactersAreHeldBack) {
  FakeEngine parts;
  parts.model->forced = {{1, 0xe2}, {2, 0x82}, {3, 0xac}, {4, 0xe2}};
  const auto engine = parts.make();
  Sequence sequence(*engine);
  ASSERT_TRUE(sequence.start(prompt_of("a"), sampled(4)).ok());
  std::vector<std::string> texts;
  Sequence* const list[] = {&sequence};
  ASSERT_TRUE(generate(*engine, list, [&](const StepResult& r) {
                for (const auto& e : r.events) texts.push_back(e.token.text);
                return true;
              }).ok());
  EXPECT_EQ(texts, (std::vector<std::string>{"", "", "€", "\xef\xbf\xbd"}));
}

TEST(Generate, CancellingGivesWhatWasHeldBack) {
  FakeEngine parts;
  parts.model->forced = {{1, 'h'}, {2, 'S'}};
  const auto engine = parts.make();
  Sequence sequence(*engine);
  GenerationOptions options = sampled(-1);
  options.stop = {"STOP"};
  ASSERT_TRUE(sequence.start(prompt_of("a"), options).ok());
  Sequence* const list[] = {&sequence};
  std::string text;
  ASSERT_TRUE(generate(*engine, list, [&](const StepResult& r) {
                for (const auto& e : r.events) text += e.token.text;
                return sequence.answer().size() < 2;
              }).ok());
  EXPECT_FALSE(sequence.finished());
  text += sequence.cancel();
  EXPECT_EQ(text, "hS");
  EXPECT_EQ(sequence.finish_reason(), FinishReason::kCancelled);
}

TEST(Generate, ANewPromptPrefillsOnlyWhatTheCacheLacks) {
  const auto engine = FakeEngine().make();
  Sequence sequence(*engine);
  run_one(*engine, sequence, prompt_of(std::string(100, 'q') + "first"), sampled(10));
  const auto second = prompt_of(std::string(100, 'q') + "second");
  const Answer answer = run_one(*engine, sequence, second, sampled(10));
  EXPECT_EQ(answer.stats.n_reused, 100);
  EXPECT_EQ(answer.stats.n_prefill, 6);
  EXPECT_EQ(answer, fresh_answer(second, sampled(10)));
  // The whole prompt is in the cache: its last token is computed again for its logits.
  const Answer again = run_one(*engine, sequence, second, sampled(10));
  EXPECT_EQ(again.stats.n_reused, 105);
  EXPECT_EQ(again, answer);
  // The answer becomes part of the next prompt; its last token was never fed.
  std::vector<int32_t> third = sequence.tokens();
  third.push_back('!');
  EXPECT_EQ(run_one(*engine, sequence, third, sampled(3)).stats.n_reused, 106 + 9);
  EXPECT_EQ(run_one(*engine, sequence, third, sampled(3)), fresh_answer(third, sampled(3)));
}

TEST(Generate, TheContextEndsAnAnswer) {
  EngineOptions options;
  options.n_ctx = 8;
  const auto engine = FakeEngine().make(options);
  Sequence sequence(*engine);
  const Answer answer = run_one(*engine, sequence, prompt_of("12345"), sampled(-1));
  EXPECT_EQ(answer.ids.size(), 3u);
  EXPECT_EQ(answer.reason, FinishReason::kContext);
  EXPECT_EQ(answer.stats.cache_bytes, 7 * 4);  // the last token was not fed
}

TEST(Generate, APromptThatDoesNotFitIsRefusedAndLeavesTheSequenceAsItWas) {
  EngineOptions engine_options;
  engine_options.n_ctx = 8;
  const auto engine = FakeEngine().make(engine_options);
  Sequence sequence(*engine);
  run_one(*engine, sequence, prompt_of("12345"), sampled(1));
  const auto refused = [&](std::vector<int32_t> prompt, const GenerationOptions& options) {
    const Status status = sequence.start(std::move(prompt), options);
    EXPECT_EQ(sequence.tokens().size(), 6u);
    EXPECT_EQ(sequence.cache().length(), 5);
    return status.message();
  };
  EXPECT_EQ(refused(prompt_of("12345678"), sampled(1)),
            "prompt: fewer than 8 tokens wanted (the context of fake), 8 found");
  EXPECT_EQ(refused({}, sampled(1)), "prompt: at least one token wanted, none found");
  EXPECT_EQ(refused({5, kFakeVocab}, sampled(1)),
            "prompt: token ids from 0 to 299 wanted, 300 found");
  GenerationOptions bad = sampled(1);
  bad.sampling.top_p = 2;
  EXPECT_NE(refused({5}, bad), "");
}

TEST(Generate, LogitsThatAreNotFiniteNameTheWeight) {
  FakeEngine parts;
  parts.model->broken = true;
  for (bool nan_weight : {true, false}) {
    parts.nan_weight = nan_weight;
    const auto engine = parts.make();
    Sequence sequence(*engine);
    ASSERT_TRUE(sequence.start({1}, sampled(1)).ok());
    Sequence* const list[] = {&sequence};
    const auto result = step(*engine, list);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.message().find("model.norm.weight") != std::string::npos, nan_weight)
        << result.message();
  }
}

TEST(Generate, WithoutATokenizerThereAreTokensAndNoText) {
  FakeEngine parts;
  parts.tokenizer = nullptr;
  const auto engine = parts.make();
  Sequence sequence(*engine);
  const Answer answer = run_one(*engine, sequence, {1, 2, 3}, sampled(5));
  EXPECT_EQ(answer.ids.size(), 5u);
  EXPECT_EQ(answer.text, "");
}

}  // namespace
}  // namespace fathom
