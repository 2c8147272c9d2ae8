// See muon.h. The products of all matrices are shared out among the threads together: most matrices
// are small experts.
#include "train/muon.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "ops/adamw/adamw.h"
#include "ops/linear/linear.h"

namespace fathom {
namespace {

constexpr int kIterations = 5;
constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;

Weight weight_of(const Tensor<float>& t) {
  return {.data = t.data(), .dtype = DType::kF32, .rows = t.dim(0), .cols = t.dim(1)};
}

using Products = std::vector<LinearProduct<float, float>>;

}  // namespace

Orthogonaliser::Orthogonaliser(const std::vector<std::pair<int64_t, int64_t>>& shapes) {
  for (const auto& [rows, cols] : shapes) {
    const int64_t brief = std::min(rows, cols), longer = std::max(rows, cols);
    items_.push_back({rows, cols, rows > cols, Tensor<float>({brief, longer}),
                      Tensor<float>({brief, longer}), Tensor<float>({brief, brief}),
                      Tensor<float>({brief, brief})});
  }
}

void Orthogonaliser::run() {
  parallel_for(size(), [&](int64_t k) {
    Tensor<float>& x = items_[k].x;
    const auto norm = static_cast<float>(std::sqrt(sum_of_squares(x.view())));
    const float scale = norm > 0 ? 1 / norm : 0;
    for (int64_t i = 0; i < x.size(); ++i) x.data()[i] *= scale;
  });
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    Products grams, squares, steps;
    for (Item& m : items_) grams.push_back({m.gram.view(), m.x.view(), weight_of(m.x)});
    linear_products<float, float>(grams);
    for (Item& m : items_) squares.push_back({m.square.view(), m.gram.view(), weight_of(m.gram)});
    linear_products<float, float>(squares);
    // X <- a X + (b G + c G²) X
    parallel_for(size(), [&](int64_t k) {
      Item& m = items_[k];
      for (int64_t i = 0; i < m.gram.size(); ++i)
        m.gram.data()[i] = kB * m.gram.data()[i] + kC * m.square.data()[i];
    });
    for (Item& m : items_) steps.push_back({m.next.view(), m.gram.view(), weight_of(m.x), true});
    linear_products<float, float>(steps);
    parallel_for(size(), [&](int64_t k) {
      Item& m = items_[k];
      for (int64_t i = 0; i < m.x.size(); ++i)
        m.x.data()[i] = kA * m.x.data()[i] + m.next.data()[i];
    });
  }
}

double muon_scale(int64_t rows, int64_t cols) {
  return 0.2 * std::sqrt(static_cast<double>(std::max(rows, cols)));
}

}  // namespace fathom
