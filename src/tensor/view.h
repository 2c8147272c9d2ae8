// View<T>: a pointer, a shape and strides, passed by value, owning nothing. Tensor<T> owns. The last dimension is contiguous.
// Weight: a parameter as its file holds it (any dtype, FP8 with block scales), read by ops through decode-to-tile.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <type_traits>

#include "base/check.h"
#include "tensor/dtype.h"

namespace fathom {

/// Up to four dimensions; strides in elements; stride of the last dimension is 1.
template <typename T>
class View {
 public:
  View() = default;
  View(T* data, std::initializer_list<int64_t> shape) : data_(data), rank_(static_cast<int>(shape.size())) {
    FATHOM_CHECK(shape.size() <= 4);
    int i = 0;
    for (int64_t d : shape) shape_[i++] = d;
    int64_t s = 1;
    for (int d = rank_ - 1; d >= 0; --d) {
      stride_[d] = s;
      s *= shape_[d];
    }
  }
  /// A matrix whose rows lie `row_stride` elements apart.
  static View rows(T* data, int64_t n_rows, int64_t n_cols, int64_t row_stride) {
    View v(data, {n_rows, n_cols});
    v.stride_[0] = row_stride;
    return v;
  }
  operator View<const T>() const
    requires(!std::is_const_v<T>)
  {
    View<const T> v;
    v.data_ = data_;
    v.rank_ = rank_;
    v.shape_ = shape_;
    v.stride_ = stride_;
    return v;
  }
  T* data() const { return data_; }
  bool empty() const { return data_ == nullptr; }
  int rank() const { return rank_; }
  int64_t dim(int i) const { return shape_[i]; }
  int64_t stride(int i) const { return stride_[i]; }
  int64_t size() const {
    int64_t n = rank_ == 0 ? 0 : 1;
    for (int i = 0; i < rank_; ++i) n *= shape_[i];
    return n;
  }
  bool contiguous() const {
    int64_t s = 1;
    for (int d = rank_ - 1; d >= 0; --d) {
      if (shape_[d] != 1 && stride_[d] != s) return false;
      s *= shape_[d];
    }
    return true;
  }
  /// Start of row i (the first dimension).
  T* row(int64_t i) const { return data_ + i * stride_[0]; }
  T& operator[](int64_t i) const { return data_[i]; }
  /// Rows [begin, end) of the first dimension.
  View slice(int64_t begin, int64_t end) const {
    View v = *this;
    v.data_ = data_ + begin * stride_[0];
    v.shape_[0] = end - begin;
    return v;
  }

 private:
  template <typename U>
  friend class View;
  T* data_ = nullptr;
  int rank_ = 0;
  std::array<int64_t, 4> shape_{}, stride_{};
};

/// Owns 64-byte aligned elements, uninitialised unless zeroed. Memory of 2 MiB and more asks for huge pages.
template <typename T>
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(std::initializer_list<int64_t> shape, bool zero = false);
  View<T> view() const { return view_; }
  T* data() const { return view_.data(); }
  int64_t size() const { return view_.size(); }
  int64_t dim(int i) const { return view_.dim(i); }
  bool empty() const { return view_.empty(); }

 private:
  std::shared_ptr<void> memory_;  // shared so that a Tensor may be copied as a handle to the same numbers
  View<T> view_;
};

/// Memory of at least n_bytes, aligned to 64 (2 MiB and huge pages when that large). Zeroed on request.
std::shared_ptr<void> allocate_bytes(int64_t n_bytes, bool zero);

template <typename T>
Tensor<T>::Tensor(std::initializer_list<int64_t> shape, bool zero) {
  View<T> v(nullptr, shape);
  memory_ = allocate_bytes(v.size() * static_cast<int64_t>(sizeof(T)) + 64, zero);  // 64: kernels may load a whole vector at the end
  view_ = View<T>(static_cast<T*>(memory_.get()), shape);
}

/// A parameter matrix [rows, cols] (or vector: rows = 1) as it lies in its file; rows are `cols` elements apart.
/// FP8 (kF8E4M3): value = decode(code) * scale_inv[row / block_rows][col / block_cols], scale grid row-major
/// [ceil(rows/block_rows)][ceil(cols/block_cols)] of f32, bf16 or e8m0 (scale_dtype). Source: DeepSeek-V3 §3.3 and its published weights.
struct Weight {
  const void* data = nullptr;
  DType dtype = DType::kF32;
  int64_t rows = 0, cols = 0;
  const void* scale_inv = nullptr;
  DType scale_dtype = DType::kF32;
  int64_t block_rows = 128, block_cols = 128;
  int64_t first_row = 0;  // where a slice of rows (slice_rows) lies in the scale grid's matrix
  bool present() const { return data != nullptr; }
  int64_t size() const { return rows * cols; }
  /// Rows [begin, end) as a weight of their own.
  Weight slice_rows(int64_t begin, int64_t end) const {
    Weight w = *this;
    w.data = static_cast<const uint8_t*>(data) + begin * cols * dtype_bytes(dtype);
    w.rows = end - begin;
    w.first_row = first_row + begin;
    return w;
  }
};

}  // namespace fathom
