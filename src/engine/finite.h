// Logits that are not numbers: found where they appear, explained by the weight that caused them.
#pragma once

#include <span>

#include "base/status.h"
#include "checkpoint/checkpoint.h"

namespace fathom {

/// No NaN and no infinity.
bool all_finite(std::span<const float> values);

/// The sentence that goes with logits that are not finite: the first weight that holds NaN or
/// infinity, or that all are finite and the arithmetic overflowed. Reads every weight once.
Status explain_not_finite(const CheckpointReader& checkpoint);

}  // namespace fathom
