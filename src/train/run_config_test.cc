#include "train/run_config.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"

namespace fathom {
namespace {

const char* const kWhole = R"(# a run
[model]
config = "model/config.json"
hidden_size = 64
rope_scaling = { type = "yarn", factor = 4.0 }

[tokenizer]
path = "/tok"

[data]
sources = [
  { path = "text", weight = 2.5, glob = "*.html" },
  { path = "/abs/book.txt", separator = "\n\n\n" },
]
validation_fraction = 0.01
seq_len = 128
fim_rate = 0.1
document_mask = true
seed = 3

[train]
tokens = 14.8e6
batch_size = [
  { shape = "linear", from = 32, value = 160, tokens = 469e3 },
  { value = 160 },
]
micro_batch_size = 8
lr = [
  { shape = "linear", value = 2.2e-4, steps = 20 },
  { value = 2.2e-4, tokens = 1e7 },
  { shape = "cosine", value = 2.2e-5, fraction = 0.29 },
  { value = 7.3e-6 },
]
moments = "bf16"
compute = "f32"
mtp_lambda = [{ value = 0.3, fraction = 0.7 }, { value = 0.1 }]
bias_gamma = 0.01
bias_recentre = false
ema_decay = 0.999

[checkpoint]
every = 100
minutes = 10.5

[guard]
spike_factor = 0
)";

// The least a run needs.
const char* const kLeast = R"([model]
config = "c.json"
[tokenizer]
path = "t"
[data]
sources = [{ path = "x" }]
seq_len = 8
[train]
steps = 5
batch_size = 4
lr = 1e-3
)";

Result<RunConfig> parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_run_config(text, "run.toml", "/base", overrides);
}

TEST(RunConfig, EveryKeyArrives) {
  const auto r = parse(kWhole);
  ASSERT_TRUE(r.ok()) << r.message();
  const RunConfig& c = r.value();
  EXPECT_EQ(c.model.config, "/base/model/config.json");
  EXPECT_EQ(c.model.keys, R"({"hidden_size":64,"rope_scaling":{"factor":4.0,"type":"yarn"}})");
  EXPECT_EQ(c.tokenizer.path, "/tok");
  ASSERT_EQ(c.data.options.sources.size(), 2u);
  EXPECT_EQ(c.data.options.sources[0].path, "/base/text");
  EXPECT_EQ(c.data.options.sources[0].weight, 2.5);
  EXPECT_EQ(c.data.options.sources[0].glob, "*.html");
  EXPECT_EQ(c.data.options.sources[1].separator, "\n\n\n");
  EXPECT_EQ(c.data.options.validation_fraction, 0.01);
  EXPECT_EQ(c.data.options.seed, 3u);
  EXPECT_TRUE(c.data.document_mask);
  EXPECT_EQ(c.train.tokens, 14800000);
  ASSERT_EQ(c.train.batch_size.size(), 2u);
  EXPECT_EQ(c.train.batch_size[0].from, 32);
  EXPECT_EQ(c.train.batch_size[0].length.unit, LengthUnit::kTokens);
  ASSERT_EQ(c.train.lr.size(), 4u);
  EXPECT_EQ(c.train.lr[0].shape, PhaseShape::kLinear);
  EXPECT_FALSE(c.train.lr[0].from.has_value());
  EXPECT_EQ(c.train.lr[2].shape, PhaseShape::kCosine);
  EXPECT_EQ(c.train.lr[2].length.amount, 0.29);
  EXPECT_EQ(c.train.lr[3].length.unit, LengthUnit::kRest);
  EXPECT_EQ(c.train.adamw.moments, MomentType::kBf16);
  EXPECT_EQ(c.train.adamw.ema_decay, 0.999);
  EXPECT_EQ(c.train.compute, Compute::kF32);
  EXPECT_FALSE(c.train.bias_recentre);
  EXPECT_EQ(c.checkpoint.minutes, 10.5);
  EXPECT_EQ(c.guard.spike_factor, 0);
  // what is not named keeps its default
  EXPECT_EQ(c.train.adamw.beta2, 0.95);
  EXPECT_EQ(c.train.adamw.weight_decay, 0.1);
  EXPECT_EQ(c.checkpoint.keep, 2);
}

TEST(RunConfig, WrittenAndReadAgainItIsTheSame) {
  for (const char* text : {kWhole, kLeast}) {
    const auto first = parse(text);
    ASSERT_TRUE(first.ok()) << first.message();
    const std::string written = write_run_config(first.value());
    const auto second = parse_run_config(written, "again", "/elsewhere", {});
    ASSERT_TRUE(second.ok()) << second.message() << "\n" << written;
    EXPECT_EQ(write_run_config(second.value()), written);
    EXPECT_EQ(second.value().model.keys, first.value().model.keys);
    EXPECT_EQ(second.value().train.lr.size(), first.value().train.lr.size());
    EXPECT_EQ(second.value().data.options.sources.size(),
              first.value().data.options.sources.size());
  }
}

TEST(RunConfig, AnOverrideWinsAndTakesItsPathsFromHere) {
  const auto r = parse(
      kWhole, {"train.lr=1e-3", "data.seed = 9", "model.hidden_size=32", "tokenizer.path=\"tok\""});
  ASSERT_TRUE(r.ok()) << r.message();
  ASSERT_EQ(r.value().train.lr.size(), 1u);
  EXPECT_EQ(r.value().train.lr[0].value, 1e-3);
  EXPECT_EQ(r.value().data.options.seed, 9u);
  EXPECT_EQ(r.value().data.seq_len, 128);
  EXPECT_EQ(r.value().model.keys,
            R"({"hidden_size":32,"rope_scaling":{"factor":4.0,"type":"yarn"}})");
  EXPECT_EQ(r.value().tokenizer.path, std::filesystem::current_path() / "tok");
}

