// Arena: memory for the activations of one forward (and backward) pass, taken in order and given back all at once or down to a mark.
// After reset() the same memory serves the next pass, so a step touches no allocator.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tensor/view.h"

namespace fathom {

/// Not thread-safe. Views stay valid until the mark they were taken after is released.
class Arena {
 public:
  struct Mark {
    size_t chunk = 0;
    int64_t used = 0;
  };
  template <typename T>
  View<T> take(std::initializer_list<int64_t> shape) {
    View<T> sized(nullptr, shape);
    return View<T>(static_cast<T*>(take_bytes(sized.size() * static_cast<int64_t>(sizeof(T)))), shape);
  }
  template <typename T>
  View<T> take_zeroed(std::initializer_list<int64_t> shape);
  /// 64-byte aligned, 64 bytes of slack behind it.
  void* take_bytes(int64_t n_bytes);
  Mark mark() const { return {chunk_, used_}; }
  void release(Mark mark) {
    chunk_ = mark.chunk;
    used_ = mark.used;
  }
  void reset() { release({}); }
  int64_t bytes_allocated() const;

 private:
  struct Chunk {
    std::shared_ptr<void> memory;
    int64_t size;
  };
  std::vector<Chunk> chunks_;
  size_t chunk_ = 0;
  int64_t used_ = 0;
};

}  // namespace fathom
