// What every layer of a pass needs besides its weights: sizes, options, positions, memory.
#pragma once

#include <span>
#include <vector>

#include "cache/latent_cache.h"
#include "config/model_config.h"
#include "model/model.h"
#include "ops/rope/rope.h"
#include "ops/router/router.h"
#include "tensor/arena.h"

namespace fathom {

/// Rows [begin, begin + n) of a pass belong to one sequence, at positions first_position, …. Positions before these are in the cache; in
/// training they are the pass's rows [before, before + first_position).
struct SequencePiece {
  SequenceCache* cache = nullptr;
  int64_t begin = 0, n = 0, first_position = 0;
  int64_t before = 0;
  int64_t n_keys() const { return first_position + n; }
};

/// Whether the sequence-wise balance loss is defined: it compares sequences of one length.
inline bool of_one_length(std::span<const SequencePiece> pieces) {
  for (const SequencePiece& p : pieces) {
    if (p.n != pieces.front().n) return false;
  }
  return true;
}

struct LayerContext {
  const ModelConfig& config;
  const RopeTable& rope;
  Arena& arena;
  View<const int32_t> positions;  // [n_tokens]
  std::span<const SequencePiece> pieces;
  Numerics numerics = Numerics::kExact;
  bool fp8_activations = false;
  View<const int32_t> given_experts = {};  // empty, or this layer's, as router_forward takes them
  int64_t n_tokens() const { return positions.dim(0); }
};

RopeSpec rope_spec(const ModelConfig& config);
RouterSpec router_spec(const ModelConfig& config);

/// The input of an FP8 linear as W8A8 sees it: quantized per row and 128 columns and back (in place), where the pass asks for it.
template <typename T>
View<const T> linear_input(View<const T> x, const LayerContext& context);

/// View of columns [begin, begin + n) of a matrix.
template <typename T>
View<T> columns(View<T> m, int64_t begin, int64_t n) {
  return View<T>::rows(m.data() + begin, m.dim(0), n, m.stride(0));
}

}  // namespace fathom
