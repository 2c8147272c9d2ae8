// The table of number formats that a weight may be stored in. A new format is one row of
// formats.cc: every operation then works through decode-to-tile (decode.h).
#pragma once

#include <cstdint>
#include <span>

#include "quant/convert_kernels.h"
#include "tensor/dtype.h"

namespace fathom {

struct Format {
  DType dtype;
  int64_t bytes_per_element;
  bool scaled;  // carries a grid of block scales
  ToF32 to_f32;
  ToBf16 to_bf16;
};

/// Every format, in the order of the table. The functions are those of this machine's instruction
/// set.
std::span<const Format> formats();
/// The format of a weight of this dtype, or null: not a weight's dtype (integers, f64).
const Format* find_format(DType dtype);

}  // namespace fathom
