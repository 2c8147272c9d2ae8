#include "engine/engine.h"

#include <gtest/gtest.h>

#include <fstream>

#include "engine/test_util.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

EngineParts parts_of(const FakeEngine& fake) {
  EngineParts parts;
  parts.where = "fake";
  parts.model = fake.model;
  parts.tokenizer = fake.tokenizer;
  parts.eos_ids = {9, 3, 9};
  return parts;
}

TEST(Engine, RefusesATokenizerWithMoreTokensThanTheModel) {
  FakeEngine fake;
  fake.tokenizer =
      std::make_shared<FakeTokenizer>(std::vector<std::string>(kFakeVocab - 256 + 1, "<x>"));
  const auto engine = Engine::create(parts_of(fake), {});
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(
      engine.message(),
      "fake: tokenizer.json: at most 300 tokens wanted (vocab_size of config.json), 301 found");
}

TEST(Engine, RefusesAContextBeyondTheModels) {
  const auto engine = Engine::create(parts_of({}), {.model = {}, .n_ctx = 1001, .n_chunk = 512});
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.message(),
            "fake: a context of at most 1000 tokens wanted (max_position_embeddings of "
            "config.json), 1001 found");
}

TEST(Engine, EveryEosEndsAnAnswer) {
  const auto engine = Engine::create(parts_of({}), {});
  ASSERT_TRUE(engine.ok());
  EXPECT_EQ(engine.value()->eos_ids(), (std::vector<int32_t>{3, 9}));
  EXPECT_TRUE(engine.value()->is_eos(9));
  EXPECT_FALSE(engine.value()->is_eos(4));
}

TEST(Engine, EncodesWithBosAndSaysWhenThereIsNoTokenizer) {
  FakeEngine fake;
  EXPECT_EQ(fake.make()->encode("a<eos>").value(), (std::vector<int32_t>{kFakeBos, 'a', kFakeEos}));
  EXPECT_EQ(fake.make()->encode("<eos>", false).value().size(), 6u);
  fake.tokenizer = nullptr;
  EXPECT_NE(fake.make()->encode("a").message().find("tokenizer.json wanted"), std::string::npos);
}

class FindCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) /
            testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  void make(const std::string& directory) { fs::create_directories(root_ / directory); }
  fs::path root_;
};

TEST_F(FindCheckpoint, OfARunIsTheOneWithTheHighestStep) {
  std::ofstream(root_ / "config.json") << "{}";  // as a run directory has it
  for (const char* d : {"step-9", "step-10", "step-2", "step-", "step-11x", "other"}) {
    make(std::string("checkpoints/") + d);
  }
  EXPECT_EQ(find_checkpoint(root_).value(), root_ / "checkpoints/step-10");
  EXPECT_EQ(find_checkpoint(root_ / "checkpoints/step-9").value(), root_ / "checkpoints/step-9");
}

TEST_F(FindCheckpoint, SaysWhatIsMissing) {
  make("checkpoints");
  EXPECT_EQ(find_checkpoint(root_).message(),
            (root_ / "checkpoints").string() + ": a checkpoint (step-N) wanted, none found");
  EXPECT_EQ(find_checkpoint(root_ / "x").message(),
            (root_ / "x").string() + ": a model's directory wanted, nothing found");
}

TEST_F(FindCheckpoint, AModelDirectoryStandsForItself) {
  make("checkpoints/step-1");
  std::ofstream(root_ / "model.safetensors") << "x";
  EXPECT_EQ(find_checkpoint(root_).value(), root_);
}

}  // namespace
}  // namespace fathom
