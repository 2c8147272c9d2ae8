// Where random weights begin, beyond one initializer_range for all of them (DeepSeek-V3 §4.2).
#pragma once

#include "model/trainer_model.h"

namespace fathom {

/// Multiplies the embedding by `embedding`, and by `residual` what adds to the residual stream
/// (o_proj, down_proj, of every layer). In a narrow model what the layers add at first drowns which
/// token stands where, and attention learns late to find a token again; GPT-2 (§2.3) scales the
/// same matrices down, by the number of layers.
void scale_random_weights(TrainerModel& model, double embedding, double residual);

}  // namespace fathom
