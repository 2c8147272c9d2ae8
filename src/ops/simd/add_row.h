// Adding one f32 row to another: the step of every sum over rows.
#pragma once

#include <cstdint>

namespace fathom {

using AddRow = void (*)(float* sum, const float* x, int64_t n);
/// sum[i] += x[i] for i < n, for the instruction set in use.
AddRow add_row();

}  // namespace fathom
