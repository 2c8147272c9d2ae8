#include "checkpoint/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/synthetic.h"
#include "quant/decode.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig =
    R"({"model_type": "deepseek_v3", "vocab_size": 40, "hidden_size": 32,
 "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "q_lora_rank": 16, "kv_lora_rank": 16,
 "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "n_routed_experts": 4, "n_shared_experts": 1,
 "num_experts_per_tok": 2, "moe_intermediate_size": 12, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
 "num_nextn_predict_layers": 1)";
const std::string kPlain = std::string(kConfig) + "}";
const std::string kFp8 =
    std::string(kConfig) +
    R"(, "quantization_config": {"quant_method": "fp8", "weight_block_size": [16, 16]}})";

/// Tensors that a test may spoil before they are written.
class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(testing::TempDir()) /
                 ("fathom_" + std::to_string(getpid()) + "_" +
                  testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(directory_);
    make(kPlain);
  }
  void TearDown() override { fs::remove_all(directory_); }

  void make(const std::string& text) {
    auto config = parse_model_config(text, "config.json");
    ASSERT_TRUE(config.ok()) << config.message();
    config_ = config.value();
    tensors_.clear();
    data_.clear();
    for (const ParameterSpec& p : parameters(config_)) {
      const bool matrix = p.cols > 0;
      const bool fp8 = config_.fp8 && matrix && p.name.find("_proj") != std::string::npos &&
                       p.name.find("eh_proj") == std::string::npos;
      const std::vector<int64_t> shape = matrix ? std::vector{p.rows, p.cols} : std::vector{p.rows};
      add(p.name, fp8 ? DType::kF8E4M3 : DType::kBF16, shape);
      if (fp8) {
        add(p.name + "_scale_inv", DType::kF32, {(p.rows + 15) / 16, (p.cols + 15) / 16});
        auto& scales = data_.back();
        for (size_t i = 0; i < scales.size(); i += 4) {
          const float x = 0.25f * static_cast<float>(i / 4 + 1);
          std::memcpy(scales.data() + i, &x, 4);
        }
      }
    }
  }
  void add(const std::string& name, DType dtype, const std::vector<int64_t>& shape) {
    TensorToWrite t{name, dtype, shape, nullptr};
    data_.emplace_back(t.n_bytes());
    const Rng rng(1, tensors_.size());
    for (size_t i = 0; i < data_.back().size(); ++i) {
      data_.back()[i] = static_cast<uint8_t>(rng.bits(i)) & 0x3f;  // finite in every dtype
    }
    tensors_.push_back(t);
  }
  TensorToWrite& at(const std::string& name) {
    for (auto& t : tensors_) {
      if (t.name == name) return t;
    }
    throw std::runtime_error(name);
  }
  std::vector<uint8_t>& data(const std::string& name) {
    return data_.at(&at(name) - tensors_.data());
  }
  void remove(const std::string& prefix) {
    for (size_t i = tensors_.size(); i-- > 0;) {
      if (!tensors_[i].name.starts_with(prefix)) continue;
      tensors_.erase(tensors_.begin() + i);
      data_.erase(data_.begin() + i);
    }
  }
  void write(int64_t max_shard_bytes = int64_t{1} << 40) {
    for (size_t i = 0; i < tensors_.size(); ++i) tensors_[i].data = data_[i].data();
    const Status s = write_checkpoint(directory_, config_, tensors_, max_shard_bytes);
    ASSERT_TRUE(s.ok()) << s.message();
  }
  std::string error() {
    const auto c = open_checkpoint(directory_);
    return c.ok() ? "no error" : c.message();
  }
  void put(const std::string& file, const std::string& text) {
    std::ofstream(directory_ / file, std::ios::binary) << text;
  }
  nlohmann::json get_json(const std::string& file) {
    return nlohmann::json::parse(std::ifstream(directory_ / file));
  }

  fs::path directory_;
  ModelConfig config_;
  std::vector<TensorToWrite> tensors_;
  std::vector<std::vector<uint8_t>> data_;
};

