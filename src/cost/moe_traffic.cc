#include "cost/moe_traffic.h"

#include <algorithm>
#include <cmath>

namespace fathom {
namespace {

/// Of `places` equal ones, how many `k` even draws hit in the mean.
double distinct(double places, double k) { return places * (1 - std::pow(1 - 1 / places, k)); }

int64_t moe_layers(const ModelConfig& c) {
  int64_t n = 0;
  for (const LayerSpec& layer : c.layers()) n += layer.ffn == FfnKind::kMoe;
  return n;
}

}  // namespace

MoeTraffic moe_traffic(const ModelConfig& c, const Parallelism& p, int64_t devices_per_node,
                       double dispatch_bytes, double combine_bytes) {
  MoeTraffic t;
  if (c.n_routed_experts == 0) return t;
  const double per_node = static_cast<double>(std::min(p.ep, devices_per_node));
  const double nodes = std::ceil(static_cast<double>(p.ep) / per_node);
  const double k = static_cast<double>(c.num_experts_per_tok);
  double reachable = nodes;
  if (c.n_group > 1 && c.topk_method != TopkMethod::kGreedy) {
    const double nodes_a_group = std::max(1.0, nodes / static_cast<double>(c.n_group));
    reachable = std::min(nodes, static_cast<double>(c.topk_group) * nodes_a_group);
  }
  t.nodes_reached = distinct(reachable, k);
  t.devices_reached = distinct(reachable * per_node, k);
  const double numbers = static_cast<double>(c.hidden_size * moe_layers(c));
  // Its own node and device are as likely among those reached as any other.
  const double inter = numbers * t.nodes_reached * (nodes - 1) / nodes;
  const double intra = numbers * t.devices_reached * (per_node - 1) / per_node;
  t.inter_dispatch = inter * dispatch_bytes, t.inter_combine = inter * combine_bytes;
  t.intra_dispatch = intra * dispatch_bytes, t.intra_combine = intra * combine_bytes;
  return t;
}

double traffic_seconds(const MoeTraffic& t, const Machine& m) {
  const double inter = t.inter_dispatch + t.inter_combine;
  const double intra = t.intra_dispatch + t.intra_combine;
  return std::max(inter > 0 ? inter / m.inter_node_bytes_per_s : 0,
                  intra > 0 ? intra / m.intra_node_bytes_per_s : 0);
}

double tensor_parallel_seconds(const ModelConfig& c, const Machine& m, int64_t tp, double layers,
                               double tokens) {
  if (tp == 1) return 0;
  const double others = static_cast<double>(tp - 1) / static_cast<double>(tp);
  // An all-reduce of n bytes sends 2 n (tp - 1) / tp of each rank.
  const double bytes = layers * 2 * 2 * others * 2 * static_cast<double>(c.hidden_size) * tokens;
  return bytes / (tp <= m.devices_per_node ? m.intra_node_bytes_per_s : m.inter_node_bytes_per_s);
}

}  // namespace fathom
