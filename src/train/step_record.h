// What log.jsonl tells of one step, and what the routers did in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/trainer_model.h"

namespace fathom {

/// Of one batch. MaxVio of a layer: (largest load - mean load) / mean load, 0 when the experts
/// share evenly. Source: Wang et al. 2024 (arXiv 2408.15664), MaxVio_batch.
struct RouterTelemetry {
  std::vector<int> layers;
  std::vector<double> maxvio;  // of each of `layers`
  double maxvio_mean = 0;
  int64_t dead_experts = 0;   // experts of all layers without a token in this batch
  double router_entropy = 0;  // mean over layers, nats
  double bias_mean = 0;       // of all routers' biases
  double bias_max = 0;        // largest absolute value
};

RouterTelemetry router_telemetry(const TrainStats& stats, const std::vector<Parameter>& parameters);

struct StepRecord {
  int64_t step = 0, tokens = 0, batch_size = 0;  // tokens: predicted positions of the run so far
  double epochs = 0;
  double loss_total = 0, loss_ce = 0, loss_mtp = 0, balance = 0;
  double grad_norm = 0;  // before clipping
  double lr = 0, mtp_lambda = 0, bias_gamma = 0;
  RouterTelemetry router;
  std::optional<double> val_loss, val_bpb;  // nats per token; bits per byte
  double tokens_per_s = 0, mfu = 0;
  double step_seconds = 0, seconds = 0;  // of this step; of the run so far, in all its attempts
};

/// One line of JSON without the newline. Numbers read back as the same bits; what is not finite is
/// null.
std::string to_json(const StepRecord& record);

/// Adds one micro-batch's stats to a batch: losses and entropies by its share, loads as they are.
void accumulate(TrainStats& batch, const TrainStats& micro_batch, double share);

}  // namespace fathom
