// The trainer's numbers: f32 masters and gradients in two flat arrays, and the copies that the arithmetic reads (bf16, FP8 blocks).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/model_config.h"
#include "model/trainer_model.h"
#include "model/weights.h"

namespace fathom {

class ParameterStore {
 public:
  ParameterStore(const ModelConfig& config, Compute compute, bool fp8);

  std::vector<Parameter>& parameters() { return parameters_; }
  const ModelWeights& weights() const { return weights_; }
  const ModelGradients& gradients() const { return gradients_; }
  /// N(0, initializer_range), norms 1, biases 0.
  void randomize(double initializer_range, uint64_t seed);
  Status load(const CheckpointReader& checkpoint);
  void zero_gradients();
  /// Makes the copies anew from the masters. What they hold is what a checkpoint written from the masters will hold.
  void refresh();
  /// The copies under their published names; lives no longer than the store.
  std::shared_ptr<const CheckpointReader> live_checkpoint(const ModelConfig& config);

 private:
  struct Fp8Copy {
    size_t parameter;
    Tensor<uint8_t> codes;
    Tensor<float> scale_inv;
  };
  class LiveCheckpoint;
  Weight weight_of(const std::string& name);
  /// A norm or a router bias as the arithmetic reads it.
  View<const float> vector_of(const std::string& name) const;

  Compute compute_;
  std::vector<Parameter> parameters_;
  std::map<std::string, size_t> index_;
  std::vector<int64_t> offset_;
  Tensor<float> values_, gradient_values_;
  Tensor<BF16> bf16_;       // compute bf16: every parameter, rounded
  Tensor<float> rounded_;   // compute bf16: vectors, rounded and widened again
  std::vector<Fp8Copy> fp8_;
  ModelWeights weights_;
  ModelGradients gradients_;
};

}  // namespace fathom