TEST_F(CheckpointTest, OneFileOrManyReadBackTheSame) {
  for (int64_t shard_bytes : {int64_t{1} << 40, int64_t{4000}}) {
    fs::remove_all(directory_);
    write(shard_bytes);
    EXPECT_EQ(fs::exists(directory_ / "model.safetensors.index.json"), shard_bytes == 4000);
    const auto opened = open_checkpoint(directory_);
    ASSERT_TRUE(opened.ok()) << opened.message();
    const CheckpointReader& c = *opened.value();
    EXPECT_TRUE(c.config() == config_);
    EXPECT_EQ(c.names().size(), tensors_.size());
    EXPECT_TRUE(c.notes().empty());
    EXPECT_GT(c.bytes_on_disk(), 1000);
    for (size_t i = 0; i < tensors_.size(); ++i) {
      const auto w = c.weight(tensors_[i].name);
      ASSERT_TRUE(w.ok()) << w.message();
      const auto& shape = tensors_[i].shape;
      EXPECT_EQ(w.value().rows, shape.size() == 1 ? 1 : shape[0]);
      EXPECT_EQ(w.value().cols, shape.back());
      EXPECT_EQ(std::memcmp(w.value().data, data_[i].data(), data_[i].size()), 0);
    }
    const auto absent = c.weight("model.layers.9.absent");
    ASSERT_FALSE(absent.ok());
    EXPECT_NE(absent.message().find("model.layers.9.absent: a tensor wanted, none found"),
              std::string::npos);
  }
}

TEST_F(CheckpointTest, ManyFilesWithoutAnIndexAreOneCheckpoint) {
  write(4000);
  fs::remove(directory_ / "model.safetensors.index.json");
  EXPECT_EQ(error(), "no error");
  std::string shard;
  for (const auto& e : fs::directory_iterator(directory_)) {
    const std::string name = e.path().filename().string();
    if (name.starts_with("model-00002-of-")) shard = name;
  }
  fs::rename(directory_ / shard, directory_ / "elsewhere");
  EXPECT_NE(error().find("file " + shard + " wanted beside model-00001-of-"), std::string::npos)
      << error();
}

TEST_F(CheckpointTest, AnIndexThatNamesAnAbsentFileIsRefused) {
  write();
  put("model.safetensors.index.json",
      R"({"weight_map": {"lm_head.weight": "model-00003.safetensors"}})");
  EXPECT_EQ(error(),
            "model.safetensors.index.json: lm_head.weight: file model-00003.safetensors wanted, "
            "none found");
}

TEST_F(CheckpointTest, AMissingShardIsRefused) {
  write(4000);
  const auto map = get_json("model.safetensors.index.json")["weight_map"];
  const std::string shard = map["model.norm.weight"];
  fs::remove(directory_ / shard);
  EXPECT_NE(error().find("file " + shard + " wanted, none found"), std::string::npos) << error();
}

TEST_F(CheckpointTest, AnIndexThatMisplacesATensorIsRefused) {
  write(4000);
  auto index = get_json("model.safetensors.index.json");
  const std::string wrong = index["weight_map"]["model.embed_tokens.weight"];
  index["weight_map"]["lm_head.weight"] = wrong;
  put("model.safetensors.index.json", index.dump());
  EXPECT_EQ(
      error(),
      wrong +
          ": lm_head.weight: this tensor wanted, as model.safetensors.index.json says, none found");
}

TEST_F(CheckpointTest, AnIndexMayNotLeaveTheDirectory) {
  write();
  for (const char* file : {"../x.safetensors", "/etc/passwd", "..", ""}) {
    put("model.safetensors.index.json",
        nlohmann::json{{"weight_map", {{"lm_head.weight", file}}}}.dump());
    EXPECT_EQ(
        error(),
        std::string(
            "model.safetensors.index.json: weight_map: lm_head.weight: a file name wanted, \"") +
            file + "\" found");
  }
  put("model.safetensors.index.json", "{}");
  EXPECT_EQ(error(), "model.safetensors.index.json: weight_map: an object wanted");
  put("model.safetensors.index.json", "{");
  EXPECT_EQ(error().find("model.safetensors.index.json: JSON wanted, "), 0u);
}

TEST_F(CheckpointTest, AShapeThatContradictsTheConfigIsRefused) {
  at("model.layers.1.mlp.gate.weight").shape = {32, 4};
  write();
  EXPECT_EQ(
      error(),
      "model.safetensors: model.layers.1.mlp.gate.weight: shape [4, 32] wanted, [32, 4] found");
}

TEST_F(CheckpointTest, AMissingTensorIsRefused) {
  remove("model.norm.weight");
  write();
  EXPECT_EQ(error(),
            "model.safetensors: model.norm.weight: a tensor of shape [32] wanted, none found");
}

TEST_F(CheckpointTest, ADtypeThatIsNoWeightsIsRefused) {
  at("model.norm.weight").dtype = DType::kI16;
  write();
  EXPECT_EQ(error(),
            "model.safetensors: model.norm.weight: dtype BF16, F16 or F32 wanted, I16 found");
}

TEST_F(CheckpointTest, ExtraTensorsAreLetBe) {
  add("model.layers.0.self_attn.rotary_emb.inv_freq", DType::kF32, {2});
  add("strange", DType::kI64, {1, 1, 3});
  write();
  const auto c = open_checkpoint(directory_);
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_TRUE(c.value()->contains("strange"));
  EXPECT_EQ(c.value()->weight("strange").message(),
            "model.safetensors: strange: a vector or a matrix wanted, [1, 1, 3] found");
}

