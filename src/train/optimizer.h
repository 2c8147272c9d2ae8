// AdamW, or Muon for the matrices of the layers, with global-norm clipping, weight-decay groups and
// an average of the weights, and the update of the router biases. Masters, gradients and sums are
// f32; the moments are f32 or, as V3 keeps them, bf16. Source: Loshchilov & Hutter 2019 (AdamW),
// DeepSeek-V3 §2.1.2 (auxiliary-loss-free balance), §3.3.3 (bf16 moments), §4.2. What a step's rate
// is, schedule.h says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/trainer_model.h"
#include "tensor/dtype.h"
#include "tensor/view.h"
#include "train/muon.h"

namespace fathom {

enum class MomentType { kF32, kBf16 };
/// kMuon: matrices of the layers, but for the routers', are stepped by their orthogonalised
/// momentum (muon.h); all else by AdamW.
enum class OptimizerKind { kAdamW, kMuon };

struct AdamWOptions {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double muon_momentum = 0.95;  // Nesterov's; these moments are f32 whatever `moments` says
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8;
  double weight_decay = 0.1;   // of parameters with Parameter::decay
  double clip_max_norm = 1.0;  // 0: gradients are not clipped
  double clip_eps = 1e-6;      // coefficient = min(1, clip_max_norm / (norm + clip_eps))
  MomentType moments = MomentType::kF32;
  double ema_decay = 0.0;  // 0: no average is kept
};

/// A piece of the optimizer's memory, as a checkpoint keeps it.
struct OptimizerTensor {
  std::string name;  // "m.<parameter>", "v.<parameter>", "ema.<parameter>"
  DType dtype = DType::kF32;
  int64_t size = 0;  // elements
  void* data = nullptr;
};

/// Invariant: the state after n steps depends on the gradients and options alone, not on the number
/// of threads.
class Optimizer {
 public:
  /// Keeps the views of `parameters`, which must outlive the optimizer. Router biases are not its
  /// business (update_router_biases).
  Optimizer(const std::vector<Parameter>& parameters, const AdamWOptions& options);

  /// Norm of all gradients together, before clipping.
  double gradient_norm() const;
  /// One step with rate `lr`: decays, updates moments, masters and the average. Returns the norm
  /// before clipping; where that is not finite, nothing was changed. The gradients stay as they
  /// are. The model's weights_changed() is the caller's to call.
  double step(double lr);

  /// Steps taken; the bias corrections of the moments depend on it.
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }
  /// Everything a checkpoint must hold beside the masters; writing through `data` restores it.
  std::vector<OptimizerTensor> state();
  /// Exchanges masters and average, so that the average can be evaluated or saved; a second call
  /// puts them back. Requires: ema_decay > 0.
  void swap_ema();
  const AdamWOptions& options() const { return options_; }

 private:
  struct Slot {
    Parameter parameter;
    Tensor<float> m, v, ema;
    Tensor<BF16> m_bf16, v_bf16;
    int64_t muon = -1;  // its place in orthogonaliser_
  };
  struct Piece {
    int64_t slot, begin, end;
  };
  void step_piece(const Piece& piece, double lr, double gradient_scale);
  void step_matrices(double lr, double gradient_scale);

  AdamWOptions options_;
  std::vector<Slot> slots_;
  Orthogonaliser orthogonaliser_;
  std::vector<int64_t> muon_slots_;  // by place in orthogonaliser_
  std::vector<Piece> pieces_;        // the parameters cut into shares of work, in a fixed order
  int64_t steps_ = 0;
};

/// One router's biases after a step: b_i += gamma * sign(mean load - load_i); an expert at the mean
/// keeps its bias. recentre: then the mean of the biases is subtracted (the choice of experts
/// depends on differences only). Requires: bias.size() == loads.size(). Source: DeepSeek-V3 §2.1.2.
void update_router_bias(View<float> bias, std::span<const int64_t> loads, double gamma,
                        bool recentre);

/// The same for every router bias among `parameters`, by the loads of the whole batch:
/// stats.expert_loads[k] belongs to `model.layers.<stats.moe_layers[k]>.`. A router without a row
/// of loads (the MTP layer at mtp_lambda 0) keeps its biases.
void update_router_biases(const std::vector<Parameter>& parameters, const TrainStats& stats,
                          double gamma, bool recentre);

}  // namespace fathom
