// Any bytes as a safetensors file and as an index: refused in one sentence, or every tensor lies
// within the file.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "checkpoint/hf_directory_impl.h"
#include "checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = fathom::SafetensorsFile::parse(std::span(data, size), "fuzz.safetensors");
  if (file.ok()) {
    int64_t n_bytes = 0;
    for (const auto& [name, t] : file.value()->tensors()) {
      FATHOM_CHECK(t.data >= data && t.data + t.n_bytes <= data + size);
      n_bytes += t.n_bytes;
    }
    FATHOM_CHECK(n_bytes <= static_cast<int64_t>(size));  // nothing overlaps
  } else {
    FATHOM_CHECK(file.message().find('\n') == std::string::npos);
  }
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto map = fathom::parse_weight_map(text, "fuzz.index.json");
  if (!map.ok()) return 0;
  for (const auto& [name, shard] : map.value()) {
    FATHOM_CHECK(!shard.empty() && shard.find('/') == std::string::npos);
  }
  return 0;
}
