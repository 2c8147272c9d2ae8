// Finite or not, by the exponent bits; the search for the weight is check_finite (checkpoint/).
#include "engine/finite.h"

#include <fmt/format.h>

#include <bit>
#include <cstdint>

namespace fathom {

bool all_finite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t n_bad = 0;
  for (float x : values) n_bad += (std::bit_cast<uint32_t>(x) & kExponent) == kExponent ? 1 : 0;
  return n_bad == 0;
}

Status explain_not_finite(const CheckpointReader& checkpoint) {
  FATHOM_RETURN_IF_ERROR(check_finite(checkpoint));
  return Status::error(
      fmt::format("{}: finite logits wanted, NaN or infinity found, though all weights are finite",
                  checkpoint.path().string()));
}

}  // namespace fathom
