// run, chat and logits as a user calls them: a model of random weights that carries a real
// tokenizer, good input and bad.
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "checkpoint/synthetic.h"
#include "tests/command.h"
#include "tests/golden/golden.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kData = FATHOM_SOURCE_DIR "/tests/golden/data";

ModelConfig small_config() {
  auto config = read_model_config(fs::path(kData) / "v3-tiny-bf16/config.json");
  FATHOM_CHECK(config.ok());
  config.value().vocab_size = 2112;        // the tokenizer has 2083
  config.value().initializer_range = 0.2;  // so that logits differ
  return config.value();
}

class Speaking : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::path(testing::TempDir()) / ("fathom-speaking-" + std::to_string(getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
    for (const char* name : {"model", "mute"}) {
      FATHOM_CHECK(write_synthetic_checkpoint(root_ / name, small_config(), {.seed = 3}).ok());
    }
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) {
      fs::copy_file(fs::path(kData) / "tokenizers/v3-style" / file, root_ / "model" / file);
    }
  }
  static void TearDownTestSuite() { fs::remove_all(root_); }

  static std::string path(const std::string& name) { return (root_ / name).string(); }
  static void write(const std::string& name, const std::string& text) {
    std::ofstream(root_ / name, std::ios::binary) << text;
  }
  static CommandResult run(const std::string& arguments, const std::string& input = "") {
    return run_fathom(arguments, input);
  }
  static void expect_refusal(const CommandResult& result, const std::string& message) {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.err, "fathom: " + message + "\n");
    EXPECT_EQ(result.out, "");
  }
  static fs::path root_;
};
fs::path Speaking::root_;

std::vector<json> events(const std::string& out) {
  std::vector<json> list;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) list.push_back(json::parse(line));
  return list;
}

TEST_F(Speaking, RunContinuesAPromptAndTellsItsFigures) {
  const auto result = run("run -m " + path("model") + " -p 'The sky is' -n 12 --seed 5");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_FALSE(result.out.empty());
  for (const char* figure :
       {"prompt 7 tokens at ", "answer 12 tokens at ", "cache 18 tokens, 14.4 kB", "seed 5"}) {
    EXPECT_NE(result.err.find(figure), std::string::npos) << result.err;
  }
}

TEST_F(Speaking, TheSameSeedGivesTheSameTextForEveryChunkAndThreadCount) {
  const std::string command =
      "run -m " + path("model") + " -p 'The sky is blue' -n 16 --temp 1 --seed ";
  const std::string text = run(command + "5").out;
  EXPECT_EQ(run(command + "5 --chunk 1 -t 1").out, text);
  EXPECT_EQ(run(command + "5 --chunk 3 -t 2").out, text);
  EXPECT_NE(run(command + "6").out, text);
}

TEST_F(Speaking, JsonEventsAddUpToTheText) {
  const std::string flags = " -m " + path("model") + " -f - -n 12 --seed 5";
  const auto list = events(run("run --json" + flags, "Ein Satz über").out);
  ASSERT_EQ(list.size(), 14u);
  EXPECT_EQ(list.front()["event"], "start");
  EXPECT_EQ(list.front()["seed"], 5);
  EXPECT_EQ(list.back()["event"], "end");
  EXPECT_EQ(list.back()["finish_reason"], "length");
  EXPECT_EQ(list.back()["stats"]["n_generated"], 12);
  std::string text;
  for (size_t i = 1; i + 1 < list.size(); ++i) {
    EXPECT_EQ(list[i]["event"], "token");
    EXPECT_LE(list[i]["logprob"], 0.0);
    text += list[i]["text"].get<std::string>();
  }
  EXPECT_EQ(run("run" + flags, "Ein Satz über").out, text + (text.ends_with('\n') ? "" : "\n"));
}

TEST_F(Speaking, LogprobsAreThoseOfTheLogits) {
  const auto list = events(
      run("run --json -m " + path("model") + " -p ab -n 6 --temp 1.5 --top-k 50 --seed 2").out);
  ASSERT_EQ(list.size(), 8u);
  auto tokens = json::parse(run("tokenize --ids --bos -m " + path("model") + " ab").out)
                    .get<std::vector<int32_t>>();
  const auto n_prompt = list.front()["n_prompt"].get<size_t>();
  ASSERT_EQ(tokens.size(), n_prompt);
  for (size_t i = 1; i < 7; ++i) tokens.push_back(list[i]["id"]);
  write("said.json", json(tokens).dump());
  ASSERT_EQ(run("logits -m " + path("model") + " --tokens " + path("said.json") + " --out " +
                path("said.npy"))
                .exit_code,
            0);
  const Npy logits = read_npy(path("said.npy"));
  for (size_t i = 1; i < 7; ++i) {
    const double* row = logits.values.data() + (n_prompt + i - 2) * 2112;
    double sum = 0;
    for (int v = 0; v < 2112; ++v) sum += std::exp(row[v]);
    EXPECT_NEAR(row[tokens[n_prompt + i - 1]] - std::log(sum), list[i]["logprob"].get<double>(),
                1e-4);
  }
}

