// Adding rows, on Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd/add_row_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/isa.h"
#include "ops/simd/add_row.h"
#include "ops/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace HWY_NAMESPACE {
namespace {

void add_f32(float* sum, const float* x, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(hn::Add(load(sum + i), load(x + i)), sum + i);
  for (; i < n; ++i) sum[i] += x[i];
}

}  // namespace

AddRow choose_add_row() { return add_f32; }

}  // namespace HWY_NAMESPACE
}  // namespace fathom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fathom {
HWY_EXPORT(choose_add_row);
AddRow add_row() {
  isa();  // limits Highway's choice before its first use
  return HWY_DYNAMIC_DISPATCH(choose_add_row)();
}
}  // namespace fathom
#endif