TEST(RunConfig, EachErrorNamesKeyAndLine) {
  const std::string least = kLeast;
  const struct {
    std::string text, message;
  } cases[] = {
      {least + "lrr = 1\n", "run.toml:12: train.lrr: no such key"},
      {least + "[trian]\n", "run.toml:12: trian: no such key or section"},
      {"steps = 3\n" + least, "run.toml:1: steps: no such key or section"},
      {least + "[eval]\nevery = -1\n",
       "run.toml:13: eval.every: a whole number from 0 to 9007199254740992 wanted, -1 found"},
      {least + "beta2 = 1.0\n",
       "run.toml:12: train.beta2: a number from 0 to 0.999999 wanted, 1.0 found"},
      {least + "beta2 = nan\n",
       "run.toml:12: train.beta2: a number from 0 to 0.999999 wanted, nan found"},
      {least + "recompute = 1\n", "run.toml:12: train.recompute: true or false wanted, 1 found"},
      {least + "moments = \"f16\"\n",
       "run.toml:12: train.moments: \"f32\" or \"bf16\" wanted, 'f16' found"},
      {least + "threads = 1.5\n",
       "run.toml:12: train.threads: a whole number from 0 to 4096 wanted, 1.5 found"},
      {least + "tokens = 10\n", "run.toml: one of train.steps, train.tokens and train.epochs wanted, several found"},
      {least + "micro_batch_size = 3\n",
       "run.toml: train.batch_size: whole multiples of train.micro_batch_size (3) wanted, 4 found"},
      {least + "mtp_lambda = [{ value = 1 }, { value = 2 }]\n",
       "run.toml:12: train.mtp_lambda: one of steps, tokens and fraction wanted in each phase but "
       "the last, none found"},
      {least + "mtp_lambda = [{ value = 1, steps = 1, tokens = 2 }]\n",
       "run.toml:12: train.mtp_lambda: one of steps, tokens and fraction wanted in each phase but "
       "the last, several found"},
      {least + "mtp_lambda = [{ steps = 1 }]\n",
       "run.toml:12: train.mtp_lambda.value wanted, not found"},
      {least + "mtp_lambda = [{ value = 1, step = 1 }]\n",
       "run.toml:12: train.mtp_lambda.step: no such key"},
      {least + "mtp_lambda = \"a lot\"\n",
       "run.toml:12: train.mtp_lambda: a number or an array of phases wanted, 'a lot' found"},
      {least + "seed = 1\nseed = 2\n", "run.toml:13: TOML wanted: "},
      {"[model\n", "run.toml:1: TOML wanted: "},
      {"[model]\nconfig = 3\n", "run.toml:2: model.config: a path wanted, 3 found"},
      {"[model]\nx = 1979-05-27\n",
       "run.toml:2: model.x: a value that JSON has wanted, 1979-05-27 found"},
      {"[data]\nsources = [\n{ path = \"a\" },\n{ weight = 2 }]\n",
       "run.toml:4: data.sources.path wanted, not found"},
      {"[data]\nsources = [\n{ path = \"a\", weight = 0 }]\n",
       "run.toml:3: data.sources.weight: a number from 0.001 to 1000 wanted, 0 found"},
      {"[data]\nsources = \"a\"\n",
       "run.toml:2: data.sources: an array of { path = … } tables wanted, 'a' found"},
      {"", "run.toml: tokenizer.path wanted, not found"},
      {"model = 3", "run.toml:1: model: a table wanted, 3 found"},
  };
  for (const auto& c : cases) {
    const auto r = parse(c.text);
    ASSERT_FALSE(r.ok()) << c.message;
    EXPECT_EQ(r.message().substr(0, c.message.size()), c.message);
  }
  EXPECT_EQ(parse(kLeast, {"train.lr=-1"}).message(),
            "--set train.lr=-1: train.lr: a number from 0 to 10 wanted, -1 found");
  EXPECT_EQ(parse(kLeast, {"train.rate=1"}).message(),
            "--set train.rate=1: train.rate: no such key");
  EXPECT_TRUE(
      parse(kLeast, {"tokenizer.path=abc"})
          .message()
          .starts_with("--set tokenizer.path=abc: section.key=value with a TOML value wanted"));
  EXPECT_EQ(parse(std::string(kLeast), {"model.init_from=\"w\""}).message(),
            "run.toml: model.init_from brings its own config: it alone wanted in [model], "
            "model.config found as well");
}

TEST(RunConfig, KeysOfModelAreLaidOverTheFileAndUnknownOnesRefused) {
  TestFolder folder;
  folder.write(
      "c.json",
      R"({"model_type": "llama", "vocab_size": 320, "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 4, "num_attention_heads": 4, "transformers_version": "4"})");
  const auto model_of = [&](const std::vector<std::string>& overrides) -> Result<ModelConfig> {
    const auto c = parse_run_config(kLeast, "run.toml", folder.path(), overrides);
    EXPECT_TRUE(c.ok()) << c.message();
    return resolve_model_config(c.value(), "run.toml");
  };
  EXPECT_EQ(model_of({}).value().hidden_size, 64);
  EXPECT_EQ(model_of({"model.hidden_size=32"}).value().hidden_size, 32);
  EXPECT_EQ(model_of({"model.hiden_size=32"}).message(),
            "run.toml: model.hiden_size: a key of a llama model wanted, an unknown one found");
  EXPECT_NE(model_of({"model.hidden_size=\"big\""}).message().find("hidden_size"),
            std::string::npos);
}

}  // namespace
}  // namespace fathom
