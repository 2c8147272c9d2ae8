// Bytes that one device holds while a model trains, under a layout. What counts and what does not:
// docs/cost.md, "Memory of training". Buffers of communication, fragmentation and the program
// itself are not counted.
#pragma once

#include "cost/parallelism.h"
#include "cost/training_flops.h"

namespace fathom {

/// Bytes a parameter. V3's: weights bf16 (fp8 copies are made on the way), gradients and masters
/// f32, the two moments bf16.
struct StateBytes {
  double weights = 2, gradients = 4, masters = 4, moments = 4;
};
/// "weights=bf16,gradients=f32,masters=none,moments=bf16"; what is not named keeps V3's.
Result<StateBytes> parse_state_bytes(std::string_view text, const std::string& where);

struct DeviceMemory {
  double weights = 0, gradients = 0, masters = 0, moments = 0;
  double activations = 0;        // what backward needs of the micro-batches in flight
  double logits = 0;             // of one micro-batch, f32, where the head stands
  double routed = 0, other = 0;  // parameters it computes with, before ZeRO shares them out
  double total() const { return weights + gradients + masters + moments + activations + logits; }
};

struct MemoryInput {
  Parallelism parallelism = {};  // resolved
  PipelineSchedule schedule = PipelineSchedule::k1F1B;
  Recompute recompute = Recompute::kNone;
  StateBytes state = {};
  bool fp8_activations = false;    // inputs of matrix products are kept in one byte
  int64_t micro_batch_tokens = 0;  // of one pipeline
  int64_t micro_batches = 1;       // a step and pipeline: no more than these are in flight
};

/// Of the fullest device: layers are dealt out to the stages in order, as evenly as they go, the
/// embedding to the first and the head to the last; with DualPipe a device holds two stages, one
/// from either end, and PP + 1 micro-batches between them. Source: DeepSeek-V3, table 2.
DeviceMemory training_memory(const ModelConfig& config, const MemoryInput& input);

/// What backward needs of one token in one layer.
double activation_bytes(const ModelConfig& config, const LayerSpec& layer, Recompute recompute,
                        bool fp8_activations);

}  // namespace fathom
