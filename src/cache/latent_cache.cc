// Pages of the latent cache: a pool of equal blocks with counted holders, and the page table of one
// sequence. Zeroing happens where a page is handed out and where entries are dropped; nowhere else.
#include "cache/latent_cache.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/check.h"

namespace fathom {

namespace {
constexpr std::align_val_t kPageAlign{64};
}  // namespace

struct alignas(64) LatentCache::Page {
  std::atomic<int64_t> n_refs{1};
  uint8_t* entries() { return reinterpret_cast<uint8_t*>(this + 1); }
};

LatentCache::~LatentCache() {
  FATHOM_CHECK(static_cast<int64_t>(free_.size()) == n_pages_);  // no sequence outlives its cache
  for (Page* page : free_) {
    page->~Page();
    ::operator delete(page, kPageAlign);
  }
}

int64_t LatentCache::bytes_allocated() const {
  std::lock_guard lock(mutex_);
  return n_pages_ * page_bytes();
}

int64_t LatentCache::bytes_in_use() const {
  std::lock_guard lock(mutex_);
  return (n_pages_ - static_cast<int64_t>(free_.size())) * page_bytes();
}

LatentCache::Page* LatentCache::take_page() {
  FATHOM_CHECK(page_bytes() > 0);
  Page* page = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      page = free_.back();
      free_.pop_back();
      page->n_refs.store(1, std::memory_order_relaxed);
    } else {
      free_.reserve(static_cast<size_t>(n_pages_) + 1);  // so that giving back never allocates
      void* memory = ::operator new(sizeof(Page) + static_cast<size_t>(page_bytes()), kPageAlign);
      page = new (memory) Page;
      ++n_pages_;
    }
  }
  std::memset(page->entries(), 0, static_cast<size_t>(page_bytes()));
  return page;
}

void LatentCache::give_page(Page* page) {
  std::lock_guard lock(mutex_);
  free_.push_back(page);
}

PageRef::PageRef(const PageRef& other) : cache_(other.cache_), page_(other.page_) {
  if (page_ != nullptr) page_->n_refs.fetch_add(1, std::memory_order_relaxed);
}

PageRef::~PageRef() {
  if (page_ != nullptr && page_->n_refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    cache_->give_page(page_);
  }
}

uint8_t* PageRef::entries() const { return page_->entries(); }

bool PageRef::exclusive() const { return page_->n_refs.load(std::memory_order_acquire) == 1; }

void SequenceCache::grow(int64_t n) {
  FATHOM_CHECK(n >= 0);
  if (n == 0) return;
  const int64_t n_last = length_ % kPageEntries;
  if (n_last != 0 && !pages_.back().exclusive()) pages_.back() = copy_page(pages_.back(), n_last);
  length_ += n;
  while (n_pages() * kPageEntries < length_) pages_.push_back(new_page());
}

void SequenceCache::truncate(int64_t length) {
  FATHOM_CHECK(0 <= length && length <= length_);
  const int64_t n_pages_kept = (length + kPageEntries - 1) / kPageEntries;
  const int64_t n_last_before = std::min(length_, n_pages_kept * kPageEntries);
  pages_.resize(static_cast<size_t>(n_pages_kept));
  length_ = length;
  if (length == n_last_before) return;  // the last page kept loses nothing
  const int64_t n_kept = length % kPageEntries;
  if (!pages_.back().exclusive()) {
    pages_.back() = copy_page(pages_.back(), n_kept);
    return;
  }
  const CacheShape& shape = cache_->shape();
  for (int64_t layer = 0; layer < shape.n_layers; ++layer) {
    uint8_t* entries = static_cast<uint8_t*>(page(layer, n_pages_kept - 1));
    std::memset(entries + n_kept * shape.entry_bytes(), 0,
                static_cast<size_t>((n_last_before - length) * shape.entry_bytes()));
  }
}

void SequenceCache::share_prefix(const SequenceCache& other, int64_t n) {
  FATHOM_CHECK(cache_ == other.cache_);
  FATHOM_CHECK(0 <= n && n <= other.length_);
  if (this == &other) return truncate(n);
  const int64_t n_full = n / kPageEntries, n_last = n % kPageEntries;
  pages_.assign(other.pages_.begin(), other.pages_.begin() + n_full);
  if (n_last != 0) pages_.push_back(copy_page(other.pages_[static_cast<size_t>(n_full)], n_last));
  length_ = n;
}

void* SequenceCache::page(int64_t layer, int64_t page_idx) const {
  FATHOM_DCHECK(0 <= layer && layer < cache_->shape().n_layers);
  FATHOM_DCHECK(0 <= page_idx && page_idx < n_pages());
  return pages_[static_cast<size_t>(page_idx)].entries() +
         layer * kPageEntries * cache_->shape().entry_bytes();
}

PageRef SequenceCache::copy_page(const PageRef& from, int64_t n) const {
  PageRef copy = new_page();
  const int64_t entry_bytes = cache_->shape().entry_bytes();
  for (int64_t layer = 0; layer < cache_->shape().n_layers; ++layer) {
    const int64_t offset = layer * kPageEntries * entry_bytes;
    std::memcpy(copy.entries() + offset, from.entries() + offset,
                static_cast<size_t>(n * entry_bytes));
  }
  return copy;
}

}  // namespace fathom
