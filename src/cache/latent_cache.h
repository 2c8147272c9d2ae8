// The latent cache: what attention keeps of every token, paged. A page holds kPageEntries entries of every layer; an entry is
// cache_entry_dim numbers (MLA: latent, then k_rope; GQA: keys, then values). Pages are allocated as a sequence grows, never by the
// maximum context. Sequences may share full pages of a common prefix (share_prefix), which are then read-only.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "tensor/view.h"

namespace fathom {

inline constexpr int64_t kPageEntries = 64;

struct CacheShape {
  int64_t n_layers = 0, entry_dim = 0;
  DType dtype = DType::kBF16;  // kBF16 or kF32, the arithmetic's type
  int64_t entry_bytes() const { return entry_dim * dtype_bytes(dtype); }
  /// Bytes of one token over all layers: (kv_lora_rank + qk_rope_head_dim) * layers * 2 for MLA in bf16.
  int64_t bytes_per_token() const { return n_layers * entry_bytes(); }
};

/// Pages of one model. Thread-safe.
class LatentCache {
 public:
  explicit LatentCache(CacheShape shape) : shape_(shape) {}
  const CacheShape& shape() const { return shape_; }
  int64_t page_bytes() const { return kPageEntries * shape_.bytes_per_token(); }
  int64_t bytes_allocated() const;

 private:
  friend class SequenceCache;
  using Page = std::shared_ptr<uint8_t>;  // shared by sequences with a common prefix; zeroed when handed out
  Page take_page();
  void give_page(uint8_t* page);
  CacheShape shape_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<uint8_t[]>> free_;
  int64_t n_pages_ = 0;
};

/// The entries of one sequence. Not thread-safe: one owner at a time. Requires: the LatentCache outlives it.
class SequenceCache {
 public:
  explicit SequenceCache(LatentCache* cache) : cache_(cache) {}
  LatentCache* cache() const { return cache_; }
  int64_t length() const { return length_; }
  /// Makes room for n more entries and counts them as present; the caller then writes them.
  void grow(int64_t n);
  /// Drops entries from `length` on. The dropped ones are zeroed, so that whole-page reads see zeros after the end.
  void truncate(int64_t length);
  /// Becomes a copy of the first n entries of `other`: full pages shared, a last partial page copied.
  void share_prefix(const SequenceCache& other, int64_t n);
  /// Start of entry 0 of page `page_idx` in layer `layer`; entries lie entry_dim elements apart.
  void* page(int64_t layer, int64_t page_idx) const;
  int64_t n_pages() const { return static_cast<int64_t>(pages_.size()); }

 private:
  LatentCache* cache_;
  int64_t length_ = 0;
  std::vector<std::shared_ptr<uint8_t>> pages_;
};

}  // namespace fathom
