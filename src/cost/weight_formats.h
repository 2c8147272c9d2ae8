// What a model's weights weigh in a number format, for planning: bytes a number, and which tensors
// a published checkpoint leaves in bf16 or f32.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/model_config.h"

namespace fathom {

struct WeightFormat {
  std::string_view name;
  double bytes;                // a number in a matrix, scales included
  bool embedding_and_head;     // they too; false: they stay bf16
  std::string_view precision;  // of the machine's peak that its products use
};

/// bf16, f32, fp8, q8_0, q6_k, ...
const std::vector<WeightFormat>& weight_formats();
/// Error: the formats that there are.
Result<WeightFormat> weight_format(std::string_view name, const std::string& where);

struct WeightBytes {
  double routed = 0, other = 0;  // of experts, and of what every token uses
  double embedding = 0;          // part of other; a row a token is read, not all of it
  double total() const { return routed + other; }
};
/// Of the main model, and with_mtp of the MTP layers. Matrices in `format`; norms, biases and the
/// router stay f32; embedding and head as the format says.
WeightBytes weight_bytes(const ModelConfig& config, const WeightFormat& format, bool with_mtp);

}  // namespace fathom
