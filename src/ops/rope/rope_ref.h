// The definition of the rotation in double, for tests.
#pragma once

#include <cstdint>

#include "ops/rope/rope.h"

namespace fathom {

/// x [n, n_heads, head_dim], in place; the angle of pair i at position p is p * inv_freq[i].
/// inverse = true: minus that angle.
void rope_apply_ref(double* x, int64_t n, int64_t n_heads, int64_t head_dim, int64_t offset,
                    const int32_t* positions, const RopeSpec& spec, bool inverse);

}  // namespace fathom
