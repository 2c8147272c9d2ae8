// Rows are read through decode-to-tile. Backward splits the columns among threads, so that every
// element of the table has one writer that walks the tokens in order.
#include "ops/embedding/embedding.h"

#include <algorithm>

#include "base/threads.h"
#include "ops/row_grain.h"
#include "ops/simd/add_row.h"
#include "quant/decode.h"

namespace fathom {

void embedding_forward(View<float> x, View<const int32_t> ids, const Weight& table) {
  const int64_t n = ids.size(), dim = x.dim(1);
  FATHOM_CHECK(x.rank() == 2 && x.dim(0) == n && table.present() && table.cols == dim);
  parallel_ranges(n, row_grain(2 * dim), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      FATHOM_CHECK(ids[i] >= 0 && ids[i] < table.rows);
      decode_rows(x.row(i), table, ids[i], 1, 0, dim, dim);
    }
  });
}

void embedding_backward(View<float> dtable, View<const float> dx, View<const int32_t> ids) {
  const int64_t n = ids.size(), dim = dx.dim(1);
  FATHOM_CHECK(dx.rank() == 2 && dx.dim(0) == n && dtable.rank() == 2 && dtable.dim(1) == dim);
  for (int64_t i = 0; i < n; ++i) FATHOM_CHECK(ids[i] >= 0 && ids[i] < dtable.dim(0));
  const auto add = add_row();
  const bool small = n * dim < 65536;  // not worth a second thread
  const int64_t share = (dim + num_threads() - 1) / num_threads();
  const int64_t columns = small ? dim : (share + 15) / 16 * 16;
  parallel_ranges(dim, std::max<int64_t>(columns, 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < n; ++i) {
      add(dtable.row(ids[i]) + begin, dx.row(i) + begin, end - begin);
    }
  });
}

}  // namespace fathom
