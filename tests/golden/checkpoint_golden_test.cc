// Every golden folder that is a checkpoint opens, holds what its config calls for in finite numbers, and survives being written.
// and survives being written.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "checkpoint/checkpoint.h"
#include "tests/golden/golden.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> checkpoints() {
  return find_golden([](const fs::path& folder) {
    return fs::exists(folder / "config.json") &&
           (fs::exists(folder / "model.safetensors") ||
            fs::exists(folder / "model.safetensors.index.json"));
  });
}

TEST(CheckpointGolden, HoldsWhatItsConfigCallsFor) {
  ASSERT_FALSE(checkpoints().empty());
  for (const fs::path& folder : checkpoints()) {
    SCOPED_TRACE(folder);
    const auto opened = open_checkpoint(folder);
    ASSERT_TRUE(opened.ok()) << opened.message();
    const CheckpointReader& c = *opened.value();
    for (const ParameterSpec& p : parameters(c.config())) {
      if (!c.contains(p.name)) {
        EXPECT_TRUE(p.mtp_copy) << p.name;
        continue;
      }
      const auto w = c.weight(p.name);
      ASSERT_TRUE(w.ok()) << w.message();
      EXPECT_EQ(w.value().size(), p.size()) << p.name;
    }
    const Status finite = check_finite(c);
    EXPECT_TRUE(finite.ok()) << finite.message();
  }
}

TEST(CheckpointGolden, WrittenInShardsItReadsBackTheSame) {
  const fs::path copy = fs::path(testing::TempDir()) / ("fathom_copy_" + std::to_string(getpid()));
  for (const fs::path& folder : checkpoints()) {
    SCOPED_TRACE(folder);
    const auto c = open_checkpoint(folder).value();
    std::vector<TensorToWrite> tensors;
    for (const std::string& name : c->names()) {
      const Weight w = c->weight(name).value();
      const bool vector = name.ends_with("norm.weight") || name.ends_with("bias");
      tensors.push_back(
          {name, w.dtype, vector ? std::vector{w.cols} : std::vector{w.rows, w.cols}, w.data});
      if (w.scale_inv == nullptr) continue;
      const std::vector<int64_t> grid = {(w.rows + w.block_rows - 1) / w.block_rows,
                                         (w.cols + w.block_cols - 1) / w.block_cols};
      tensors.push_back({name + "_scale_inv", w.scale_dtype, grid, w.scale_inv});
    }
    fs::remove_all(copy);
    const Status written = write_checkpoint(copy, c->config(), tensors, 100000);
    ASSERT_TRUE(written.ok()) << written.message();
    const auto again = open_checkpoint(copy);
    ASSERT_TRUE(again.ok()) << again.message();
    EXPECT_TRUE(again.value()->config() == c->config());
    EXPECT_EQ(again.value()->names(), c->names());
    for (const std::string& name : c->names()) {
      const Weight a = c->weight(name).value(), b = again.value()->weight(name).value();
      ASSERT_EQ(std::memcmp(a.data, b.data, a.size() * dtype_bytes(a.dtype)), 0) << name;
    }
  }
  fs::remove_all(copy);
}

}  // namespace
}  // namespace fathom