TEST_F(Speaking, LogitsAreTheSameForEveryChunkAndOneRowAToken) {
  write("tokens.json", "[5, 9, 200, 17, 2111, 0, 3]");
  const std::string command =
      "logits -m " + path("mute") + " --tokens " + path("tokens.json") + " --out ";
  ASSERT_EQ(run(command + path("a.npy")).exit_code, 0);
  ASSERT_EQ(run(command + path("b.npy") + " --chunk 3 -t 1").exit_code, 0);
  const Npy a = read_npy(path("a.npy"));
  EXPECT_EQ(a.descr, "<f4");
  EXPECT_EQ(a.shape, (std::vector<int64_t>{7, 2112}));
  EXPECT_EQ(read_file(path("a.npy")).value(), read_file(path("b.npy")).value());
  ASSERT_EQ(run(command + path("c.npy") + " --compute f32").exit_code, 0);
  EXPECT_NE(read_npy(path("c.npy")).values, a.values);
  ASSERT_EQ(run(command + path("d.npy") + " --mtp").exit_code, 0);
  EXPECT_EQ(read_npy(path("d.npy")).shape, (std::vector<int64_t>{6, 2112}));
}

TEST_F(Speaking, TokensThatAreNotWantedAreNamedAndNothingIsWritten) {
  const auto refused = [](const std::string& tokens, const std::string& message,
                          const std::string& flags = "") {
    write("bad.json", tokens);
    expect_refusal(run("logits -m " + path("mute") + " --tokens " + path("bad.json") + " --out " +
                       path("bad.npy") + flags),
                   message);
    EXPECT_FALSE(fs::exists(path("bad.npy")));
  };
  const std::string where = path("bad.json") + ": ";
  refused("[1, 2, 2112]", where + "token 2: an id from 0 to 2111 wanted, 2112 found");
  refused("[1, -2]", where + "token 1: an id from 0 to 2111 wanted, -2 found");
  refused("[1.5]", where + "token 0: an id from 0 to 2111 wanted, 1.5 found");
  refused("[\"a\"]", where + "token 0: an id from 0 to 2111 wanted, \"a\" found");
  refused("[]", where + "at least one token id wanted, an empty list found");
  refused("{\"a\": 1}", where + "a JSON list of token ids wanted, object found");
  refused("1, 2", where + "a JSON list of token ids wanted, no JSON found");
  refused("[1]", where + "at least 2 tokens wanted for --mtp, 1 found", " --mtp");
  std::string many = "1";
  for (int i = 0; i < 512; ++i) many += ",1";
  refused("[" + many + "]", where + "at most 512 tokens wanted (max_position_embeddings of " +
                                path("mute") + "), 513 found");
}

TEST_F(Speaking, AModelWithoutATokenizerIsToldWhatStillWorks) {
  for (const char* command : {"run -p hi -m ", "chat -m "}) {
    expect_refusal(
        run(command + path("mute")),
        path("mute") +
            ": a tokenizer.json wanted, none found; without one a model gives logits only "
            "(fathom logits)");
  }
}

TEST_F(Speaking, APromptLongerThanTheContextIsRefused) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += "word ";
  const auto result = run("run -f - -m " + path("model"), text);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("prompt: fewer than 512 tokens wanted"), std::string::npos)
      << result.err;
  expect_refusal(
      run("run -p 'a b c d' -c 3 -m " + path("model")),
      "prompt: fewer than 3 tokens wanted (the context of " + path("model") + "), 5 found");
  expect_refusal(
      run("run -p a -c 513 -m " + path("model")),
      path("model") +
          ": a context of at most 512 tokens wanted (max_position_embeddings of config.json), "
          "513 found");
}

TEST_F(Speaking, ATokenizerThatDoesNotFitTheVocabularyIsRefused) {
  ModelConfig config = small_config();
  config.vocab_size = 2000;
  ASSERT_TRUE(write_synthetic_checkpoint(root_ / "narrow", config, {.seed = 3}).ok());
  fs::copy_file(root_ / "model/tokenizer.json", root_ / "narrow/tokenizer.json");
  expect_refusal(
      run("run -p a -m " + path("narrow")),
      path("narrow") +
          ": tokenizer.json: at most 2000 tokens wanted (vocab_size of config.json), 2083 found");
}

