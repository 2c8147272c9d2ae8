// Matrix products of the model: y = x W^T, its two gradients, and the same grouped by expert. Every output element is one chain of
// multiply-adds over k = 0, 1, 2, … so a row's bits depend on that row and the weights alone (docs/numerics.md): not on the rows beside it,
// the tile, the chunk or the thread count. Weights are read as their file holds them and packed tile by tile on the way; no copy is kept.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/view.h"

namespace fathom {

/// How the output is stored: overwritten, or y += x W^T (one addition after the chain).
enum class Store { kOverwrite, kAdd };

/// One of several products that are shared out together (the heads of MLA's up-projections, gate and up of an expert).
template <typename T, typename Y>
struct LinearProduct {
  View<Y> y;
  View<const T> x;
  Weight w;
  bool by_rows = false;  // false: y = x W^T; true: y = x W
  View<const float> bias = {};
  Store store = Store::kOverwrite;
};
/// All of them, as linear_forward (or, by_rows, linear_backward_input) would do one. Requires: no y overlaps another.
template <typename T, typename Y>
void linear_products(std::span<const LinearProduct<T, Y>> products);

/// y [n, w.rows] Y · x [n, w.cols] T · bias [w.rows] f32 or empty, added after the chain. (T, Y): (BF16, BF16), (BF16, float), (float, float).
/// T BF16: weights rounded to bf16, products of bf16 pairs summed in f32. T float: weights widened to f32. Rows of x and y may be strided.
template <typename T, typename Y>
void linear_forward(View<Y> y, View<const T> x, const Weight& w, View<const float> bias = {}, Store store = Store::kOverwrite);

/// dx [n, w.cols] Y · dy [n, w.rows] T: dx = dy W.
template <typename T, typename Y>
void linear_backward_input(View<Y> dx, View<const T> dy, const Weight& w, Store store = Store::kOverwrite);

/// dw [dy.dim(1), x.dim(1)] f32, += dy^T x (scaled by nothing). Summed over rows in order.
template <typename T>
void linear_backward_weight(View<float> dw, View<const T> dy, View<const T> x);

/// One of several weight gradients that are shared out together: dw += dy^T x.
template <typename T>
struct GradientProduct {
  View<float> dw;
  View<const T> dy, x;
};
/// Requires: no dw overlaps another. Products without rows leave their dw as it is.
template <typename T>
void gradient_products(std::span<const GradientProduct<T>> products);

}  // namespace fathom
