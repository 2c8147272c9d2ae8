// Bytes that training sends between devices, and how many of them cross a node's border. Source of
// the MoE part: DeepSeek-V3 §3.2.2 (a token goes to each node once and is handed on inside it),
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

/// The choice of experts is taken as even. Where the expert groups are the nodes (n_group of them),
/// a token reaches topk_group nodes at most.
/// dispatch_bytes, combine_bytes: a number's, 1 in fp8 and 2 in bf16.
MoeTraffic moe_traffic(const ModelConfig& config, const Parallelism& p, int64_t devices_per_node,
                       double dispatch_bytes, double combine_bytes);

/// Seconds of one token's dispatch and combine on one device's links, in and out of a node at once.
double traffic_seconds(const MoeTraffic& traffic, const Machine& machine);

}  // namespace fathom
