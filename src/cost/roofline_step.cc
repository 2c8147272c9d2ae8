// One training step as its limits have it: matrix products at their peaks, weights and state at the
// memory's bandwidth, what the devices send at the links', each times the share that a kernel
// reaches, with the pipeline's bubble around it.
#include <algorithm>

#include "cost/plan_training.h"

namespace fathom {
namespace {

/// Reduce-scatter of the gradients and all-gather of the weights among the devices that hold the
/// same parameters, over the slower of the links in use: once a step; ZeRO-2 reduces in every
/// micro-batch, ZeRO-3 gathers twice in each.
double gradient_seconds(const Machine& m, const TrainingPlan& layout, const StateBytes& state) {
  const Parallelism& p = layout.parallelism;
  if (p.dp == 1) return 0;
  const auto shared = [](double parameters, int64_t ranks) {
    return parameters * static_cast<double>(ranks - 1) / static_cast<double>(ranks);
  };
  const double n = static_cast<double>(layout.micro_batches);
  const double bytes =
      (p.zero >= 2 ? n : 1) * state.gradients + (p.zero >= 3 ? 2 * n : 1) * state.weights;
  const bool inside = m.devices <= m.devices_per_node;
  return bytes * (shared(layout.memory.other, p.dp) + shared(layout.memory.routed, p.dp / p.ep)) /
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
  const bool dual = layout.schedule == PipelineSchedule::kDualPipe;  // holds two stages
  // A stage's weights are read once for forward, twice for backward, in every micro-batch.
  const double weights =
      in.state.weights * (layout.memory.other + layout.memory.routed) / (dual ? 2 : 1) / bandwidth;
  // MTP is shared out between the kinds of work as the main model is.
  const double forward =
      peak_seconds(m, layout.precision, flops.parts) / 3 * (flops.model + flops.mtp) / flops.model;
  const double f = std::max(forward * tokens / spread / efficiency, weights);
  const double again = f * flops.recompute / ((flops.model + flops.mtp) / 3);
  double sent = traffic_seconds(layout.traffic, m) * tokens / spread;
  const double layers = static_cast<double>(c.num_hidden_layers + c.num_nextn_predict_layers);
  sent += tensor_parallel_seconds(c, m, p.tp, layers / stage, tokens);

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
  t.gradients = overlap ? 0 : gradient_seconds(m, layout, in.state);
  const DeviceMemory& held = layout.memory;
  const double state = held.gradients + 2 * (held.masters + held.moments) + held.weights;
  t.optimizer = state / bandwidth;
  t.total = t.compute + t.traffic + t.bubble + t.gradients + t.optimizer;
  t.bubble_share = t.bubble / t.total;
  return t;
}

}  // namespace fathom
