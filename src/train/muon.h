// Muon: steps of matrices by their momentum made orthogonal, so that all its directions count alike
// and not those few alone in which gradients are large. Sources: Jordan et al. 2024, "Muon: an
// optimizer for hidden layers in neural networks" (the iteration and its coefficients); Liu et al.
// 2025, "Muon is scalable for LLM training", §2.2 (decay, and updates of AdamW's size).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "tensor/view.h"

namespace fathom {

/// A list of matrices that are made orthogonal together. Not thread-safe; the result does not
/// depend on the number of threads.
class Orthogonaliser {
 public:
  Orthogonaliser() = default;
  /// shapes: rows and columns of each, at least 1.
  explicit Orthogonaliser(const std::vector<std::pair<int64_t, int64_t>>& shapes);

  int64_t size() const { return static_cast<int64_t>(items_.size()); }
  /// Element i of matrix k, in its row-major order. Written before run(), read after it.
  float& at(int64_t k, int64_t i) {
    Item& m = items_[k];
    return m.x.data()[m.transposed ? (i % m.cols) * m.rows + i / m.cols : i];
  }
  /// Five Newton-Schulz iterations: each M of singular values s becomes one of the same singular
  /// vectors and values f(s / |M|), |M| its Frobenius norm. f, five times 3.4445 x - 4.775 x³ +
  /// 2.0315 x⁵, lies between 0.68 and 1.21 for x from 0.003 to 1. A matrix of zeros stays one.
  void run();

 private:
  struct Item {
    int64_t rows, cols;          // as given
    bool transposed;             // x is [cols, rows]: the shorter side first
    Tensor<float> x, next;       // [short, long]
    Tensor<float> gram, square;  // [short, short]
  };
  std::vector<Item> items_;
};

/// What the step of a matrix is multiplied by so that its elements are as large as AdamW's: 0.2
/// times the root of the longer side.
double muon_scale(int64_t rows, int64_t cols);

}  // namespace fathom