TEST_F(CheckpointTest, WithoutItsMtpTensorsACheckpointOpensWithoutMtp) {
  remove("model.layers.2.");
  write();
  const auto c = open_checkpoint(directory_);
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ(c.value()->config().num_nextn_predict_layers, 0);
  ASSERT_EQ(c.value()->notes().size(), 1u);
  EXPECT_NE(c.value()->notes()[0].find("num_nextn_predict_layers"), std::string::npos);
}

TEST_F(CheckpointTest, PartOfAnMtpLayerIsRefused) {
  remove("model.layers.2.enorm");
  write();
  EXPECT_EQ(
      error(),
      "model.safetensors: model.layers.2.enorm.weight: a tensor of shape [32] wanted, none found");
}

TEST_F(CheckpointTest, TheMtpCopiesMayBeAbsent) {
  remove("model.layers.2.embed_tokens");
  remove("model.layers.2.shared_head.head");
  write();
  const auto c = open_checkpoint(directory_);
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ(c.value()->config().num_nextn_predict_layers, 1);
}

TEST_F(CheckpointTest, Fp8WeightsComeWithTheirScalesFromAnyShard) {
  make(kFp8);
  // Scales first: they land in other shards than their weights.
  std::vector<size_t> order(tensors_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_partition(order.begin(), order.end(),
                        [&](size_t i) { return tensors_[i].dtype == DType::kF32; });
  std::vector<TensorToWrite> sorted;
  for (size_t i : order) {
    sorted.push_back(tensors_[i]);
    sorted.back().data = data_[i].data();
  }
  ASSERT_TRUE(write_checkpoint(directory_, config_, sorted, 3000).ok());
  const auto map = get_json("model.safetensors.index.json")["weight_map"];
  const std::string name = "model.layers.1.mlp.experts.3.down_proj.weight";
  EXPECT_NE(map[name], map[name + "_scale_inv"]);
  const auto c = open_checkpoint(directory_);
  ASSERT_TRUE(c.ok()) << c.message();
  const auto names = c.value()->names();
  EXPECT_EQ(std::count(names.begin(), names.end(), name), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), name + "_scale_inv"), 0);
  const Weight w = c.value()->weight(name).value();
  ASSERT_EQ(w.block_rows, 16);
  EXPECT_EQ(block_scale(w, 0, 0), 0.25f);
  EXPECT_EQ(block_scale(w, 31, 11), 0.5f);  // [32, 12]: a grid of 2 x 1 with a ragged edge
}

TEST_F(CheckpointTest, Fp8ScalesMustFit) {
  make(kFp8);
  const std::string name = "model.layers.0.self_attn.o_proj.weight";  // [32, 16]: 2 x 1 scales
  at(name + "_scale_inv").shape = {1, 2};
  write();
  EXPECT_EQ(error(),
            "model.safetensors: " + name + "_scale_inv: shape [2, 1] wanted, [1, 2] found");
  make(kFp8);
  at(name + "_scale_inv").dtype = DType::kI32;
  write();
  EXPECT_EQ(error(), "model.safetensors: " + name +
                         "_scale_inv: dtype F32, BF16 or F8_E8M0 wanted, I32 found");
  make(kFp8);
  remove(name + "_scale_inv");
  write();
  EXPECT_EQ(error(),
            "model.safetensors: " + name + "_scale_inv: scales of shape [2, 1] wanted, none found");
  make(kFp8);
  config_.fp8 = false;
  write();
  EXPECT_NE(error().find("quantization_config in config.json for dtype F8_E4M3 wanted, none found"),
            std::string::npos);
}

TEST_F(CheckpointTest, ScalesMayBePowersOfTwo) {
  make(kFp8);
  const std::string name = "model.layers.0.self_attn.o_proj.weight";
  at(name + "_scale_inv").dtype = DType::kF8E8M0;
  data(name + "_scale_inv") = {120, 130};
  write();
  const auto c = open_checkpoint(directory_);
  ASSERT_TRUE(c.ok()) << c.message();
  const Weight w = c.value()->weight(name).value();
  EXPECT_EQ(block_scale(w, 15, 0), 0x1p-7f);
  EXPECT_EQ(block_scale(w, 16, 0), 8.0f);
}

