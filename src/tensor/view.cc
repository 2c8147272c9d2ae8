#include "tensor/view.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace fathom {

std::shared_ptr<void> allocate_bytes(int64_t n_bytes, bool zero) {
  FATHOM_CHECK(n_bytes >= 0);
  constexpr int64_t kHuge = int64_t{2} << 20;
  const int64_t align = n_bytes >= kHuge ? kHuge : 64;
  const int64_t size = (n_bytes + align - 1) / align * align;
  void* p = std::aligned_alloc(static_cast<size_t>(align), static_cast<size_t>(size > 0 ? size : align));
  FATHOM_CHECK(p != nullptr);
  if (align == kHuge) madvise(p, static_cast<size_t>(size), MADV_HUGEPAGE);
  if (zero) std::memset(p, 0, static_cast<size_t>(size));
  return std::shared_ptr<void>(p, std::free);
}

template class Tensor<float>;
template class Tensor<double>;
template class Tensor<BF16>;
template class Tensor<int32_t>;
template class Tensor<int64_t>;
template class Tensor<uint8_t>;

}  // namespace fathom
