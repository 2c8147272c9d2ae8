// See step_record.h.
#include "train/step_record.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace fathom {

RouterTelemetry router_telemetry(const TrainStats& stats,
                                 const std::vector<Parameter>& parameters) {
  RouterTelemetry t;
  t.layers = stats.moe_layers;
  for (const std::vector<int64_t>& loads : stats.expert_loads) {
    int64_t sum = 0, most = 0;
    for (int64_t load : loads) {
      sum += load;
      most = std::max(most, load);
      t.dead_experts += load == 0;
    }
    const double mean = static_cast<double>(sum) / static_cast<double>(loads.size());
    t.maxvio.push_back(sum == 0 ? 0.0 : static_cast<double>(most) / mean - 1.0);
  }
  const auto mean_of = [](const std::vector<double>& x) {
    double sum = 0;
    for (double v : x) sum += v;
    return x.empty() ? 0.0 : sum / static_cast<double>(x.size());
  };
  t.maxvio_mean = mean_of(t.maxvio);
  t.router_entropy = mean_of(stats.router_entropy);
  int64_t n = 0;
  double sum = 0;
  for (const Parameter& p : parameters) {
    if (!p.router_bias) continue;
    for (int64_t i = 0; i < p.value.size(); ++i, ++n) {
      sum += p.value[i];
      t.bias_max = std::max(t.bias_max, static_cast<double>(std::abs(p.value[i])));
    }
  }
  t.bias_mean = n == 0 ? 0.0 : sum / static_cast<double>(n);
  return t;
}

std::string to_json(const StepRecord& r) {
  nlohmann::ordered_json j = {{"step", r.step},
                              {"tokens", r.tokens},
                              {"batch_size", r.batch_size},
                              {"epochs", r.epochs},
                              {"loss", r.loss_total},
                              {"loss_ce", r.loss_ce},
                              {"loss_mtp", r.loss_mtp},
                              {"balance", r.balance},
                              {"grad_norm", r.grad_norm},
                              {"lr", r.lr},
                              {"mtp_lambda", r.mtp_lambda},
                              {"bias_gamma", r.bias_gamma}};
  if (!r.router.layers.empty()) {
    j["moe_layers"] = r.router.layers;
    j["maxvio"] = r.router.maxvio;
    j["maxvio_mean"] = r.router.maxvio_mean;
    j["dead_experts"] = r.router.dead_experts;
    j["router_entropy"] = r.router.router_entropy;
    j["bias_mean"] = r.router.bias_mean;
    j["bias_max"] = r.router.bias_max;
  }
  if (r.val_loss) j["val_loss"] = *r.val_loss;
  if (r.val_bpb) j["val_bpb"] = *r.val_bpb;
  j["tokens_per_s"] = r.tokens_per_s;
  j["mfu"] = r.mfu;
  j["step_seconds"] = r.step_seconds;
  j["seconds"] = r.seconds;
  return j.dump();
}

void accumulate(TrainStats& batch, const TrainStats& micro_batch, double share) {
  batch.loss_ce += share * micro_batch.loss_ce;
  batch.loss_mtp += share * micro_batch.loss_mtp;
  batch.balance += share * micro_batch.balance;
  batch.loss_total += share * micro_batch.loss_total;
  if (batch.moe_layers.empty()) {
    batch.moe_layers = micro_batch.moe_layers;
    batch.router_entropy.assign(micro_batch.router_entropy.size(), 0.0);
    for (const auto& loads : micro_batch.expert_loads)
      batch.expert_loads.emplace_back(loads.size(), 0);
  }
  FATHOM_CHECK(batch.moe_layers == micro_batch.moe_layers);
  for (size_t row = 0; row < batch.expert_loads.size(); ++row) {
    for (size_t e = 0; e < batch.expert_loads[row].size(); ++e)
      batch.expert_loads[row][e] += micro_batch.expert_loads[row][e];
  }
  for (size_t row = 0; row < batch.router_entropy.size(); ++row) {
    batch.router_entropy[row] += share * micro_batch.router_entropy[row];
  }
}

}  // namespace fathom
