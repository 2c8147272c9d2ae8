// The finder and the .npy reader that the other golden tests stand on.
#include "tests/golden/golden.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace fathom {
namespace {

namespace fs = std::filesystem;

TEST(Golden, RootsExistAndHoldNpyFilesThatRead) {
  int64_t n_files = 0;
  for (const fs::path& root : golden_roots()) {
    std::printf("golden root %s\n", root.c_str());
    ASSERT_TRUE(fs::is_directory(root)) << root;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
      if (entry.path().extension() != ".npy") continue;
      const Npy npy = read_npy(entry.path());
      int64_t n_values = 1;
      for (const int64_t extent : npy.shape) n_values *= extent;
      EXPECT_EQ(static_cast<int64_t>(npy.values.size()), n_values) << entry.path();
      ++n_files;
    }
  }
  std::printf("%lld .npy files read\n", static_cast<long long>(n_files));
}

TEST(Golden, ACutNpyFileIsRefused) {
  const fs::path path = fs::path(testing::TempDir()) / "fathom_cut.npy";
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  header.resize(117, ' ');
  header += '\n';
  const std::string start =
      std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(118) + '\0' + header;
  const float values[6] = {0.5F, -1, 2, 3, 4, 5};
  const auto write = [&](size_t n_bytes) {
    std::ofstream(path, std::ios::binary)
        << start << std::string(reinterpret_cast<const char*>(values), n_bytes);
  };
  write(24);
  const Npy npy = read_npy(path);
  EXPECT_EQ(npy.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(npy.values, (std::vector<double>{0.5, -1, 2, 3, 4, 5}));
  write(23);
  EXPECT_THROW(read_npy(path), std::runtime_error);
  fs::remove(path);
}

}  // namespace
}  // namespace fathom
