// A shard: the tokens of many documents in one file. 64 bytes of header, the offsets of the
// documents (n_documents + 1 of u64), the tokens (u16 or u32), all little-endian; the header says
// how many, for which data (fingerprint) and with which checksum.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/file.h"
#include "base/status.h"

namespace fathom {

struct ShardHeader {
  char magic[8];         // "FTHMSHRD"
  uint32_t version;      // 1
  uint32_t token_bytes;  // 2 or 4
  uint64_t n_documents, n_tokens;
  uint64_t fingerprint;  // of tokenizer, sources and options (prepare.h)
  uint64_t checksum;     // XXH3 of all that follows the header
  uint64_t reserved[2];
};
static_assert(sizeof(ShardHeader) == 64);

/// Collects documents in memory and writes them as one file.
class ShardBuilder {
 public:
  /// token_bytes: 2 where every id is below 65536, else 4.
  explicit ShardBuilder(int token_bytes) : token_bytes_(token_bytes) {}
  void add(std::span<const int32_t> document);
  int64_t n_documents() const { return static_cast<int64_t>(offsets_.size()) - 1; }
  int64_t n_tokens() const { return static_cast<int64_t>(offsets_.back()); }
  int64_t n_bytes() const { return static_cast<int64_t>(tokens_.size()); }
  /// Writes atomically and begins anew.
  Status write(const std::filesystem::path& path, uint64_t fingerprint);

 private:
  int token_bytes_;
  std::vector<uint64_t> offsets_{0};
  std::vector<uint8_t> tokens_;
};

/// A shard, mapped. Thread-safe: reads only.
class Shard {
 public:
  /// Checks size, fingerprint, checksum and offsets, and that every token is below vocab_size:
  /// reads the whole file once.
  static Result<std::shared_ptr<const Shard>> open(const std::filesystem::path& path,
                                                   uint64_t fingerprint, int64_t vocab_size);
  int64_t n_documents() const { return n_documents_; }
  int64_t n_tokens() const { return static_cast<int64_t>(offsets_[n_documents_]); }
  uint64_t checksum() const { return checksum_; }
  int64_t length(int64_t document) const {
    return static_cast<int64_t>(offsets_[document + 1] - offsets_[document]);
  }
  /// Tokens [begin, begin + out.size()) of a document. Requires: they are there.
  void copy(std::span<int32_t> out, int64_t document, int64_t begin) const;

 private:
  std::shared_ptr<MappedFile> file_;
  const uint64_t* offsets_ = nullptr;
  const uint8_t* tokens_ = nullptr;
  int64_t n_documents_ = 0;
  int token_bytes_ = 0;
  uint64_t checksum_ = 0;
};

}  // namespace fathom
