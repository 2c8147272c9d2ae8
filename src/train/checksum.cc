// See checksum.h; the hash is libxxhash's.
#include "train/checksum.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "base/file.h"

namespace fathom {

uint64_t checksum(const void* data, int64_t n_bytes) {
  return XXH3_64bits(data, static_cast<size_t>(n_bytes));
}

std::string checksum_hex(uint64_t sum) { return fmt::format("{:016x}", sum); }

Result<uint64_t> file_checksum(const std::filesystem::path& path) {
  FATHOM_ASSIGN_OR_RETURN(auto file, MappedFile::open(path));
  return checksum(file->bytes().data(), static_cast<int64_t>(file->bytes().size()));
}

}  // namespace fathom
