// fathom init and fathom inspect as a user calls them, on good input and on bad.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/command.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kConfig =
    R"({"model_type": "deepseek_v3", "vocab_size": 300, "hidden_size": 64,
  "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 2, "q_lora_rank": null, "kv_lora_rank": 16,
  "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "n_routed_experts": 4, "n_shared_experts": 1,
  "num_experts_per_tok": 2, "moe_intermediate_size": 12, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1})";

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// A fresh synthetic checkpoint in model_.
class InspectCommand : public testing::Test {
 protected:
  InspectCommand()
      : root_(fs::path(testing::TempDir()) /
              ("fathom_inspect_" + std::to_string(getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name())),
        model_(root_ / "model") {
    fs::remove_all(root_);
    fs::create_directories(root_);
    write_text(root_ / "config.json", kConfig);
  }
  ~InspectCommand() override { fs::remove_all(root_); }
  CommandResult init(const std::string& flags = "") {
    return run_fathom("init '" + (root_ / "config.json").string() + "' -o '" + model_.string() +
                      "' " + flags);
  }
  CommandResult inspect(const std::string& flags = "") {
    return run_fathom("inspect '" + model_.string() + "' " + flags);
  }
  /// Exit code 1 and exactly this sentence.
  void expect_sentence(const CommandResult& result, const std::string& sentence) {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.err, "fathom: " + sentence + "\n");
    EXPECT_EQ(result.out, "");
  }
  /// Where tensor `name` begins in model.safetensors.
  int64_t place(const std::string& name) {
    const std::string file = read_text(model_ / "model.safetensors");
    uint64_t n = 0;
    std::memcpy(&n, file.data(), 8);
    const Json offsets = Json::parse(file.substr(8, n))[name]["data_offsets"];
    const auto start = static_cast<int64_t>(8 + n);
    return start + offsets[0].get<int64_t>();
  }
  /// Replaces a part of the header by another of the same length.
  void edit_header(const std::string& from, const std::string& to) {
    ASSERT_EQ(from.size(), to.size());
    std::string file = read_text(model_ / "model.safetensors");
    const size_t at = file.find(from);
    ASSERT_NE(at, std::string::npos);
    write_text(model_ / "model.safetensors", file.replace(at, from.size(), to));
  }

  fs::path root_, model_;
};

TEST_F(InspectCommand, TellsWhatInitWrote) {
  ASSERT_EQ(init("--seed 5 --dtype fp8 --max-shard-bytes 20000").exit_code, 0);
  const CommandResult result = inspect("--json --check -c 100");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json j = Json::parse(result.out);
  ASSERT_EQ(j["layers"].size(), 3u);  // one dense, two MoE, one MTP
  EXPECT_EQ(j["layers"][1]["first"], 1);
  EXPECT_EQ(j["layers"][1]["count"], 2);
  EXPECT_EQ(j["layers"][1]["ffn"], "moe");
  EXPECT_EQ(j["layers"][2]["mtp"], true);
  EXPECT_EQ(j["cache_bytes_per_token"], (16 + 4) * 3 * 2);
  EXPECT_EQ(j["flops_per_token"]["context_length"], 100);
  EXPECT_EQ(j["checked"], true);
  EXPECT_EQ(j["tokenizer"], nullptr);
  int64_t n_bytes = 0;
  for (const auto& entry : fs::directory_iterator(model_)) {
    if (entry.path().extension() == ".safetensors")
      n_bytes += static_cast<int64_t>(entry.file_size());
  }
  EXPECT_EQ(j["bytes_on_disk"], n_bytes);
  EXPECT_EQ(j["config"]["quantization_config"]["quant_method"], "fp8");
  int64_t of_layers = 0;
  for (const Json& run : j["layers"]) of_layers += run["parameters"].get<int64_t>();
  // Embedding, final norm and head belong to no layer.
  EXPECT_EQ(j["parameters"]["total"].get<int64_t>() + j["parameters"]["mtp"].get<int64_t>(),
            of_layers + 2 * 300 * 64 + 64);
}

TEST_F(InspectCommand, ABareConfigTellsWhatItsCheckpointWouldBe) {
  const CommandResult text = run_fathom(std::string("inspect ") + FATHOM_SOURCE_DIR +
                                        "/tests/fixtures/configs/deepseek-v3.json");
  ASSERT_EQ(text.exit_code, 0) << text.err;
  for (const char* fact : {"671.0 B total", "70,272 bytes a token", "3-60", "8 of 256", "61 mtp",
                           "688.6 GB on disk"}) {
    EXPECT_NE(text.out.find(fact), std::string::npos) << fact << "\n" << text.out;
  }
  ASSERT_EQ(init("--dtype bf16").exit_code, 0);
  const Json bare =
      Json::parse(run_fathom("inspect '" + (root_ / "config.json").string() + "' --json").out);
  const Json real = Json::parse(inspect("--json").out);
  EXPECT_EQ(bare["bytes_in_memory"], real["bytes_in_memory"]);
  EXPECT_EQ(bare["dtypes"], real["dtypes"]);
  EXPECT_EQ(bare["layers"], real["layers"]);
}

TEST_F(InspectCommand, InitOverwritesNothing) {
  ASSERT_EQ(init().exit_code, 0);
  const std::string before = read_text(model_ / "model.safetensors");
  expect_sentence(init("--seed 9"),
                  model_.string() + ": an empty or absent directory wanted, a full one found");
  EXPECT_EQ(read_text(model_ / "model.safetensors"), before);
}