TEST_F(CheckpointTest, NotANumberIsNamedWithItsPlace) {
  write();
  EXPECT_TRUE(check_finite(*open_checkpoint(directory_).value()).ok());
  for (int64_t i : {0, 5, 32 * 40 - 1}) {
    make(kPlain);
    const uint16_t nan = 0x7fc0;
    std::memcpy(data("model.embed_tokens.weight").data() + 2 * i, &nan, 2);
    write();
    const Status s = check_finite(*open_checkpoint(directory_).value());
    EXPECT_EQ(s.message(),
              "model.safetensors: model.embed_tokens.weight: finite values wanted, NaN at [" +
                  std::to_string(i / 32) + ", " + std::to_string(i % 32) + "] found");
  }
  make(kPlain);
  const uint16_t infinity = 0xff80;
  std::memcpy(data("model.norm.weight").data() + 6, &infinity, 2);
  write();
  EXPECT_EQ(check_finite(*open_checkpoint(directory_).value()).message(),
            "model.safetensors: model.norm.weight: finite values wanted, infinity at [0, 3] found");
  make(kFp8);
  data("model.layers.1.mlp.experts.2.up_proj.weight")[7] = 0xff;
  write();
  EXPECT_EQ(check_finite(*open_checkpoint(directory_).value()).message(),
            "model.safetensors: model.layers.1.mlp.experts.2.up_proj.weight: finite values wanted, "
            "NaN at [0, 7] found");
  make(kFp8);
  const float nan = NAN;
  std::memcpy(data("model.layers.1.mlp.experts.2.up_proj.weight_scale_inv").data() + 4, &nan, 4);
  write();
  EXPECT_EQ(check_finite(*open_checkpoint(directory_).value()).message(),
            "model.safetensors: model.layers.1.mlp.experts.2.up_proj.weight: finite values wanted, "
            "NaN at scale 1 found");
}

// 16 GB of weights in a sparse file: opening may touch the header's pages only.
TEST_F(CheckpointTest, OpeningReadsHeadersOnly) {
  const fs::path config = fs::path(FATHOM_SOURCE_DIR) / "tests/fixtures/configs/llama-3.1-8b.json";
  nlohmann::json header;
  int64_t end = 0;
  for (const TensorToWrite& t :
       checkpoint_layout(read_model_config(config).value(), DType::kBF16)) {
    header[t.name] = {
        {"dtype", "BF16"}, {"shape", t.shape}, {"data_offsets", {end, end + t.n_bytes()}}};
    end += t.n_bytes();
  }
  const std::string text = header.dump();
  const uint64_t n = text.size();
  fs::create_directories(directory_);
  fs::copy_file(config, directory_ / "config.json");
  put("model.safetensors", std::string(reinterpret_cast<const char*>(&n), 8) + text);
  std::error_code error;
  fs::resize_file(directory_ / "model.safetensors", 8 + n + static_cast<uint64_t>(end), error);
  if (error) GTEST_SKIP() << "no sparse file of 16 GB here: " << error.message();
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  const auto c = open_checkpoint(directory_);
  getrusage(RUSAGE_SELF, &after);
  ASSERT_TRUE(c.ok()) << c.message();
  EXPECT_EQ(c.value()->bytes_on_disk(), static_cast<int64_t>(8 + n) + end);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 32 << 10);  // KiB
}

TEST_F(CheckpointTest, ATruncatedFileIsRefused) {
  write();
  const fs::path file = directory_ / "model.safetensors";
  fs::resize_file(file, fs::file_size(file) - 1);
  EXPECT_NE(error().find("model.safetensors: "), std::string::npos);
  EXPECT_NE(error().find("bytes of data wanted"), std::string::npos) << error();
}

TEST_F(CheckpointTest, WhatIsNoCheckpointIsRefused) {
  EXPECT_EQ(open_checkpoint("/nonexistent/model").message(),
            "/nonexistent/model: a checkpoint wanted, nothing found");
  fs::create_directories(directory_);
  EXPECT_EQ(error(), directory_.string() + ": config.json wanted, none found");
  put("config.json", kPlain);
  EXPECT_EQ(error(), directory_.string() +
                         ": model.safetensors or model.safetensors.index.json wanted, none found");
  EXPECT_EQ(open_checkpoint(directory_ / "config.json").message(),
            (directory_ / "config.json").string() +
                ": a directory with config.json and safetensors files wanted, another file found");
}

TEST_F(CheckpointTest, AnotherCheckpointsFilesAreNotMixedIn) {
  write(4000);
  const Status s = write_checkpoint(directory_, config_, tensors_);
  ASSERT_FALSE(s.ok());
  EXPECT_NE(s.message().find("no files of another checkpoint wanted, model"), std::string::npos)
      << s.message();
  EXPECT_FALSE(fs::exists(directory_ / "model.safetensors"));
  EXPECT_EQ(error(), "no error");
}

}  // namespace
}  // namespace fathom
