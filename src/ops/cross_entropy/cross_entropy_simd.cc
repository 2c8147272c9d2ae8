// The loss's row functions on Highway: the pieces of a softmax.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cross_entropy/cross_entropy_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/isa.h"
#include "ops/cross_entropy/cross_entropy_kernels.h"
#include "ops/simd/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {

const CrossEntropyKernels* cross_entropy_table() {
  static constexpr CrossEntropyKernels table = {
      row_max, sum_exp, {scale_row<float>, scale_row<BF16>}};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {
HWY_EXPORT(cross_entropy_table);
const CrossEntropyKernels& cross_entropy_kernels() {
  isa();  // limits Highway's choice before its first use
  return *HWY_DYNAMIC_DISPATCH(cross_entropy_table)();
}
}  // namespace fathom
#endif
