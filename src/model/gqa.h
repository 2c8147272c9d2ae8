// Grouped-query attention of the distills' architectures (llama, qwen2, qwen3) over the same paged cache: an entry is the keys of all
// key-value heads, then their values.
#pragma once

#include "model/layer_context.h"
#include "model/weights.h"

namespace fathom {

/// x [n, hidden_size] f32 += attention(input_layernorm(x)); appends entries of layer `layer_idx` to the caches of context.pieces.
template <typename T>
void gqa_forward_cached(View<float> x, const LayerWeights& w, const LayerContext& context, int64_t layer_idx);

}  // namespace fathom
