// The latent cache: what attention keeps of every token, paged. A page holds kPageEntries entries
// of every layer; an entry is cache_entry_dim numbers (MLA: latent, then k_rope; GQA: keys, then
// values). Pages are allocated as a sequence grows, never by the maximum context. Sequences may
// share pages (share_prefix, or a copy of a SequenceCache): a shared page is copied before it is
// changed. Source of the entry: DeepSeek-V2 §2.1.2–2.1.3 (latent and decoupled key).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "tensor/view.h"

namespace fathom {

inline constexpr int64_t kPageEntries = 64;

struct CacheShape {
  int64_t n_layers = 0, entry_dim = 0;
  DType dtype = DType::kBF16;  // kBF16 or kF32, the arithmetic's type
  int64_t entry_bytes() const { return entry_dim * dtype_bytes(dtype); }
  /// Bytes of one token over all layers: (kv_lora_rank + qk_rope_head_dim) * layers * 2 for MLA in
  /// bf16.
  int64_t bytes_per_token() const { return n_layers * entry_bytes(); }
};

/// Pages of one model. Thread-safe. Requires: outlives every SequenceCache on it.
class LatentCache {
 public:
  explicit LatentCache(CacheShape shape) : shape_(shape) {}
  ~LatentCache();
  LatentCache(const LatentCache&) = delete;
  LatentCache& operator=(const LatentCache&) = delete;
  const CacheShape& shape() const { return shape_; }
  int64_t page_bytes() const { return kPageEntries * shape_.bytes_per_token(); }
  /// Pages taken from the system: those that sequences hold (a shared one counts once) and those
  /// kept for reuse.
  int64_t bytes_allocated() const;
  /// Pages that sequences hold; a shared one counts once.
  int64_t bytes_in_use() const;

 private:
  friend class PageRef;
  friend class SequenceCache;
  struct Page;  // a count of references, then 64-byte aligned entries [n_layers, kPageEntries]
  Page* take_page();
  void give_page(Page* page);

  CacheShape shape_;
  mutable std::mutex mutex_;
  std::vector<Page*> free_;
  int64_t n_pages_ = 0;
};

/// One sequence's hold on a page, counted. Thread-safe as a shared_ptr is: the count, not the
/// handle.
class PageRef {
 public:
  PageRef() = default;
  PageRef(LatentCache* cache, LatentCache::Page* page) : cache_(cache), page_(page) {}
  PageRef(const PageRef& other);
  PageRef(PageRef&& other) noexcept
      : cache_(other.cache_), page_(std::exchange(other.page_, nullptr)) {}
  PageRef& operator=(PageRef other) noexcept {
    std::swap(cache_, other.cache_);
    std::swap(page_, other.page_);
    return *this;
  }
  ~PageRef();
  uint8_t* entries() const;
  /// No other sequence holds the page, so it may be written. Everything that earlier holders read
  /// of it happened before a true answer (which shared_ptr::use_count does not promise).
  bool exclusive() const;

 private:
  LatentCache* cache_ = nullptr;
  LatentCache::Page* page_ = nullptr;
};

/// The entries of one sequence. A copy shares all pages. Not thread-safe: one owner at a time;
/// sequences that share pages may live on different threads. Invariant: n_pages() = ceil(length() /
/// kPageEntries), and what lies after length() in the last page is zero, so that whole-page reads
/// see zeros after the end.
class SequenceCache {
 public:
  explicit SequenceCache(LatentCache* cache) : cache_(cache) {}
  SequenceCache(const SequenceCache&) = default;
  SequenceCache(SequenceCache&& other) noexcept
      : cache_(other.cache_),
        length_(std::exchange(other.length_, 0)),
        pages_(std::move(other.pages_)) {
    other.pages_.clear();
  }
  SequenceCache& operator=(SequenceCache other) noexcept {
    std::swap(cache_, other.cache_);
    std::swap(length_, other.length_);
    std::swap(pages_, other.pages_);
    return *this;
  }

  LatentCache* cache() const { return cache_; }
  int64_t length() const { return length_; }
  /// Makes room for n more entries and counts them as present; the caller then writes them. Only
  /// the new entries may be written: earlier pages can be shared. Requires: n >= 0.
  void grow(int64_t n);
  /// Drops entries from `length` on. Requires: 0 <= length <= length().
  void truncate(int64_t length);
  /// Becomes a copy of the first n entries of `other`: full pages shared, a last partial page
  /// copied. Requires: the same LatentCache, 0 <= n <= other.length().
  void share_prefix(const SequenceCache& other, int64_t n);
  /// Start of entry 0 of page `page_idx` in layer `layer`; entries lie entry_dim elements apart.
  /// 64-byte aligned where 64 entries are a multiple of 64 bytes, as they always are.
  void* page(int64_t layer, int64_t page_idx) const;
  int64_t n_pages() const { return static_cast<int64_t>(pages_.size()); }
  /// length() entries over all layers.
  int64_t bytes_used() const { return length_ * cache_->shape().bytes_per_token(); }

 private:
  /// A new page with the first n entries of `from` and zeros after them.
  PageRef copy_page(const PageRef& from, int64_t n) const;
  PageRef new_page() const { return PageRef(cache_, cache_->take_page()); }

  LatentCache* cache_;
  int64_t length_ = 0;
  std::vector<PageRef> pages_;
};

}  // namespace fathom
