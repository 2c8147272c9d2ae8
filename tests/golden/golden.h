// Where the golden data lies, and a reader of its .npy files. A golden test asks for folders of its
// kind by what is in them and never by name, so that another folder of the same layout is tried
// without a change here (tests/golden/data/README.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace fathom {

/// tests/golden/data of the repository, so that every kind of folder is there, and besides it the
/// directories named by FATHOM_GOLDEN (separated by colons) or, without that, ../shared/golden
/// beside the repository where it exists. Throws std::runtime_error where a named directory does
/// not exist.
std::vector<std::filesystem::path> golden_roots();

/// Every folder under golden_roots(), themselves included and at most four levels down, for which
/// `wanted` holds; sorted.
std::vector<std::filesystem::path> find_golden(
    const std::function<bool(const std::filesystem::path& folder)>& wanted);
/// The same, for folders that hold all of these files.
std::vector<std::filesystem::path> find_golden_with(const std::vector<std::string>& files);

struct Npy {
  std::string descr;  // "<f8", "<f4", "|u1", "<u2", "<i4", "<i8" ...
  std::vector<int64_t> shape;
  std::vector<double> values;  // every element as a double, C order
  std::vector<uint8_t> raw;    // the elements as stored, little endian
};

/// A version 1.0 file in C order: f8, f4, i1, i2, i4, i8, u1, u2, u4. Throws std::runtime_error
/// with the file's name otherwise.
Npy read_npy(const std::filesystem::path& path);

}  // namespace fathom
