// FLOPs of one token of training, part by part, with the definition in the name: what an MFU counts
// (model), what the MTP layers add, and what recomputation adds (hardware). A multiply-add is two
// FLOPs; training is three forward passes (flops.h).
#pragma once

#include <string_view>

#include "cost/flops.h"

namespace fathom {

/// What backward computes again instead of keeping. kSelective is V3's choice: RMSNorms, MLA's
/// up-projections of q, k and v, and SwiGLU's product. kFull: every layer from its input.
enum class Recompute { kNone, kSelective, kFull };

std::string_view name_of(FlopsDefinition definition);
std::string_view name_of(Recompute recompute);

struct TrainingFlops {
  FlopsDefinition definition = FlopsDefinition::kCausal;
  int64_t context_length = 0;
  FlopsPerToken parts;   // of training: three times forward's; total is `model`
  double model = 0;      // the main model without recomputation: the numerator of an MFU
  double mtp = 0;        // all of the MTP layers
  double recompute = 0;  // forward FLOPs that backward repeats, MTP's among them
  double six_n = 0;      // 6 x active parameters: attention and what N leaves out are missing
  double hardware() const { return model + mtp + recompute; }
};

/// The mean over the positions of a sequence. Requires: context_length >= 1; kCausal or kNonCausal
/// (six_n is always there).
TrainingFlops training_flops(const ModelConfig& config, int64_t context_length,
                             FlopsDefinition definition, Recompute recompute);

}  // namespace fathom