TEST_F(Speaking, NanWeightsAreNamed) {
  fs::copy(root_ / "model", root_ / "broken");
  std::string bytes = read_file(root_ / "broken/model.safetensors").value();
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  const json index = json::parse(bytes.substr(8, header));
  const auto at = index["model.norm.weight"]["data_offsets"][0].get<size_t>() + 8 + header;
  bytes[at] = bytes[at + 1] = '\x7f';  // 0x7f7f is finite; 0x7fc0 is not
  bytes[at] = '\xc0';
  write("broken/model.safetensors", bytes);
  write("tokens.json", "[1, 2]");
  for (const std::string& command :
       {std::string("run -p a -n 2"),
        "logits --tokens " + path("tokens.json") + " --out " + path("nan.npy")}) {
    const auto result = run(command + " -m " + path("broken"));
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.err.find("model.norm.weight: finite values wanted, NaN"), std::string::npos)
        << result.err;
  }
  EXPECT_FALSE(fs::exists(path("nan.npy")));
}

TEST_F(Speaking, ARunStandsForItsNewestCheckpoint) {
  for (const char* step : {"step-2", "step-10"}) {
    fs::create_directories(root_ / "a-run/checkpoints");
    fs::copy(root_ / "model", root_ / "a-run/checkpoints" / step);
  }
  const auto list = events(run("run --json -p a -n 1 -m " + path("a-run")).out);
  ASSERT_FALSE(list.empty());
  EXPECT_EQ(list.front()["model"], path("a-run/checkpoints/step-10"));
}

TEST_F(Speaking, WhatCannotBeFoundIsNamed) {
  EXPECT_NE(run("run -p a -m no-such-model")
                .err.find("no-such-model: a path or the name of a shipped model wanted"),
            std::string::npos);
  expect_refusal(run("run -p a -m ./no/such"),
                 "./no/such: a model wanted, no such file or directory found");
  const auto result = run("run -m " + path("model") + " -f " + path("no-prompt"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("no-prompt"), std::string::npos);
  EXPECT_EQ(run("run -p a --top-p 2 -m " + path("model")).exit_code, 2);
  EXPECT_EQ(run("run -p a -f b -m " + path("model")).exit_code, 2);
}

TEST_F(Speaking, ChatOverAPipeAnswersLineByLineAndSaves) {
  const std::string flags = " -m " + path("model") + " --template deepseek-v3 -n 6 --seed 1";
  const auto result =
      run("chat" + flags, "hello\nmore\n/save " + path("talk.json") + "\n/statz\n/exit\nnever\n");
  EXPECT_EQ(result.exit_code, 1);  // for /statz
  EXPECT_NE(result.err.find("/statz: no such command; /help lists them"), std::string::npos)
      << result.err;
  EXPECT_NE(result.err.find("from the cache)"), std::string::npos) << result.err;
  const json saved = json::parse(read_file(path("talk.json")).value());
  ASSERT_EQ(saved["messages"].size(), 4u);
  EXPECT_EQ(saved["messages"][2]["content"], "more");
  // Loaded again, the conversation is the same one: the next answer equals the one of a session
  // that never left.
  const auto gone_on = run("chat" + flags, "hello\nmore\nlast\n");
  const auto loaded = run("chat" + flags, "/load " + path("talk.json") + "\nlast\n");
  EXPECT_EQ(loaded.exit_code, 0) << loaded.err;
  EXPECT_TRUE(gone_on.out.ends_with(loaded.out)) << gone_on.out << "---\n" << loaded.out;
  EXPECT_FALSE(loaded.out.empty());
}

TEST_F(Speaking, ChatGivesEventsToo) {
  const auto list = events(run("chat --json -n 3 --seed 1 -m " + path("model"), "one\ntwo\n").out);
  ASSERT_EQ(list.size(), 10u);
  for (size_t first : {0, 5}) {
    EXPECT_EQ(list[first]["event"], "start");
    EXPECT_EQ(list[first + 4]["event"], "end");
    EXPECT_EQ(list[first + 4]["stats"]["n_generated"], 3);
  }
}

TEST_F(Speaking, ABaseModelIsNotMadeToAnswer) {
  const std::string model = path("model");
  EXPECT_NE(run("run --chat -p hi -m " + model).err.find("a base model: it continues text"),
            std::string::npos);
  EXPECT_NE(run("chat --system x -m " + model).err.find("a base model: it continues text"),
            std::string::npos);
  EXPECT_NE(run("chat --template none -m " + model).err.find("--template takes"),
            std::string::npos);
  const std::string text = run("run -p 'Once upon' -n 6 --seed 1 -m " + model).out;
  EXPECT_EQ(run("chat -n 6 --seed 1 -m " + model, "Once upon\n").out, text);
}

}  // namespace
}  // namespace fathom
