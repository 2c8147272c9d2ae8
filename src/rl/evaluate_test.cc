#include "rl/evaluate.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/test_folder.h"
#include "checkpoint/checkpoint.h"
#include "rl/rl_run_test_support.h"
#include "rl/sft_source.h"
#include "rl/sft_writer.h"

namespace fathom {
namespace {

TEST(ShareOf, HasWilsonsInterval) {
  const ShareOf s{.n_hits = 8, .n = 10};
  EXPECT_EQ(s.share(), 0.8);
  EXPECT_NEAR(s.low(), 0.4902, 1e-4);
  EXPECT_NEAR(s.high(), 0.9433, 1e-4);
  const ShareOf all{.n_hits = 20, .n = 20};
  EXPECT_NEAR(all.low(), 0.8389, 1e-4);
  EXPECT_EQ(all.high(), 1.0);
  EXPECT_EQ((ShareOf{}.low()), 0.0);
  EXPECT_EQ((ShareOf{}.high()), 1.0);
}

/// A random model on the engine, with the environment that rewards low bytes.
class EvaluateTest : public testing::Test {
 protected:
  EvaluateTest() {
    auto trainer = TrainerModel::create(tiny_model_config(), 1, {});
    EXPECT_TRUE(trainer.ok()) << trainer.message();
    trainer_ = std::move(trainer).value();
    EngineParts parts;
    parts.where = "test";
    parts.checkpoint = trainer_->live_checkpoint();
    parts.tokenizer = tokenizer_;
    parts.eos_ids = {ByteChatTokenizer::kEos};
    auto model = Model::open(parts.checkpoint, {});
    EXPECT_TRUE(model.ok()) << model.message();
    parts.model = model.value();
    auto engine = Engine::create(std::move(parts), {});
    EXPECT_TRUE(engine.ok()) << engine.message();
    engine_ = std::move(engine).value();
  }
  Result<std::vector<EvaluateRow>> evaluate(const EvaluateOptions& options,
                                            const AnswerListener& listener = {}) {
    return evaluate_problems(*engine_, ChatFormat::of(tokenizer_, "test").value(), problems_,
                             options, listener);
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = std::make_shared<ByteChatTokenizer>();
  std::unique_ptr<TrainerModel> trainer_;
  std::unique_ptr<Engine> engine_;
  ProblemSet problems_{{std::make_shared<LowBytesEnvironment>()}};
};

TEST_F(EvaluateTest, CountsFirstAnswersAndSamplesAndDoesNotDependOnTheSlots) {
  EvaluateOptions o;
  o.splits = {Split::kTrain, Split::kSchema};
  o.n_problems = 6;
  o.n_samples = 4;
  o.temp_first = 1;
  o.max_answer_tokens = 12;
  o.seed = 3;
  int64_t n_answers = 0, n_correct = 0;
  const auto rows = evaluate(o, [&](const PosedProblem&, const std::string& text, const Score& s) {
    EXPECT_EQ(s.well_formed, !text.empty());
    ++n_answers;
    n_correct += s.correct;
  });
  ASSERT_TRUE(rows.ok()) << rows.message();
  ASSERT_EQ(rows.value().size(), 2u);
  EXPECT_EQ(n_answers, 12);
  EXPECT_EQ(rows.value()[0].pass_1.n_hits + rows.value()[1].pass_1.n_hits, n_correct);
  for (const EvaluateRow& r : rows.value()) {
    EXPECT_EQ(r.pass_1.n, 6);
    EXPECT_EQ(r.pass_k.n, 6);
    EXPECT_GE(r.pass_k.share() + 1e-12, r.sampled_pass_1);
    EXPECT_LE(r.mean_answer_tokens, 12);
  }
  o.n_slots = 1;
  const auto again = evaluate(o);
  ASSERT_TRUE(again.ok()) << again.message();
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(rows.value()[i].pass_k.n_hits, again.value()[i].pass_k.n_hits);
    EXPECT_EQ(rows.value()[i].n_answer_tokens, again.value()[i].n_answer_tokens);
  }
}

TEST_F(EvaluateTest, TheMajorityIsOfWhatAnswersComeTo) {
  // What comes to nothing has no vote; what comes to the same has one together.
  class OnlyTheRightCount : public LowBytesEnvironment {
   public:
    Outcome outcome(const Problem& p, std::string_view text) const override {
      return {score(p, text, {}).correct ? "right" : ""};
    }
  };
  class AllAlike : public LowBytesEnvironment {
   public:
    Outcome outcome(const Problem&, std::string_view) const override { return {"x"}; }
  };
  EvaluateOptions o;
  o.splits = {Split::kTrain};
  o.n_problems = 30;
  o.n_samples = 5;
  o.temp_first = 1;
  o.max_answer_tokens = 12;
  const auto row_of = [&](std::shared_ptr<const Environment> environment) {
    problems_ = ProblemSet({std::move(environment)});
    const auto rows = evaluate(o);
    EXPECT_TRUE(rows.ok()) << rows.message();
    return rows.value()[0];
  };
  const EvaluateRow right = row_of(std::make_shared<OnlyTheRightCount>()),
                    alike = row_of(std::make_shared<AllAlike>());
  EXPECT_EQ(right.majority.n, 30);
  EXPECT_LT(right.pass_1.n_hits, 30);
  EXPECT_GT(right.majority.n_hits, right.pass_1.n_hits);
  EXPECT_EQ(alike.majority.n_hits, alike.pass_1.n_hits);
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  const std::string text = read_file(path).value();
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    lines.push_back(text.substr(at, text.find('\n', at) - at));
  return lines;
}

SftWriteOptions write_options() {
  SftWriteOptions o;
  o.draw.splits.assign(all_splits().size(), 0.0);
  o.draw.splits[0] = 1;
  o.n_problems = 10;
  o.n_samples = 8;
  o.most_a_problem = 2;
  o.max_answer_tokens = 40;
  return o;
}

TEST_F(EvaluateTest, RightAnswersAreKeptShortestFirstAndReadAsSamples) {
  class Content : public LowBytesEnvironment {
   public:
    Score score(const Problem&, std::string_view text, const RewardOptions&) const override {
      Score s;
      s.correct = s.well_formed = !text.empty();
      return s;
    }
  };
  const ProblemSet content({std::make_shared<Content>()});
  const TestFolder folder;
  const auto format = ChatFormat::of(tokenizer_, "test").value();
  const auto counts = write_right_answers(folder.path() / "right.jsonl", *engine_, format, content,
                                          write_options());
  ASSERT_TRUE(counts.ok()) << counts.message();
  EXPECT_EQ(counts.value().problems, 10);
  EXPECT_EQ(counts.value().answers, 80);
  EXPECT_GT(counts.value().written, 0);
  EXPECT_LT(counts.value().right, 80);  // those that were cut off are not
  EXPECT_LE(counts.value().written, 2 * counts.value().solved);
  EXPECT_LE(counts.value().written, counts.value().right);
  const auto lines = lines_of(folder.path() / "right.jsonl");
  ASSERT_EQ(static_cast<int64_t>(lines.size()), counts.value().written);
  for (const std::string& line : lines) {
    const auto sample = parse_sft_sample(line, "right.jsonl");
    ASSERT_TRUE(sample.ok()) << sample.message();
    EXPECT_TRUE(sample.value().back().answer.starts_with("<think>\n"));
  }
}

}  // namespace
}  // namespace fathom
