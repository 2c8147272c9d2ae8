#include "tensor/arena.h"

#include <algorithm>
#include <cstring>

namespace fathom {
namespace {
constexpr int64_t kChunkBytes = int64_t{8} << 20;
}

void* Arena::take_bytes(int64_t n_bytes) {
  const int64_t size = (n_bytes + 127) / 64 * 64;  // rounded up, and at least 64 bytes of slack
  while (chunk_ < chunks_.size() && used_ + size > chunks_[chunk_].size) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    const int64_t bytes = std::max(size, kChunkBytes);
    chunks_.push_back({allocate_bytes(bytes, false), bytes});
    used_ = 0;
  }
  void* p = static_cast<uint8_t*>(chunks_[chunk_].memory.get()) + used_;
  used_ += size;
  return p;
}

template <typename T>
View<T> Arena::take_zeroed(std::initializer_list<int64_t> shape) {
  const View<T> v = take<T>(shape);
  std::memset(static_cast<void*>(v.data()), 0, static_cast<size_t>(v.size()) * sizeof(T));
  return v;
}
template View<float> Arena::take_zeroed(std::initializer_list<int64_t>);
template View<BF16> Arena::take_zeroed(std::initializer_list<int64_t>);

int64_t Arena::bytes_allocated() const {
  int64_t total = 0;
  for (const Chunk& c : chunks_) total += c.size;
  return total;
}

}  // namespace fathom
