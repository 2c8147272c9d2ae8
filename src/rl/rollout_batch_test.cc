#include "rl/rollout_batch.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace fathom {
namespace {

TEST(RolloutBatch, OnlyTheAnswersTokensCarryLossEachFromItsOwnPredecessor) {
  const std::vector<int32_t> p1 = {5, 6, 7}, a1 = {8, 1}, p2 = {9}, a2 = {3, 4, 1};
  const std::vector<PromptAnswer> rows = {{p1, a1}, {p2, a2}};
  const RolloutBatch b(rows);
  EXPECT_EQ(b.n_places(), 4 + 3);
  EXPECT_EQ(b.n_answer_tokens(), 2 + 3);
  ASSERT_EQ(b.spans().size(), 2u);
  EXPECT_EQ(b.spans()[0].begin, 2);
  EXPECT_EQ(b.spans()[0].end, 4);
  EXPECT_EQ(b.spans()[1].begin, 4);
  EXPECT_EQ(b.spans()[1].end, 7);
  const TrainBatch t = b.batch();
  EXPECT_EQ(t.tokens.dim(1), 5);
  EXPECT_EQ(std::vector<int32_t>(t.tokens.row(0), t.tokens.row(0) + 5),
            (std::vector<int32_t>{5, 6, 7, 8, 1}));
  EXPECT_EQ(std::vector<int32_t>(t.tokens.row(1), t.tokens.row(1) + 4),
            (std::vector<int32_t>{9, 3, 4, 1}));
  EXPECT_EQ(t.lengths[0], 4);
  EXPECT_EQ(t.lengths[1], 3);
  EXPECT_EQ(std::vector<float>(t.loss_weights.row(0), t.loss_weights.row(0) + 4),
            (std::vector<float>{0, 0, 1, 1}));
  EXPECT_EQ(std::vector<float>(t.loss_weights.row(1), t.loss_weights.row(1) + 4),
            (std::vector<float>{1, 1, 1, 0}));
}

TEST(RolloutBatch, WhatWasGivenWithinAnAnswerCarriesNoLoss) {
  const std::vector<int32_t> prompt = {5, 6}, answer = {8, 1, 7, 9, 1};
  const std::vector<uint8_t> learnt = {1, 1, 0, 1, 1};
  const std::vector<PromptAnswer> rows = {{.prompt = prompt, .answer = answer, .learnt = learnt}};
  const RolloutBatch b(rows);
  const TrainBatch t = b.batch();
  EXPECT_EQ(std::vector<float>(t.loss_weights.row(0), t.loss_weights.row(0) + 6),
            (std::vector<float>{0, 1, 1, 0, 1, 1}));
  EXPECT_EQ(b.n_answer_tokens(), 4);
  EXPECT_EQ(b.spans()[0].length(), 5);
}

TEST(RolloutBatch, APromptsPositionsArePlacesOfItsFirstAnswerAlone) {
  const std::vector<int32_t> p = {5, 6, 7, 8}, q = {5, 6, 7, 9}, a = {1, 2}, b = {3};
  const std::vector<PromptAnswer> rows = {{p, a}, {p, b}, {p, a}, {q, b}, {q, a}};
  const RolloutBatch batch(rows);
  EXPECT_EQ(batch.n_places(), 5 + 2 + 3 + 4 + 3);
  EXPECT_EQ(batch.n_answer_tokens(), 2 + 1 + 2 + 1 + 2);
  std::vector<std::pair<int64_t, int64_t>> spans;
  for (const RolloutSpan& s : batch.spans()) spans.emplace_back(s.begin, s.end);
  EXPECT_EQ(spans, (std::vector<std::pair<int64_t, int64_t>>{
                       {3, 5}, {6, 7}, {8, 10}, {13, 14}, {15, 17}}));
  const TrainBatch t = batch.batch();
  EXPECT_EQ(std::vector<int32_t>(t.shared.data(), t.shared.data() + 10),
            (std::vector<int32_t>{0, 0, 0, 2, 0, 2, 3, 0, 3, 2}));
  EXPECT_EQ(micro_batch_ends(rows, 10), (std::vector<size_t>{3, 5}));
  EXPECT_EQ(micro_batch_ends(rows, 9), (std::vector<size_t>{2, 4, 5}));
}

TEST(RolloutBatch, NumbersOfAnswersComeToTheirPlaces) {
  const std::vector<int32_t> p = {5, 6}, a = {8, 1}, q = {9}, c = {3};
  const std::vector<PromptAnswer> rows = {{p, a}, {q, c}};
  const std::vector<float> x = {0.5f, 0.25f}, y = {-1};
  const std::vector<std::span<const float>> values = {x, y};
  EXPECT_EQ(RolloutBatch(rows).at_places(values), (std::vector<float>{0, 0.5f, 0.25f, -1}));
}

TEST(RolloutBatch, MicroBatchesKeepToTheirTokensAndALongRowStandsAlone) {
  const std::vector<int32_t> one(1), four(4), ten(10);
  const std::vector<PromptAnswer> rows = {{one, four}, {one, four}, {one, ten}, {one, four}};
  EXPECT_EQ(micro_batch_ends(rows, 8), (std::vector<size_t>{2, 3, 4}));
  EXPECT_EQ(micro_batch_ends(rows, 7), (std::vector<size_t>{1, 2, 3, 4}));
  EXPECT_EQ(micro_batch_ends(rows, 1000), (std::vector<size_t>{4}));
  EXPECT_TRUE(micro_batch_ends({}, 8).empty());
}

}  // namespace
}  // namespace fathom
