// See random_weights.h.
#include "train/random_weights.h"

namespace fathom {

void scale_random_weights(TrainerModel& model, double embedding, double residual) {
  for (const Parameter& p : model.parameters()) {
    const bool adds = p.name.ends_with("o_proj.weight") || p.name.ends_with("down_proj.weight");
    const double scale = p.name.ends_with("embed_tokens.weight") ? embedding : adds ? residual : 1;
    if (scale == 1) continue;
    for (int64_t i = 0; i < p.value.size(); ++i)
      p.value[i] = static_cast<float>(p.value[i] * scale);
  }
  model.weights_changed();
}

}  // namespace fathom
