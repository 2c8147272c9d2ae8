// The definition of an AdamW step in double, for tests.
#pragma once

#include <cstdint>

#include "ops/adamw/adamw.h"

namespace fathom {

/// ema may be null.
void adamw_step_ref(double* p, double* m, double* v, double* ema, const double* g, int64_t n,
                    const AdamWStep& step);

}  // namespace fathom
