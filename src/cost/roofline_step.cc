// One training step as its limits have it: matrix products at their peaks, weights and state at the
// memory's bandwidth, what the devices send at the links', each times the share that a kernel
// reaches, with the pipeline's bubble around it.
#include <algorithm>

#include "cost/plan_training.h"

namespace fathom {
namespace {

/// Seconds of the FLOPs that a micro-batch costs one device in one forward pass.
double forward_seconds(const Machine& m, const std::string& precision, const TrainingFlops& flops,
                       double tokens_here, double efficiency) {
  const FlopsPerToken& f = flops.parts;  // three forward passes
  const double peak = m.peak_flops.at(precision);
  const auto at = m.peak_flops.find("bf16");
  const double bf16 = at != m.peak_flops.end() && at->second > 0 ? at->second : peak;
  // MTP is shared out between the kinds of work as the main model is.
  const double with_mtp = (flops.model + flops.mtp) / flops.model;
  const double kept = f.attention_core + f.router + f.head;
  const double rest = flops.model - kept;
  return tokens_here * with_mtp / 3 * (kept / bf16 + rest / peak) / efficiency;
}

/// Two all-reduces of the activations in each layer's forward pass (Megatron), as bytes on a link.
double tensor_parallel_bytes(const ModelConfig& c, const Parallelism& p, double tokens_of_stage) {
  if (p.tp == 1) return 0;
  const double tp = static_cast<double>(p.tp);
  const double layers = static_cast<double>(c.num_hidden_layers + c.num_nextn_predict_layers) /
                        static_cast<double>(p.pp);
  return layers * 2 * 2 * (tp - 1) / tp * 2 * static_cast<double>(c.hidden_size) * tokens_of_stage;
}

/// Reduce-scatter and all-gather of what a device holds, over the slower of the links in use.
double gradient_seconds(const Machine& m, const TrainingPlan& layout) {
  const Parallelism& p = layout.parallelism;
  if (p.dp == 1) return 0;
  const bool inside = m.devices <= m.devices_per_node;
  const double bytes = layout.memory.gradients + layout.memory.weights;
  return bytes * static_cast<double>(p.dp - 1) / static_cast<double>(p.dp) /
         (inside ? m.intra_node_bytes_per_s : m.inter_node_bytes_per_s);
}

}  // namespace

StepTimes roofline_step(const ModelConfig& c, const Machine& m, const TrainingInput& in,
                        const TrainingPlan& layout, const TrainingFlops& flops, double efficiency,
                        bool overlap) {
  const Parallelism& p = layout.parallelism;
  const double tokens = static_cast<double>(in.micro_batch * flops.context_length);
  const double stage = static_cast<double>(p.pp), spread = stage * static_cast<double>(p.tp);
  const double bandwidth = m.memory_bytes_per_s * efficiency;
  // A stage's weights are read once for forward, twice for backward, in every micro-batch.
  const double weights = bandwidth > 0 ? layout.memory.weights / bandwidth : 0;
  const double f =
      std::max(forward_seconds(m, layout.precision, flops, tokens / spread, efficiency), weights);
  const double again = f * flops.recompute / ((flops.model + flops.mtp) / 3);
  double sent = traffic_seconds(layout.traffic, m) * tokens / spread;
  if (p.tp > 1) sent += tensor_parallel_bytes(c, p, tokens) / m.intra_node_bytes_per_s;

  const bool dual = layout.schedule == PipelineSchedule::kDualPipe;
  const double exposed = overlap || dual ? std::max(0.0, sent - f) : sent;
  ChunkTimes chunk = {.forward = f + exposed,
                      .backward = 2 * f + again + exposed,
                      .backward_weights = f,
                      .overlapped = std::max(3 * f + again, 2 * sent)};
  const double n = static_cast<double>(layout.micro_batches);
  StepTimes t;
  t.compute = n * (3 * f + again);
  t.traffic = n * (dual ? std::max(0.0, 2 * sent - 3 * f - again) : 2 * exposed);
  t.bubble = bubble_time(layout.schedule, p.pp, chunk);
  t.gradients = overlap ? 0 : gradient_seconds(m, layout);
  const DeviceMemory& held = layout.memory;
  const double state = held.gradients + 2 * (held.masters + held.moments) + held.weights;
  t.optimizer = bandwidth > 0 ? state / bandwidth : 0;
  t.total = t.compute + t.traffic + t.bubble + t.gradients + t.optimizer;
  t.bubble_share = t.bubble / t.total;
  return t;
}

}  // namespace fathom
