// A map from byte strings to ids, built once and then only read: open addressing over one pool of
// bytes, because looking up a word is what the tokenizer does most.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fathom {

/// Thread-safe once nothing is inserted any more.
class ByteMap {
 public:
  explicit ByteMap(size_t n_expected = 0);
  /// False where the key stood there already, which keeps its id.
  bool insert(std::string_view key, int32_t id);
  /// -1 where there is no such key. Requires of ids: >= 0.
  int32_t find(std::string_view key) const;
  size_t size() const { return n_; }

 private:
  struct Slot {
    uint32_t hash = 0, n_bytes = 0;
    uint64_t offset = 0;
    int32_t id = -1;  // -1: free
  };
  void grow();
  size_t place_of(std::string_view key, uint32_t hash) const;

  std::vector<Slot> slots_;
  std::string pool_;
  size_t n_ = 0;
};

}  // namespace fathom
