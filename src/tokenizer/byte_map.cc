// Open addressing with linear probing, at most half full; see byte_map.h.
#include "tokenizer/byte_map.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace fathom {
namespace {

uint64_t mixed(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t load(const char* p, size_t n) {
  uint64_t word = 0;
  std::memcpy(&word, p, n);
  return word;
}

/// Folded multiplication of eight bytes at a time.
uint32_t hash_of(std::string_view key) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15ULL;
  uint64_t h = key.size() * kOdd;
  const char* p = key.data();
  size_t n = key.size();
  for (; n > 8; p += 8, n -= 8) h = mixed(h ^ load(p, 8), kOdd);
  h = mixed(h ^ load(p, n), kOdd);
  return static_cast<uint32_t>(h ^ h >> 32);
}

}  // namespace

ByteMap::ByteMap(size_t n_expected) : slots_(std::bit_ceil(2 * n_expected + 8)) {}

size_t ByteMap::place_of(std::string_view key, uint32_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.id < 0) return i;
    if (slot.hash == hash && slot.n_bytes == key.size() &&
        std::memcmp(pool_.data() + slot.offset, key.data(), key.size()) == 0) {
      return i;
    }
  }
}

int32_t ByteMap::find(std::string_view key) const { return slots_[place_of(key, hash_of(key))].id; }

bool ByteMap::insert(std::string_view key, int32_t id) {
  FATHOM_CHECK(id >= 0);
  if (2 * (n_ + 1) > slots_.size()) grow();
  const uint32_t hash = hash_of(key);
  Slot& slot = slots_[place_of(key, hash)];
  if (slot.id >= 0) return false;
  slot = {hash, static_cast<uint32_t>(key.size()), pool_.size(), id};
  pool_ += key;
  ++n_;
  return true;
}

void ByteMap::grow() {
  std::vector<Slot> old(2 * slots_.size());
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    slots_[place_of(std::string_view(pool_).substr(slot.offset, slot.n_bytes), slot.hash)] = slot;
  }
}

}  // namespace fathom