TEST_F(InspectCommand, InitLeavesNothingBehindWhereTheDiskIsFull) {
  // A limit on file sizes stands for the full disk.
  const std::string command = std::string("trap '' XFSZ; ulimit -f 4; '") + FATHOM_BINARY +
                              "' init '" + (root_ / "config.json").string() + "' -o '" +
                              model_.string() + "' 2>'" + (root_ / "err").string() + "'";
  const int status = std::system(("bash -c \"" + command + "\"").c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_EQ(read_text(root_ / "err"), "fathom: " + (model_ / "model.safetensors").string() +
                                          ": cannot write: File too large\n");
  EXPECT_FALSE(fs::exists(model_));
}

TEST_F(InspectCommand, AConfigThatIsNotSupportedIsRefusedBeforeAnyWork) {
  std::string text = kConfig;
  write_text(root_ / "config.json", text.replace(text.find("deepseek_v3"), 11, "gpt_neox___"));
  expect_sentence(
      init(), (root_ / "config.json").string() +
                  ": model_type: one of \"deepseek_v2\", \"deepseek_v3\", \"kimi_k2\", \"llama\", "
                  "\"qwen2\", \"qwen3\" wanted, \"gpt_neox___\" found");
  EXPECT_FALSE(fs::exists(model_));
}

TEST_F(InspectCommand, ATruncatedFileIsOneSentence) {
  ASSERT_EQ(init().exit_code, 0);
  const auto size = fs::file_size(model_ / "model.safetensors");
  fs::resize_file(model_ / "model.safetensors", size - 10);
  const CommandResult result = inspect();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("fathom: model.safetensors: "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("data_offsets: a range within"), std::string::npos) << result.err;
  fs::resize_file(model_ / "model.safetensors", 100);
  EXPECT_NE(inspect().err.find("model.safetensors: a header of "), std::string::npos);
  fs::resize_file(model_ / "model.safetensors", 4);
  expect_sentence(inspect(), "model.safetensors: a header length of 8 bytes wanted, 4 bytes found");
}

TEST_F(InspectCommand, ALyingHeaderIsOneSentence) {
  ASSERT_EQ(init().exit_code, 0);
  edit_header("\"shape\":[300,64]", "\"shape\":[300,65]");
  expect_sentence(inspect(),
                  "model.safetensors: model.embed_tokens.weight: data_offsets: 39000 bytes for "
                  "BF16 [300, 65] wanted, "
                  "38400 found");
}

TEST_F(InspectCommand, AnUnknownDtypeIsOneSentence) {
  ASSERT_EQ(init().exit_code, 0);
  edit_header("\"dtype\":\"BF16\"", "\"dtype\":\"BF17\"");
  const CommandResult result = inspect();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find(
                "dtype: BF16, F16, F32, F8_E4M3 or another known one wanted, \"BF17\" found\n"),
            std::string::npos)
      << result.err;
}

TEST_F(InspectCommand, AShapeThatContradictsTheConfigIsOneSentence) {
  ASSERT_EQ(init().exit_code, 0);
  edit_header("\"shape\":[4,64]", "\"shape\":[64,4]");  // the first router in the file's order
  expect_sentence(
      inspect(),
      "model.safetensors: model.layers.1.mlp.gate.weight: shape [4, 64] wanted, [64, 4] found");
}

TEST_F(InspectCommand, AMissingShardIsOneSentence) {
  ASSERT_EQ(init("--max-shard-bytes 20000").exit_code, 0);
  const Json map = Json::parse(read_text(model_ / "model.safetensors.index.json"))["weight_map"];
  std::string shard, first;
  for (const auto& [name, file] : map.items()) {
    if (shard.empty() && name.find("experts.3") != std::string::npos) shard = file;
  }
  for (const auto& [name, file] : map.items()) {
    if (first.empty() && file == shard) first = name;
  }
  fs::remove(model_ / shard);
  expect_sentence(inspect(), "model.safetensors.index.json: " + first + ": file " + shard +
                                 " wanted, none found");
}

TEST_F(InspectCommand, NanWeightsAreFoundOnRequest) {
  ASSERT_EQ(init().exit_code, 0);
  const int64_t begin = place("model.layers.2.mlp.experts.3.up_proj.weight");  // bf16 [12, 64]
  std::string file = read_text(model_ / "model.safetensors");
  file[begin + 2 * (64 + 7)] = static_cast<char>(0xc0);
  file[begin + 2 * (64 + 7) + 1] = static_cast<char>(0x7f);
  write_text(model_ / "model.safetensors", file);
  EXPECT_EQ(inspect().exit_code, 0);  // headers alone do not tell
  expect_sentence(inspect("--check"),
                  "model.safetensors: model.layers.2.mlp.experts.3.up_proj.weight: finite values "
                  "wanted, NaN at [1, 7] found");
}

TEST_F(InspectCommand, ATokenizerThatDoesNotFitIsNoted) {
  ASSERT_EQ(init().exit_code, 0);
  const fs::path tokenizer =
      fs::path(FATHOM_SOURCE_DIR) / "tests/golden/data/tokenizers/v3-style/tokenizer.json";
  fs::copy_file(tokenizer, model_ / "tokenizer.json");
  const CommandResult result = inspect();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("tokenizer.json: ids below vocab_size 300 wanted, up to "),
            std::string::npos)
      << result.out;
}

}  // namespace
}  // namespace fathom
