#include "rl/sft_source.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "base/file.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "checkpoint/checkpoint.h"
#include "rl/rollout_batch.h"
#include "rl/test_support.h"
#include "train/snapshot.h"
#include "train/train.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

std::string sample_line(const std::string& question, const std::string& answer) {
  return R"({"messages": [{"role": "user", "content": ")" + question +
         R"("}, {"role": "assistant", "content": ")" + answer + "\"}]}\n";
}

std::shared_ptr<const Tokenizer> tokenizer() { return std::make_shared<ByteChatTokenizer>(); }

ChatFormat format() {
  auto f = ChatFormat::of(tokenizer(), "here");
  EXPECT_TRUE(f.ok()) << f.message();
  return f.value();
}

TEST(SftSample, LossIsOnWhatFollowsTheOpenedThoughtAndTheEos) {
  const auto sample =
      parse_sft_sample(sample_line("2+2 <｜User｜>", "<think>\\nsum\\n</think>\\n4"), "a:1");
  ASSERT_TRUE(sample.ok()) << sample.message();
  const auto t = encode_sft_sample(sample.value(), format(), "a:1");
  ASSERT_TRUE(t.ok()) << t.message();
  const ByteChatTokenizer bytes;
  EXPECT_EQ(bytes.decode(t.value().prompt, false),
            "<｜begin▁of▁sentence｜><｜User｜>2+2 <｜User｜><｜Assistant｜><think>\n");
  // What a person spells is no turn: one control token User, not two.
  EXPECT_EQ(std::count(t.value().prompt.begin(), t.value().prompt.end(), ByteChatTokenizer::kUser),
            1);
  EXPECT_EQ(bytes.decode(t.value().answer, false), "sum\n</think>\n4<｜end▁of▁sentence｜>");
  EXPECT_EQ(
      std::count(t.value().answer.begin(), t.value().answer.end(), ByteChatTokenizer::kEndThink),
      1);
  EXPECT_EQ(t.value().answer.back(), ByteChatTokenizer::kEos);
}

TEST(SftSample, WhatIsNoSampleIsRefusedByFileAndLine) {
  const struct {
    std::string line, message;
  } cases[] = {
      {"{", "d.jsonl:7: a JSON object {\"messages\": [...]} wanted, text that is no JSON found"},
      {R"({"text": "x"})",
       "d.jsonl:7: a JSON object {\"messages\": [...]} wanted, another value found"},
      {R"({"messages": [{"role": "user", "content": 3}]})",
       "d.jsonl:7: messages[0]: {\"role\", \"content\"} of two strings wanted, "
       "\"{\\\"content\\\":3,\\\"role\\\":\\\"user\\\"}\" found"},
      {R"({"messages": [{"role": "robot", "content": "x"}]})",
       "d.jsonl:7: messages[0]: role system, user or assistant wanted, \"robot\" found"},
      {R"({"messages": [{"role": "user", "content": "x"}]})",
       "d.jsonl:7: a last message of the assistant wanted, one of the user found"},
      {R"({"messages": [{"role": "assistant", "content": "x"}]})",
       "d.jsonl:7: a message of the user before messages[0] wanted, none found"},
      {R"({"messages": [{"role": "user", "content": "x", "weight": 1}]})",
       "d.jsonl:7: messages[0]: weight 0, or of the assistant 1 wanted, 1 found"},
      {R"({"messages": [{"role": "user", "content": "x"},
          {"role": "assistant", "content": "y", "weight": "all"}]})",
       "d.jsonl:7: messages[1]: weight 0, or of the assistant 1 wanted, \"all\" found"},
      {R"({"messages": [{"role": "user", "content": "x"},
          {"role": "assistant", "content": "y", "weight": 0}]})",
       "d.jsonl:7: messages[1], the last: weight 1 wanted, 0 found"},
      {R"({"messages": [{"role": "user", "content": "x"},
          {"role": "assistant", "content": "<think>\n</think>y", "weight": 1},
          {"role": "system", "content": "z"}, {"role": "user", "content": "x"},
          {"role": "assistant", "content": "<think>\n</think>y"}]})",
       "d.jsonl:7: a system message before the first answer that is learnt from wanted, one behind "
       "it found"},
      {sample_line("x", "y"),
       "d.jsonl:7: an answer that begins with <think> and closes it wanted, \"y\" found"},
  };
  for (const auto& c : cases) {
    const auto sample = parse_sft_sample(c.line, "d.jsonl:7");
    if (!sample.ok()) {
      EXPECT_EQ(sample.message(), c.message);
      continue;
    }
    const auto tokens = encode_sft_sample(sample.value(), format(), "d.jsonl:7");
    EXPECT_EQ(tokens.ok() ? "a sample" : tokens.message(), c.message);
  }
}

