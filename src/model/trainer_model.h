// The same model with gradients: f32 master weights, one forward-backward per micro-batch, no general autograd.
// train/ owns the optimizer and the schedule; this knows neither.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "checkpoint/checkpoint.h"
#include "config/model_config.h"
#include "model/model.h"
#include "tensor/view.h"

namespace fathom {

/// One trainable tensor (or a router bias, which has no gradient and is moved by the loads).
struct Parameter {
  std::string name;          // published name
  int64_t rows = 0, cols = 0;  // cols 0: a vector
  View<float> value;         // f32 master [rows * max(cols, 1)]
  View<float> gradient;      // same size; empty for a router bias
  bool decay = false;        // two-dimensional tensors decay, norms do not
  bool router_bias = false;
};

struct TrainOptions {
  Compute compute = Compute::kBf16;
  /// kExact: the forward pass is the engine's in exact numerics, to the bit (attention in absorbed form); kFast: expanded, which is faster.
  Numerics numerics = Numerics::kFast;
  bool fp8 = false;            // V3's FP8 recipe in emulation for the linears it covers (compute f32 or bf16 around it)
  bool recompute = false;      // keep each layer's input only and run its forward again in backward
  bool mtp_prenorm = false;
  double mtp_lambda = 0.0;     // 0: the MTP layer is not run
  bool mtp_detached = false;   // the MTP loss moves the MTP layer alone: not the trunk, the embedding or the head it shares
  double balance_alpha = 0.0;  // sequence-wise balance loss
};

/// tokens [n_sequences, T + 1]; the model reads the first T of a row and predicts the next ones.
struct TrainBatch {
  View<const int32_t> tokens;
  /// Empty, or [n_sequences, T]: index of the document a position belongs to; attention does not cross documents when given.
  View<const int32_t> document_ids;
  /// Empty, or [n_sequences, T] f32: weight of the loss at each predicted position (SFT masks); the mean is over the weights.
  View<const float> loss_weights;
  /// Empty, or [n_sequences] i32, 1 … T: how many tokens of each row are read (lengths[s] + 1 of them are there); each row is then a sequence
  /// of its own length and nothing is computed for the rest. Requires then: no document_ids, balance_alpha 0.
  View<const int32_t> lengths = {};
  /// Empty, or [n_sequences, 2] i32 {row, n}: the first n positions of a sequence are those of an earlier row, of the same tokens, and are
  /// computed once, there; 0 <= n < that row's length and this one's. Predicted positions, here and in what follows, are then a row's own, from
  /// position n on. Requires `lengths`. A prompt with several answers is one: all but the first have the prompt's first positions in common.
  /// The MTP loss of a row begins at its position n as well: what it predicts from there on should be the row's own.
  View<const int32_t> shared = {};
  /// Empty, or [predicted positions, MoE layers of the trunk * num_experts_per_tok], sequence after sequence: the experts that each position is
  /// sent to, layer after layer, instead of the router's choice (V3.2's keep routing); a negative id leaves the layer's choice to the router.
  View<const int32_t> experts = {};
  /// Empty, or for each predicted position the tokens that could be sampled there (V3.2's keep sampling mask): log-probabilities of main
  /// logits are taken among them alone. An empty list: the whole vocabulary. The predicted token is in its list.
  std::span<const std::vector<int32_t>> sampling_sets = {};
};

/// A loss of log-probabilities: what reinforcement learning minimises. Both views run over the batch's predicted positions, sequence after
/// sequence, each of its own length. logp: of each next token, the engine's bits in exact numerics; 0 and not computed where batch.loss_weights
/// are given and 0: the loss must not depend on it there. To be filled: dlogp, the derivative with respect to each. Returns the loss.
using LogpLoss = std::function<double(View<float> dlogp, View<const float> logp)>;

struct TrainStats {
  double loss_ce = 0, loss_mtp = 0, balance = 0, loss_total = 0;
  std::vector<int> moe_layers;                       // layer index of each row of loads, MTP layers included
  std::vector<std::vector<int64_t>> expert_loads;    // tokens per expert of this micro-batch
  std::vector<double> router_entropy;                // mean over tokens of the entropy of the normalised affinities, nats
};

class TrainerModel {
 public:
  /// Random start: N(0, initializer_range), norms 1, biases 0; parameter i (in the order of parameters()) draws from stream i of `seed`.
  /// Refused by name: architectures without MLA, attention_bias, more than one MTP layer.
  static Result<std::unique_ptr<TrainerModel>> create(const ModelConfig& config, uint64_t seed, const TrainOptions& options);
  /// Start from a checkpoint's values.
  static Result<std::unique_ptr<TrainerModel>> from_checkpoint(const CheckpointReader& checkpoint, const TrainOptions& options);
  virtual ~TrainerModel() = default;

  virtual const ModelConfig& config() const = 0;
  virtual TrainOptions& options() = 0;
  virtual std::vector<Parameter>& parameters() = 0;
  /// To be called after the masters changed: makes the copies that the arithmetic reads.
  virtual void weights_changed() = 0;
  virtual void zero_gradients() = 0;

  /// Forward and backward of one micro-batch; every gradient += scale * its gradient of loss_total (scale = 1 / number of micro-batches).
  /// loss_total = ce + mtp_lambda * mtp + balance_alpha * balance. Source: DeepSeek-V3 §2.1.2, §2.2; golden/README.md, train-tiny.
  virtual TrainStats forward_backward(const TrainBatch& batch, double scale) = 0;
  /// The same for a loss of the log-probabilities (batch.loss_weights then weighs the MTP loss alone); loss_ce is the loss.
  virtual TrainStats forward_backward(const TrainBatch& batch, const LogpLoss& loss, double scale) = 0;
  /// Log-probabilities of the next tokens, in the order of LogpLoss; nothing kept. logp: as many as there are predicted positions.
  virtual void logps(View<float> logp, const TrainBatch& batch) = 0;
  /// The numbers that the arithmetic reads, as a checkpoint: a Model opened on it computes with them in place, without a copy. After
  /// weights_changed() the matrices are the new ones; Model::vectors_changed() brings the norms. Lives no longer than this.
  virtual std::shared_ptr<const CheckpointReader> live_checkpoint() = 0;
  /// Losses only, nothing kept (validation).
  virtual TrainStats forward_only(const TrainBatch& batch) = 0;
  /// logits [n_sequences * T, vocab_size] and, where mtp_logits is not empty, [n_sequences * (T - 1), vocab_size].
  virtual void logits(View<float> logits, View<float> mtp_logits, const TrainBatch& batch) = 0;
  /// Model FLOPs of forward and backward per token at sequence length T, recompute not counted (for MFU).
  virtual double flops_per_token(int64_t T) const = 0;
};

/// Writes the masters as a published-layout checkpoint (bf16; router biases f32).
Status write_trained_checkpoint(const std::filesystem::path& directory, TrainerModel& model);

}  // namespace fathom
