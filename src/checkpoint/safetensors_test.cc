#include "checkpoint/safetensors.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "checkpoint/checkpoint.h"

namespace fathom {
namespace {

std::vector<uint8_t> file_bytes(const std::string& header, int64_t n_data) {
  std::vector<uint8_t> bytes(8 + header.size() + n_data, 0x3f);
  const uint64_t n = header.size();
  std::memcpy(bytes.data(), &n, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

std::string error_of(const std::vector<uint8_t>& bytes) {
  const auto file = SafetensorsFile::parse(bytes, "x.safetensors");
  return file.ok() ? "no error" : file.message();
}

std::string error_of(const std::string& header, int64_t n_data) {
  return error_of(file_bytes(header, n_data));
}

TEST(Safetensors, AHeaderReadsAsItSays) {
  const auto bytes = file_bytes(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},)"
      R"("a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},)"
      R"("none":{"dtype":"I64","shape":[0,5],"data_offsets":[4,4]},)"
      R"("one":{"dtype":"U8","shape":[],"data_offsets":[28,29]}}   )",
      29);
  const auto file = SafetensorsFile::parse(bytes, "x");
  ASSERT_TRUE(file.ok()) << file.message();
  const auto& tensors = file.value()->tensors();
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_EQ(tensors.at("b").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(tensors.at("b").n_bytes, 24);
  EXPECT_EQ(tensors.at("b").data - tensors.at("a").data, 4);
  EXPECT_EQ(tensors.at("a").dtype, DType::kBF16);
  EXPECT_EQ(tensors.at("none").n_bytes, 0);
  EXPECT_EQ(tensors.at("one").n_bytes, 1);
  EXPECT_EQ(file.value()->metadata().at("format"), "pt");
}

TEST(Safetensors, EveryLieOfAHeaderIsOneSentence) {
  EXPECT_EQ(error_of({1, 2, 3}), "x.safetensors: a header length of 8 bytes wanted, 3 bytes found");
  std::vector<uint8_t> truncated = file_bytes("{}                  ", 0);
  truncated.resize(14);
  EXPECT_EQ(error_of(truncated), "x.safetensors: a header of 20 bytes wanted, 6 bytes found");
  std::vector<uint8_t> huge(64, 0xff);
  EXPECT_EQ(
      error_of(huge),
      "x.safetensors: a header of at most 100000000 bytes wanted, 18446744073709551615 found");
  EXPECT_EQ(error_of("not json", 0).find("x.safetensors: header: JSON wanted, "), 0u);
  EXPECT_EQ(error_of("[]", 0), "x.safetensors: header: a JSON object wanted");
  EXPECT_EQ(error_of(R"({"a":3})", 0),
            "x.safetensors: a: an object with dtype, shape and data_offsets wanted");
  EXPECT_EQ(
      error_of(R"({"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})", 1),
      "x.safetensors: a: dtype: BF16, F16, F32, F8_E4M3 or another known one wanted, \"F4\" found");
  EXPECT_EQ(error_of(R"({"a":{"shape":[2],"data_offsets":[0,1]}})", 1),
            "x.safetensors: a: dtype: a string wanted");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1),
            "x.safetensors: a: shape: a list of at most 8 sizes wanted");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1),
            "x.safetensors: a: shape: a list of at most 8 sizes wanted");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1),
            "x.safetensors: a: data_offsets: [begin, end] wanted");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 1),
            "x.safetensors: a: data_offsets: a range within 1 bytes of data wanted, [0, 2] found");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[1,0]}})", 1),
            "x.safetensors: a: data_offsets: a range within 1 bytes of data wanted, [1, 0] found");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,23]}})", 23),
            "x.safetensors: a: data_offsets: 24 bytes for F32 [2, 3] wanted, 23 found");
  EXPECT_EQ(
      error_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
      "x.safetensors: a: shape: a size below 2^63 bytes wanted, [4294967296, 4294967296] found");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                     R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                     3),
            "x.safetensors: b: data_offsets: begin 2 wanted, 1 found (an overlap)");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                     R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                     3),
            "x.safetensors: b: data_offsets: begin 1 wanted, 2 found (a hole)");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 3),
            "x.safetensors: 1 bytes of data wanted, 3 found");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                     R"("a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}})",
                     1),
            "x.safetensors: header: every name once wanted, \"a\" twice found");
  EXPECT_EQ(error_of(R"({"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})", 1),
            "x.safetensors: header: every name once wanted, \"shape\" twice found");
  EXPECT_EQ(error_of(R"({"__metadata__":{"step":3}})", 0),
            "x.safetensors: __metadata__: an object of strings wanted");
}

TEST(Safetensors, DeepNestingIsRefusedWithoutDeepRecursion) {
  const std::string deep(1'000'000, '[');
  EXPECT_EQ(error_of(deep, 0).find("x.safetensors: header: JSON wanted, "), 0u);
}

TEST(Safetensors, WhatIsWrittenReadsBack) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) /
                                     ("fathom_st_" + std::to_string(getpid()) + ".safetensors");
  const float a[] = {1, 2, 3, 4, 5, 6};
  const uint8_t b[] = {7, 8, 9};
  const Status written = write_safetensors(
      path,
      {{"z", DType::kU8, {3}, b}, {"a", DType::kF32, {2, 3}, a}, {"e", DType::kF32, {0}, nullptr}},
      {{"step", "12"}});
  ASSERT_TRUE(written.ok()) << written.message();
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file.ok()) << file.message();
  const auto& t = file.value()->tensors();
  EXPECT_EQ(std::memcmp(t.at("a").data, a, sizeof a), 0);
  EXPECT_EQ(std::memcmp(t.at("z").data, b, sizeof b), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(t.at("z").data) % 64, 0u);
  EXPECT_EQ(t.at("a").data - t.at("z").data, 3);  // in the given order
  EXPECT_EQ(file.value()->metadata().at("step"), "12");
  EXPECT_EQ(file.value()->metadata().at("format"), "pt");
  EXPECT_EQ(file.value()->n_bytes(), static_cast<int64_t>(std::filesystem::file_size(path)));
  std::filesystem::remove(path);
}

TEST(Safetensors, AFailedWriteSaysWhereAndLeavesTheOldFile) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) /
                                     ("fathom_full_" + std::to_string(getpid()) + ".safetensors");
  const std::vector<float> x(100000, 1.0f);
  ASSERT_TRUE(write_safetensors(path, {{"a", DType::kF32, {1}, x.data()}}).ok());
  // A limit on file sizes stands for the full disk: write() fails in the middle.
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    const Status s = write_safetensors(path, {{"a", DType::kF32, {100000}, x.data()}});
    const bool told = !s.ok() && s.message() == path.string() + ": cannot write: File too large";
    _exit(told ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  const auto old = SafetensorsFile::open(path);
  ASSERT_TRUE(old.ok()) << old.message();
  EXPECT_EQ(old.value()->tensors().at("a").n_bytes, 4);
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path())) {
    const bool part = entry.path().string().starts_with(path.string() + ".");
    EXPECT_FALSE(part) << entry.path() << " left behind";
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace fathom
