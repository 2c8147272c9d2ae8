// XXH3 (64 bits) of bytes: whether a file is the one that was written, and whether two
// configurations are the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/status.h"

namespace fathom {

uint64_t checksum(const void* data, int64_t n_bytes);
inline uint64_t checksum(std::string_view text) {
  return checksum(text.data(), static_cast<int64_t>(text.size()));
}
/// 16 hexadecimal digits.
std::string checksum_hex(uint64_t sum);
/// Of a whole file.
Result<uint64_t> file_checksum(const std::filesystem::path& path);

}  // namespace fathom