std::string two_turns(const std::string& first, const std::string& second, int weight) {
  return R"({"messages": [{"role": "user", "content": ")" + first +
         R"("}, {"role": "assistant", "content": "<think>\na\n</think>\n1", "weight": )" +
         std::to_string(weight) + R"(}, {"role": "user", "content": ")" + second +
         R"("}, {"role": "assistant", "content": "<think>\nb\n</think>\n2"}]})" + "\n";
}

TEST(SftSample, EarlierAnswersOfWeight1AreLearntFromWithTheirThoughts) {
  const ByteChatTokenizer bytes;
  const auto encoded = [&](int weight) {
    const auto turns = parse_sft_sample(two_turns("q", "r", weight), "a:1");
    EXPECT_TRUE(turns.ok()) << turns.message();
    const auto t = encode_sft_sample(turns.value(), format(), "a:1");
    EXPECT_TRUE(t.ok()) << t.message();
    return t.value();
  };
  const SftTokens both = encoded(1);
  EXPECT_EQ(bytes.decode(both.prompt, false),
            "<｜begin▁of▁sentence｜><｜User｜>q<｜Assistant｜><think>\n");
  EXPECT_EQ(bytes.decode(both.answer, false),
            "a\n</think>\n1<｜end▁of▁sentence｜><｜User｜>r<｜Assistant｜><think>\n"
            "b\n</think>\n2<｜end▁of▁sentence｜>");
  std::vector<int32_t> learnt;
  for (size_t i = 0; i < both.answer.size(); ++i)
    if (both.learnt.at(i)) learnt.push_back(both.answer[i]);
  EXPECT_EQ(bytes.decode(learnt, false),
            "a\n</think>\n1<｜end▁of▁sentence｜>b\n</think>\n2<｜end▁of▁sentence｜>");
  // Without it the template shows them as it does in a chat.
  const SftTokens last = encoded(0);
  EXPECT_EQ(bytes.decode(last.prompt, false),
            "<｜begin▁of▁sentence｜><｜User｜>q<｜Assistant｜>\n1<｜end▁of▁sentence｜>"
            "<｜User｜>r<｜Assistant｜><think>\n");
  EXPECT_EQ(bytes.decode(last.answer, false), "b\n</think>\n2<｜end▁of▁sentence｜>");
}

TEST(SftSample, ALineOfAnyBytesIsASampleOrOneSentence) {
  const std::string whole = two_turns("a \\u00e9 question", "another", 1);
  const std::string_view pieces[] = {"\"",   "\\",       "{",      "]",     "null",
                                     "\xff", "</think>", "weight", "-1e999"};
  size_t samples = 0, refused = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    const Rng rng(seed, 1);
    std::string line = whole;
    for (uint64_t i = 0; i <= rng.below(0, 3); ++i) {
      const size_t at = rng.below(3 * i + 1, line.size());
      const std::string_view piece = pieces[rng.below(3 * i + 2, std::size(pieces))];
      line.replace(at, rng.below(3 * i + 3, 12), piece);
    }
    const auto turns = parse_sft_sample(line, "d:1");
    const auto tokens = turns.ok() ? encode_sft_sample(turns.value(), format(), "d:1")
                                   : Result<SftTokens>(turns.status());
    ++(tokens.ok() ? samples : refused);
    if (tokens.ok()) {
      EXPECT_EQ(tokens.value().answer.size(), tokens.value().learnt.size());
      EXPECT_EQ(tokens.value().answer.back(), ByteChatTokenizer::kEos);
    } else {
      EXPECT_TRUE(tokens.message().starts_with("d:1: ")) << tokens.message();
      EXPECT_LT(tokens.message().size(), 300u) << tokens.message();
    }
  }
  EXPECT_GT(samples, 50u);
  EXPECT_GT(refused, 1000u);
}

