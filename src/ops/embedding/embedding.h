// Embedding lookup and its backward.
#pragma once

#include "tensor/view.h"

namespace fathom {

/// x [n, dim] f32, overwritten with rows ids[i] of `table` (any dtype). Requires: 0 <= ids[i] <
/// table.rows.
void embedding_forward(View<float> x, View<const int32_t> ids, const Weight& table);

/// dtable [vocab, dim] f32, added to: dtable[ids[i]] += dx[i], in the order of i for each row,
/// whatever the thread count. Requires: 0 <= ids[i] < vocab.
void embedding_backward(View<float> dtable, View<const float> dx, View<const int32_t> ids);

}  // namespace fathom
