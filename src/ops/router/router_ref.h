// The definition of the router in double, for tests. Shapes as in router.h.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/router/router.h"

namespace fathom {

struct RouterRef {
  std::vector<int32_t> expert_ids;
  std::vector<double> weights, affinity;
};
/// bias may be null.
RouterRef router_forward_ref(const double* logits, const double* bias, int64_t n_tokens,
                             const RouterSpec& spec);
/// The weights of the experts given, as a function of the logits: what the backward pass
/// differentiates. affinity as well.
void router_weights_ref(double* weights, double* affinity, const double* logits,
                        const int32_t* expert_ids, int64_t n_tokens, const RouterSpec& spec);
void router_backward_ref(double* dlogits, const double* dweights, const double* daffinity,
                         const double* logits, const int32_t* expert_ids, int64_t n_tokens,
                         const RouterSpec& spec);
/// f counts expert_ids; affinity [n_tokens, n_routed_experts].
double balance_loss_ref(const double* affinity, const int32_t* expert_ids, int64_t n_tokens,
                        int64_t n_sequences, const RouterSpec& spec);

}  // namespace fathom