/// A run on questions of many lengths that ask for a copy.
class SftRun : public testing::Test {
 protected:
  SftRun() {
    std::string lines, held_out;
    for (int i = 0; i < 60; ++i) {
      const std::string word(1 + i % 17, static_cast<char>('a' + i % 7));
      (i % 10 == 9 ? held_out : lines) +=
          sample_line(word, "<think>\\nw" + word + "\\n</think>\\n" + word);
    }
    folder_.write("data.jsonl", lines);
    folder_.write("held_out.jsonl", held_out);
    auto model = TrainerModel::create(tiny_model_config(), 1, {});
    EXPECT_TRUE(model.ok()) << model.message();
    EXPECT_TRUE(write_trained_checkpoint(folder_.path() / "start", *model.value()).ok());
    folder_.write("run.toml", R"([model]
init_from = "start"
[data]
sources = [{ path = "data.jsonl" }]
validation = [{ path = "held_out.jsonl" }]
seq_len = 96
seed = 5
[train]
epochs = 4
batch_size = 4
micro_batch_size = 2
lr = [{ shape = "cosine", from = 5e-3, value = 5e-4 }]
weight_decay = 0.0
balance_alpha = 0
threads = 1
[eval]
every = 8
[checkpoint]
every = 7
minutes = 0
[log]
peak_flops = 1e9
[guard]
spike_factor = 0
)");
  }
  TrainCall call(const std::string& name, bool resume = false,
                 const std::vector<std::string>& overrides = {}) {
    TrainCall c;
    auto config = read_run_config(folder_.path() / "run.toml", overrides);
    EXPECT_TRUE(config.ok()) << config.message();
    c.config = config.value();
    c.where = "run.toml";
    c.directory.root = folder_.path() / name;
    c.resume = resume;
    c.hooks.open_tokenizer = [](const fs::path&) -> Result<std::shared_ptr<const Tokenizer>> {
      return tokenizer();
    };
    c.hooks.create_model = [](const RunConfig& run, const ModelConfig& config,
                              const TrainOptions& o) -> Result<std::unique_ptr<TrainerModel>> {
      if (run.model.init_from.empty()) return TrainerModel::create(config, 1, o);
      FATHOM_ASSIGN_OR_RETURN(const auto checkpoint, open_checkpoint(run.model.init_from));
      return TrainerModel::from_checkpoint(*checkpoint, o);
    };
    c.hooks.write_weights = write_trained_checkpoint;
    c.make_source = make_sft_source;
    c.observer = &listener_;
    return c;
  }
  std::string state_of(const std::string& name) {
    return read_file(*newest_snapshot(folder_.path() / name / "checkpoints") / "state.safetensors")
        .value();
  }
  class Listener : public TrainObserver {
   public:
    void on_step(const StepRecord& r, double) override {
      records.push_back(r);
      if (r.step == kill_at) raise(SIGKILL);
    }
    std::vector<StepRecord> records;
    int64_t kill_at = -1;
  };
  TestFolder folder_;
  Listener listener_;
};

TEST_F(SftRun, ItLearnsAndMeasuresHeldOutSamples) {
  const auto r = train(call("run"));
  ASSERT_TRUE(r.ok()) << r.message();
  const auto& records = listener_.records;
  EXPECT_NEAR(records.back().epochs, 4, 0.4);
  ASSERT_TRUE(records.back().val_loss.has_value());
  EXPECT_FALSE(records.back().val_bpb.has_value());
  EXPECT_LT(records.back().loss_ce, 0.6 * records.front().loss_ce);
  EXPECT_LT(*records.back().val_loss, 0.6 * records.front().loss_ce);
  EXPECT_GT(records.back().loss_mtp, 0);
  EXPECT_NEAR(records.back().lr, 5e-4, 1e-9);
}

