// The definition of causal attention in plain double loops, for tests.
#pragma once

#include <cstdint>
#include <vector>

namespace fathom {

struct AttentionRefShape {
  int64_t n = 0, n_heads = 0, n_kv_heads = 0, qk_dim = 0, v_dim = 0;
  double scale = 1.0;
  std::vector<int32_t> first_visible;  // empty: 0
};
/// q [n, n_heads, qk_dim], k [n, n_kv_heads, qk_dim], v [n, n_kv_heads, v_dim] → out [n, n_heads, v_dim]. Query i sees keys first_visible[i] … i.
std::vector<double> attention_forward_ref(const std::vector<double>& q, const std::vector<double>& k, const std::vector<double>& v,
                                          const AttentionRefShape& shape);

}  // namespace fathom
