// One safetensors file: an 8-byte little-endian header length, a JSON header, the data. Opening maps the file and reads the header only.
// Every field is checked before it is used: a truncated or lying header is an error that names the file and the tensor.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "tensor/dtype.h"

namespace fathom {

inline constexpr const char* kSafetensorsIndex = "model.safetensors.index.json";

/// "[256, 7168]", for messages.
std::string shape_text(const std::vector<int64_t>& shape);

struct StoredTensor {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  const uint8_t* data = nullptr;
  int64_t n_bytes = 0;
};

class SafetensorsFile {
 public:
  static Result<std::shared_ptr<SafetensorsFile>> open(const std::filesystem::path& path);
  /// For fuzzing and tests: the same checks on bytes in memory, which must outlive the result.
  static Result<std::shared_ptr<SafetensorsFile>> parse(std::span<const uint8_t> bytes, const std::string& where);
  const std::map<std::string, StoredTensor, std::less<>>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  int64_t n_bytes() const { return n_bytes_; }

 private:
  std::shared_ptr<MappedFile> file_;
  std::map<std::string, StoredTensor, std::less<>> tensors_;
  std::map<std::string, std::string> metadata_;
  int64_t n_bytes_ = 0;
};

struct TensorToWrite;
/// Writes one file atomically, tensors in the given order, aligned data start.
Status write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                         const std::map<std::string, std::string>& metadata = {});

}  // namespace fathom