TEST_F(SftRun, KilledAndResumedItEndsWithTheSameBits) {
  ASSERT_TRUE(train(call("whole")).ok());
  const int64_t last = listener_.records.back().step;
  ASSERT_GT(last, 10);
  for (const int64_t at : {3, 9}) {
    const std::string name = "killed" + std::to_string(at);
    const pid_t pid = fork();
    if (pid == 0) {
      listener_.kill_at = at;
      _exit(train(call(name)).ok() ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto r = train(call(name, /*resume=*/true));
    ASSERT_TRUE(r.ok()) << r.message();
    EXPECT_EQ(state_of(name), state_of("whole"));
  }
}

TEST_F(SftRun, ASampleThatIsTooLongIsRefusedOrLeftOutAndCounted) {
  const auto refused = train(call("refused", false, {"data.seq_len=30"}));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find("data.jsonl:"), std::string::npos) << refused.message();
  EXPECT_NE(refused.message().find("at most data.seq_len 30 predicted tokens"), std::string::npos)
      << refused.message();
  auto source = make_sft_source();
  TrainCall c = call("out", false, {"data.seq_len=30", "data.too_long=\"leave_out\""});
  SourceStart start;
  start.tokenizer = tokenizer();
  start.directory.root = folder_.path() / "out";
  ASSERT_TRUE(source->open(c.config, start).ok());
  EXPECT_GT(source->summary().counts.too_long, 0);
  EXPECT_GT(source->summary().train_documents, 0);
}

TEST_F(SftRun, LossIsOnTheTokensOfEveryAnswerThatIsLearntFrom) {
  // Longer than a byte counts, so that a stored length has two ids.
  const std::string first(300, 'q'), second(290, 'r');
  folder_.write("data.jsonl", two_turns(first, second, 1));
  auto source = make_sft_source();
  SourceStart start;
  start.tokenizer = tokenizer();
  start.directory.root = folder_.path() / "turns";
  const auto opened = source->open(call("turns", false, {"data.seq_len=700"}).config, start);
  ASSERT_TRUE(opened.ok()) << opened.message();
  const auto sample = encode_sft_sample(
      parse_sft_sample(two_turns(first, second, 1), "a:1").value(), format(), "a:1");
  source->begin_step(1);
  const MicroBatch m = source->next();
  const auto& expected = sample.value();
  EXPECT_EQ(source->summary().train_tokens,
            static_cast<int64_t>(expected.prompt.size() + expected.answer.size()));
  std::vector<int32_t> learnt, learnt_expected;
  for (int64_t t = 0; t < m.batch.lengths[0]; ++t)
    if (m.batch.loss_weights.row(0)[t] == 1.0f) learnt.push_back(m.batch.tokens.row(0)[t + 1]);
  for (size_t i = 0; i < expected.answer.size(); ++i)
    if (expected.learnt[i]) learnt_expected.push_back(expected.answer[i]);
  EXPECT_EQ(learnt, learnt_expected);
  EXPECT_EQ(m.loss_weight, static_cast<double>(learnt.size() * m.n_sequences));
}

TEST_F(SftRun, AnEpochReadsEachSampleOnceAndMicroBatchesAreNearlyFull) {
  auto source = make_sft_source();
  TrainCall c = call("epoch", false, {"train.micro_batch_size=4"});
  SourceStart start;
  start.tokenizer = tokenizer();
  start.directory.root = folder_.path() / "epoch";
  ASSERT_TRUE(source->open(c.config, start).ok());
  std::multiset<std::vector<int32_t>> seen;
  int64_t tokens = 0, n = 0;
  for (; source->epochs() < 1; ++n) {
    source->begin_step(1);
    const MicroBatch m = source->next();
    EXPECT_LE(m.n_tokens, 4 * 96);
    EXPECT_EQ(m.share, 1.0);
    tokens += m.n_tokens;
    for (int64_t s = 0; s < m.n_sequences; ++s) {
      const int32_t* row = m.batch.tokens.row(s);
      seen.insert({row, row + m.batch.lengths[s] + 1});
    }
  }
  EXPECT_EQ(n, source->micro_batches_in(1));
  EXPECT_GE(static_cast<int64_t>(seen.size()), source->summary().train_documents);
  EXPECT_GT(static_cast<double>(tokens) / (n * 4 * 96), 0.85);
  int64_t bytes = 0;
  for (const auto& s : seen) bytes += static_cast<int64_t>(s.size()) - 1;
  EXPECT_EQ(bytes, tokens);
}

}  // namespace
}  // namespace fathom
