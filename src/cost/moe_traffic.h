// Bytes that devices send one another, and how many of them cross a node's border. Source of the
// MoE part: DeepSeek-V3 §3.2.2 (a token goes to each node once and is handed on inside it),
// §2.1.2 (at most topk_group nodes).
#pragma once

#include "config/model_config.h"
#include "cost/machine.h"
#include "cost/parallelism.h"

namespace fathom {

/// Bytes that one token's dispatch and combine send in one forward pass, all MoE layers, MTP's
/// among them. Backward sends the same: the gradients take the same ways back.
struct MoeTraffic {
  double nodes_reached = 0;                      // in the mean, its own among them
  double devices_reached = 0;                    // in the mean, its own among them
  double inter_dispatch = 0, inter_combine = 0;  // across nodes
  double intra_dispatch = 0, intra_combine = 0;  // inside them
};

/// The choice of experts is taken as even, among the nodes that hold topk_group of the n_group
/// expert groups. p: of it, ep alone counts. dispatch_bytes, combine_bytes: a number's, 1 in fp8
/// and 2 in bf16.
MoeTraffic moe_traffic(const ModelConfig& config, const Parallelism& p, int64_t devices_per_node,
                       double dispatch_bytes, double combine_bytes);

/// Seconds of one token's dispatch and combine on one device's links, in and out of a node at once.
double traffic_seconds(const MoeTraffic& traffic, const Machine& machine);

/// Seconds that the all-reduces of tensor parallelism take one device's link in a forward pass of
/// `tokens` (of its tp ranks together) through `layers`: two a layer, of hidden_size numbers in
/// bf16. Source: Shoeybi et al., "Megatron-LM" (2019) §3.
double tensor_parallel_seconds(const ModelConfig& config, const Machine& machine, int64_t tp,
                               double layers, double tokens);

}  // namespace fathom
