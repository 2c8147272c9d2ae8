// Files: read whole, mapped, and written so that a reader sees the old one or the new one and never a part.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace fathom {

/// A file mapped read-only. Owns the mapping. Thread-safe: reads only.
class MappedFile {
 public:
  static Result<std::shared_ptr<MappedFile>> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile() = default;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  std::filesystem::path path_;
};

Result<std::string> read_file(const std::filesystem::path& path);
/// Writes beside `path`, syncs, then renames over it: after a crash or a full disk the old content stands.
Status write_file_atomic(const std::filesystem::path& path, std::string_view content);

/// A new file beside `path` that becomes `path` at commit(). Destroyed without commit, it leaves nothing.
class AtomicFile {
 public:
  static Result<std::unique_ptr<AtomicFile>> create(const std::filesystem::path& path);
  ~AtomicFile();
  Status write(const void* data, size_t n_bytes);
  Status commit();

 private:
  AtomicFile() = default;
  int fd_ = -1;
  std::filesystem::path path_, temporary_;
};

}  // namespace fathom
